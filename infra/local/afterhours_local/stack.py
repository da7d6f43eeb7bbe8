"""The whole of Afterhours on this machine, as template.yaml describes it.

    with LocalStack(Path("template.yaml")) as stack:
        requests.post(f"{stack.url}/hook/meta/main", …)
        stack.drain()
        stack.clients.dynamodb.scan(TableName=stack.environment["THREADS_TABLE"])

With `serve=False` nothing runs in the background: `answer`, `invoke`, `tick` and `drain` do all work in the calling
thread, which is what most tests want.
"""

import contextlib
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, Self

from afterhours import settings

from afterhours_local import resources, template
from afterhours_local.authorizer import JwtAuthorizer
from afterhours_local.clients import Clients, RoleClients
from afterhours_local.clock import Clock
from afterhours_local.dynamodb_local import DynamoDBLocal, find_emulator
from afterhours_local.engine import REGION, Ministack
from afterhours_local.environment import BorrowedEnvironment, agreed, forget_cached
from afterhours_local.executors import Executor, FunctionError, InProcess
from afterhours_local.gateway import Gateway
from afterhours_local.http_event import HttpAnswer, HttpRequest
from afterhours_local.notices import Say, say_nothing
from afterhours_local.poller import Poller
from afterhours_local.process import ServerFailed, Wait, port_is_taken
from afterhours_local.runtime_executor import RuntimeExecutor
from afterhours_local.scheduler import Scheduler
from afterhours_local.signin import UserPool
from afterhours_local.template import QueueSource, Template

if TYPE_CHECKING:
    from mypy_boto3_sqs import SQSClient

EngineName = Literal["ministack", "dynamodb-local"]
ExecutorName = Literal["in-process", "runtime"]


