"""An engine's front door that keeps what each function asks of AWS, as IAM sees it, and what was denied.

It stands between the functions and the engine and changes nothing. Whose call it is tells the access key, which the
stack's own AssumeRole calls give away.
"""

import json
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qs, urlsplit

from afterhours_local.clients import Clients

_IN_TRANSACTION = {
    "ConditionCheck": "ConditionCheckItem",
    "Put": "PutItem",
    "Update": "UpdateItem",
    "Delete": "DeleteItem",
}
_BATCHED = {"SendMessageBatch": "SendMessage"}


class Call(NamedTuple):
    """An action on a resource: `PutItem`, `table <name>`; a transaction is several."""

    function: str
    action: str
    resource: str


class RecordedCalls:
    """`url` is what the functions take for AWS; `watch` has to be called once the stack is up."""

    def __init__(self) -> None:
        self.made: list[Call] = []
        self.denied: list[Call] = []
        self.engine = ""
        self.functions: dict[str, str] = {}  # by access key
        self._meanwhile: tuple[Call, Callable[[], object]] | None = None
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.calls = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), name="recorded-calls")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def watch(self, engine_url: str, clients: Clients) -> None:
        """Pass calls on to this engine, and learn from these clients whose credentials are whose."""
        self.engine = engine_url
        clients.sts.meta.events.register("after-call.sts.AssumeRole", self._learn)

    def meanwhile(self, call: Call, do: Callable[[], object]) -> None:
        """Once, just before this call reaches the engine, something else happens."""
        self._meanwhile = call, do

    def note(self, calls: list[Call]) -> None:
        self.made += calls
        if self._meanwhile and self._meanwhile[0] in calls:
            (_, do), self._meanwhile = self._meanwhile, None
            do()

    def _learn(self, parsed: dict[str, Any], **_: object) -> None:
        session = parsed["AssumedRoleUser"]["Arn"].rpartition("/")[2]
        self.functions[parsed["Credentials"]["AccessKeyId"]] = session


class _Server(ThreadingHTTPServer):
    calls: RecordedCalls
    daemon_threads = True


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def do_POST(self) -> None:
        calls = self.server.calls
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        asked = list(self._asked(calls.functions, body))
        calls.note(asked)
        engine = HTTPConnection(urlsplit(calls.engine).netloc, timeout=15)
        try:
            engine.putrequest(self.command, self.path, skip_host=True, skip_accept_encoding=True)
            for name, value in self.headers.items():
                engine.putheader(name, value)
            engine.endheaders(body)
            answer = engine.getresponse()
            content = answer.read()
        finally:
            engine.close()
        if answer.status == 403 or b"AccessDenied" in content or b"AuthorizationError" in content:
            calls.denied += asked
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("connection", "content-length", "transfer-encoding", "date", "server"):
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_PUT = do_DELETE = do_POST  # noqa: N815  names of the server's

    def _asked(self, functions: dict[str, str], body: bytes) -> Iterator[Call]:
        key = self.headers.get("Authorization", "").partition("Credential=")[2].partition("/")[0]
        if key not in functions:
            return
        is_form = "form-urlencoded" in self.headers.get("Content-Type", "")
        target = self.headers.get("X-Amz-Target", "SNS." if is_form else "S3.")
        service, _, operation = target.partition(".")
        for action, resource in _actions(service, operation, self.command, self.path, body):
            yield Call(functions[key], action, resource)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: what matters is kept."""


def _actions(service: str, operation: str, method: str, path: str, body: bytes) -> Iterator[tuple[str, str]]:
    if service == "S3":
        bucket, _, key = urlsplit(path).path.lstrip("/").partition("/")
        yield f"{method.title()}{'Object' if key else 'Bucket'}", f"bucket {bucket}"
        return
    if service == "SNS":
        form = parse_qs(body.decode("ascii"))
        yield form["Action"][0], f"topic {form['TopicArn'][0]}"
        return
    asked = json.loads(body)
    if service == "AmazonSSM":
        yield operation, f"parameter {asked['Name']}"
    elif service == "AmazonSQS":
        yield _BATCHED.get(operation, operation), f"queue {asked['QueueUrl'].rpartition('/')[2]}"
    elif operation == "TransactWriteItems":
        for item in asked["TransactItems"]:
            for kind, write in item.items():
                yield _IN_TRANSACTION[kind], f"table {write['TableName']}"
    elif operation == "BatchGetItem":
        for table in asked["RequestItems"]:
            yield operation, f"table {table}"
    else:
        index = f"/index/{asked['IndexName']}" if "IndexName" in asked else ""
        yield operation, f"table {asked['TableName']}{index}"
