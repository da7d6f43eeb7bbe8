"""The executor `runtime`: each function in processes of its own, through awslambdaric and the Runtime API.

A process gets what Lambda would give it and nothing of ours: its variables, the layers, the credentials of its role.
Time-outs kill it, a crash loses it, and the next invocation starts another.
"""

import json
import os
import queue
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from afterhours_local.clients import ROLE_LASTS_S
from afterhours_local.executors import FunctionError, as_payload
from afterhours_local.notices import Say
from afterhours_local.process import end_group
from afterhours_local.runtime_api import Invocation, Report, RuntimeApi
from afterhours_local.template import Function

Credentials = Callable[[str], Mapping[str, str]]

_INIT_S = 20.0  # Lambda allows 10 s; this machine may be busy


class RuntimeExecutor:
    """`credentials` gives those of a function's role. At most `processes` of one function run at once; more wait."""

    def __init__(
        self,
        functions: Mapping[str, Function],
        environments: Mapping[str, Mapping[str, str]],
        *,
        stack_name: str,
        layers: Sequence[Path],
        credentials: Credentials,
        say: Say,
        processes: int = 4,
    ) -> None:
        self._pools = {
            name: _Pool(
                function,
                environments[name],
                name=f"{stack_name}-{name}",
                layers=layers,
                credentials=credentials,
                say=say,
                size=processes,
            )
            for name, function in functions.items()
        }

    def invoke(self, function: str, event: Any) -> Any:
        return self._pools[function].invoke(as_payload(event))

    def close(self) -> None:
        for pool in self._pools.values():
            pool.close()


class _Pool:
    def __init__(
        self,
        function: Function,
        environment: Mapping[str, str],
        *,
        name: str,
        layers: Sequence[Path],
        credentials: Credentials,
        say: Say,
        size: int,
    ) -> None:
        self._function = function
        self._environment = dict(environment)
        self._name = name
        self._layers = layers
        self._credentials = credentials
        self._say = say
        self._free = threading.BoundedSemaphore(size)
        self._lock = threading.Lock()
        self._idle: list[_Process] = []
        self._all: set[_Process] = set()

    def invoke(self, payload: bytes) -> Any:
        with self._free:
            process = self._take()
            try:
                result = process.invoke(payload)
            except FunctionError:
                if process.is_lost:
                    self._drop(process)
                else:
                    self._give_back(process)
                raise
            self._give_back(process)
            return result

    def close(self) -> None:
        with self._lock:
            everything, self._all, self._idle = self._all, set(), []
        for process in everything:
            process.close()

    def _take(self) -> "_Process":
        with self._lock:
            process = self._idle.pop() if self._idle else None
        if process and process.is_old:
            self._drop(process)
            process = None
        if process is None:
            process = _Process(
                self._function,
                _environment(self._function, self._name, self._environment, self._layers, self._credentials),
                name=self._name,
                say=self._say,
            )
            with self._lock:
                self._all.add(process)
        return process

    def _give_back(self, process: "_Process") -> None:
        with self._lock:
            self._idle.append(process)

    def _drop(self, process: "_Process") -> None:
        with self._lock:
            self._all.discard(process)
        process.close()


class _Process:
    def __init__(self, function: Function, environment: Mapping[str, str], *, name: str, say: Say) -> None:
        self._function = function
        self._name = name
        self._say = say
        self._api = RuntimeApi()
        self._born = time.monotonic()
        self.is_lost = False
        self._process = subprocess.Popen(  # noqa: S603  a command of ours
            [sys.executable, "-m", "awslambdaric", function.handler],
            cwd=function.code,
            env={**environment, "AWS_LAMBDA_RUNTIME_API": self._api.address},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        self._watcher = threading.Thread(target=self._watch, name=f"watch-{name}", daemon=True)
        self._watcher.start()
        self._started = False

    @property
    def is_old(self) -> bool:
        return time.monotonic() - self._born > ROLE_LASTS_S

    def invoke(self, payload: bytes) -> Any:
        if not self._started:
            self._expect("ready", within_s=_INIT_S)
            self._started = True
        timeout_s = self._function.timeout_s
        invocation = Invocation(
            request_id=str(uuid.uuid4()),
            deadline_ms=time.time_ns() // 1_000_000 + timeout_s * 1000,
            function_arn=f"arn:aws:lambda:eu-central-1:000000000000:function:{self._name}",
            payload=payload,
        )
        self._api.offer(invocation)
        report = self._expect("response", within_s=timeout_s, request_id=invocation.request_id)
        return json.loads(report.body or b"null")

    def close(self) -> None:
        self.is_lost = True
        end_group(self._process, within_s=1.0)
        self._api.close()
        self._watcher.join(2)
        if self._process.stdout:
            self._process.stdout.close()

    def _expect(self, what: str, *, within_s: float, request_id: str = "") -> Report:
        deadline = time.monotonic() + within_s
        while True:
            try:
                report = self._api.reports.get(timeout=max(0.0, deadline - time.monotonic()))
            except queue.Empty:
                self.is_lost = True
                raise FunctionError("Sandbox.Timedout", f"Task timed out after {within_s:g} seconds") from None
            if report.what == "exit":
                self.is_lost = True
                raise FunctionError("Runtime.ExitError", f"Runtime exited, code {report.body.decode()}")
            if report.what == "init_error":
                self.is_lost = True
                raise _reported(report)
            if report.what == "error" and report.request_id == request_id:
                raise _reported(report)
            if report.what == what and report.request_id == request_id:
                return report

    def _watch(self) -> None:
        stdout = self._process.stdout
        for line in stdout or ():
            text = line.decode("utf-8", "replace").rstrip("\n")
            self._say("log", {"function": self._function.name, "line": text})
        code = self._process.wait()
        self._api.reports.put(Report("exit", "", str(code).encode()))


def _reported(report: Report) -> FunctionError:
    error = report.error()
    return FunctionError(
        str(error.get("errorType", "Error")), str(error.get("errorMessage", "")), "".join(error.get("stackTrace", []))
    )


def _environment(
    function: Function, name: str, variables: Mapping[str, str], layers: Sequence[Path], credentials: Credentials
) -> dict[str, str]:
    """What Lambda gives a process, from first to last; the path is that of our interpreter. Raises FunctionError."""
    try:
        keys = credentials(function.name)
    except (BotoCoreError, ClientError) as error:
        raise FunctionError("Runtime.NoCredentials", str(error)) from error
    return {
        "PATH": os.environ.get("PATH", ""),
        "LANG": "en_US.UTF-8",
        "TZ": ":UTC",
        "PYTHONPATH": os.pathsep.join(str(layer) for layer in layers),
        "PYTHONUNBUFFERED": "1",
        "LAMBDA_TASK_ROOT": str(function.code),
        "_HANDLER": function.handler,
        "AWS_EXECUTION_ENV": f"AWS_Lambda_python{sys.version_info.major}.{sys.version_info.minor}",
        "AWS_LAMBDA_FUNCTION_NAME": name,
        "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_mb),
        "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
        "AWS_LAMBDA_LOG_GROUP_NAME": f"/aws/lambda/{name}",
        "AWS_LAMBDA_LOG_STREAM_NAME": "local",
        **variables,
        "AWS_ACCESS_KEY_ID": keys["AccessKeyId"],
        "AWS_SECRET_ACCESS_KEY": keys["SecretAccessKey"],
        "AWS_SESSION_TOKEN": keys["SessionToken"],
    }