class LocalStack:
    """`clock` stops the functions' time at a moment. `environment` adds variables to every function. `data_dir`
    keeps the engine's state for the next time. `runtime` gives functions their roles and has them enforced."""

    def __init__(
        self,
        template_path: Path,
        *,
        engine: EngineName = "ministack",
        executor: ExecutorName = "in-process",
        port: int = 0,
        engine_port: int = 0,
        data_dir: Path | None = None,
        clock: datetime | None = None,
        stack_name: str = "afterhours-local",
        parameters: Mapping[str, str] | None = None,
        environment: Mapping[str, str] | None = None,
        serve: bool = True,
        on_event: Say = say_nothing,
        wait: Wait = time.sleep,
    ) -> None:
        self.template: Template = template.read(template_path, parameters)
        self._engine_name = engine
        self._executor_name = executor
        self._port = port
        self._data_dir = data_dir
        self._start_at = clock
        self.stack_name = stack_name
        self._extra = dict(environment or {})
        self._serve = serve
        self._say = on_event
        self._wait = wait
        self.engine = Ministack(port=engine_port, data_dir=data_dir, enforce_iam=executor == "runtime", wait=wait)
        self.url = ""
        self._undo = contextlib.ExitStack()

    # Started and stopped

    def __enter__(self) -> Self:
        try:
            self._start()
        except BaseException:
            self._undo.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self, *, drain_s: float = 5.0) -> None:
        """Take no more requests, finish what is queued within some seconds, end everything."""
        try:
            if self.url:
                self._gateway.stop()
                self._scheduler.stop()
                if self.engine.is_running() and not self.drain(within_s=drain_s):
                    self._say("undrained", {})
        finally:
            self._undo.close()
            self.url = ""

    def run_until_interrupted(self) -> None:
        """Block; Ctrl-C ends it. Raises ServerFailed where the engine dies."""
        ended = threading.Event()
        with contextlib.suppress(KeyboardInterrupt):
            while not ended.wait(0.5):
                if not self.engine.is_running():
                    raise ServerFailed(f"the engine died:\n{self.engine.last_lines()}")

    def _start(self) -> None:
        if self._serve and self._port and port_is_taken(self._port):
            raise ServerFailed(f"port {self._port} is taken; give another one, or none")
        undo = self._undo
        scratch = Path(tempfile.mkdtemp(prefix="afterhours-"))
        undo.callback(shutil.rmtree, scratch, ignore_errors=True)
        self.clock = Clock(scratch / "clock")
        if self._start_at:
            self.clock.set_to(self._start_at)
        self.engine.start()
        undo.callback(self.engine.stop)
        self.dynamodb_url = self._start_tables()
        self.clients = Clients(self.engine.url, dynamodb_url=self.dynamodb_url)
        self.made = resources.make(self.template, self.clients, stack_name=self.stack_name, wait=self._wait)
        resources.complete_tables(self.template, self.clients, self.made)
        self.environments = {name: self._environment_of(name) for name in self.template.functions}
        borrowed = BorrowedEnvironment()
        undo.callback(borrowed.give_back)
        borrowed.borrow(self.environment)
        self._executor = self._make_executor()
        undo.callback(self._executor.close)
        self._pollers = [self._make_poller(source) for source in self.template.queue_sources]
        self._scheduler = Scheduler(self.template.schedules, invoke=self.invoke, now=self.clock.now, say=self._say)
        self._gateway = self._make_gateway()
        if self._serve:
            self._start_serving()

    def _start_serving(self) -> None:
        port = self._gateway.start(self._port)
        self.url = f"http://127.0.0.1:{port}"
        if self.template.of_type("AWS::Cognito::UserPoolClient"):
            self.user_pool.come_back_to(f"{self.url}/inbox", f"http://localhost:{port}/inbox")
        for poller in self._pollers:
            poller.start()
            self._undo.callback(poller.stop)
        self._scheduler.start()
        self._say("started", {"url": self.url, "engine": self.engine.url})

    def _start_tables(self) -> str:
        """Where the tables are: with the rest, or in an engine of their own."""
        if self._engine_name == "ministack":
            return self.engine.url

        def warn(text: str) -> None:
            self._say("warning", {"text": text})

        tables = DynamoDBLocal(emulator=find_emulator(warn), data_dir=self._data_dir, say=warn, wait=self._wait)
        tables.start()
        self._undo.callback(tables.stop)
        return tables.url

    # What there is

    @property
    def outputs(self) -> Mapping[str, str]:
        """Physical ids by logical id."""
        return self.made.ids

    @cached_property
    def environment(self) -> dict[str, str]:
        """The variables of all functions together, as this process has them while the stack runs."""
        if self._executor_name == "in-process":
            return agreed(self.environments)
        return {name: value for each in self.environments.values() for name, value in each.items()}

    def settings(self) -> settings.Settings:
        return settings.load()

    @cached_property
    def user_pool(self) -> UserPool:
        pool = next(iter(self.template.of_type("AWS::Cognito::UserPool")))
        client = next(iter(self.template.of_type("AWS::Cognito::UserPoolClient")))
        return UserPool(self.engine.url, self.outputs[pool], self.outputs[client], self.clients.cognito)

    # What one can do with it

    def invoke(self, function: str, event: Any) -> Any:
        """Call a function by its logical id. Raises FunctionError."""
        begun = time.monotonic()
        try:
            result = self._executor.invoke(function, event)
        except FunctionError as error:
            self._say("raised", {"function": function, "error": str(error), "trace": error.trace})
            raise
        self._say("invoked", {"function": function, "ms": round((time.monotonic() - begun) * 1000)})
        return result

    def answer(self, request: HttpRequest) -> HttpAnswer:
        """What the gateway answers, without a connection."""
        return self._gateway.answer(request)

    def tick(self) -> dict[str, Any]:
        """Fire every schedule once, now. Raises FunctionError."""
        return self._scheduler.tick()

    def drain(self, *, within_s: float = 30.0) -> bool:
        """Until the polled queues hold nothing, visible, delayed or in flight; False where something is left."""
        deadline = time.monotonic() + within_s
        if not self._serve:
            while full := [poller for poller in self._pollers if not poller.is_empty()]:
                if time.monotonic() > deadline:
                    return False
                if not sum(poller.handle_once() for poller in full):  # what was received too often is gone now
                    return all(poller.is_empty() for poller in full)
            return True
        while not all(poller.is_empty() for poller in self._pollers):
            if time.monotonic() > deadline:
                return False
            self._wait(0.02)
        return True

    def redeliver(self) -> int:
        """Show messages that failed at once instead of after their visibility time-out; how many there were."""
        return sum(poller.redeliver() for poller in self._pollers)

    def empty(self) -> None:
        """Delete all items, messages and objects: the next test starts afresh in the same stack."""
        resources.empty(self.template, self.clients, self.made)
        forget_cached()

    # How its parts are made

    def _environment_of(self, function: str) -> dict[str, str]:
        local = {
            "AFTERHOURS_LOCAL": "1",
            "AFTERHOURS_CLOCK": str(self.clock.file),
            "AWS_ENDPOINT_URL": self.engine.url,
            "SIGN_IN_URL": self.engine.url,
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
        }
        if self.dynamodb_url != self.engine.url:
            local["AWS_ENDPOINT_URL_DYNAMODB"] = self.dynamodb_url
        written = self.template.functions[function].environment
        return {**{name: self.made.value(value) for name, value in written.items()}, **local, **self._extra}

    def _make_executor(self) -> Executor:
        if self._executor_name == "in-process":
            return InProcess(
                self.template.functions,
                self.environments,
                stack_name=self.stack_name,
                layers=self.template.layers,
                say=self._say,
            )
        return RuntimeExecutor(
            self.template.functions,
            self.environments,
            stack_name=self.stack_name,
            layers=self.template.layers,
            credentials=self._role_of,
            say=self._say,
        )

    def _role_of(self, function: str) -> Mapping[str, str]:
        return self.clients.assume(self.made.value(self.template.functions[function].role), function)

    def _make_poller(self, source: QueueSource) -> Poller:
        """It polls as the function's role does, where roles count: a role that may not is found here."""
        sqs: Callable[[], SQSClient]
        if self._executor_name == "runtime":
            role_arn = self.made.value(self.template.functions[source.function].role)
            sqs = RoleClients(self.engine.url, self.clients, role_arn, "poller").sqs
        else:
            sqs = self._root_sqs
        return Poller(
            source,
            queue_url=self.outputs[source.queue],
            queue_arn=self.made.value({"Fn::GetAtt": [source.queue, "Arn"]}),
            sqs=sqs,
            invoke=self.invoke,
            say=self._say,
        )

    def _root_sqs(self) -> "SQSClient":
        return self.clients.sqs

    def _make_gateway(self) -> Gateway:
        authorizers = {
            name: JwtAuthorizer(
                issuer=self.made.value(each.issuer),
                audience=[self.made.value(audience) for audience in each.audience],
                # The issuer's own address leads to the real service; its keys are here.
                keys_url=f"{self.engine.url}/{self.made.value(each.issuer).rpartition('/')[2]}/.well-known/jwks.json",
            )
            for name, each in self.template.authorizers.items()
        }
        return Gateway(
            self.template.routes,
            cors=self.template.cors,
            invoke=self.invoke,
            authorizers=authorizers,
            now_ms=self.clock.now_ms,
            say=self._say,
        )
