"""An HTTP API on 127.0.0.1: the template's routes, authorizers and limits, in front of the functions."""

import re
import sys
import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

from afterhours_local.authorizer import Forbidden, JwtAuthorizer, Unauthorized
from afterhours_local.cors import allow_origin, answer_preflight, is_preflight
from afterhours_local.executors import FunctionError, Invoke
from afterhours_local.http_event import HttpAnswer, HttpRequest, UnusableAnswer, build_event, message, read_answer
from afterhours_local.notices import Say
from afterhours_local.template import Cors, Route

_MAX_BODY = 10 * 1024 * 1024
_MAX_HEADERS = 10_240  # request line and header values together


class Gateway:
    """`answer` is the whole of it; the server around it only reads and writes HTTP."""

    def __init__(
        self,
        routes: Sequence[Route],
        *,
        invoke: Invoke,
        authorizers: Mapping[str, JwtAuthorizer],
        cors: Cors | None = None,
        now_ms: Callable[[], int],
        say: Say,
    ) -> None:
        self._routes = [(_pattern(route.path), route) for route in sorted(routes, key=_specific_first)]
        self._invoke = invoke
        self._authorizers = authorizers
        self._cors = cors
        self._now_ms = now_ms
        self._say = say
        self._api_id = uuid.uuid4().hex[:10]
        self._server: _Server | None = None

    def start(self, port: int = 0) -> int:
        """Serve in the background; the port comes back. Raises OSError where it is taken."""
        self._server = _Server(("127.0.0.1", port), _Handler)
        self._server.answer = self.answer
        threading.Thread(target=self._server.serve_forever, args=(0.05,), name="gateway", daemon=True).start()
        return self._server.server_port

    def stop(self) -> None:
        if self._server:
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def answer(self, request: HttpRequest) -> HttpAnswer:
        request_id = str(uuid.uuid4())
        answer = self._answer(request, request_id)
        if self._cors:
            answer = allow_origin(request, answer, self._cors)
        self._say("http", {"method": request.method, "path": request.path, "status": answer.status})
        return HttpAnswer(answer.status, (*answer.headers, ("apigw-requestid", request_id)), answer.body)

    def _answer(self, request: HttpRequest, request_id: str) -> HttpAnswer:
        if len(request.target) + sum(len(name) + len(value) for name, value in request.headers) > _MAX_HEADERS:
            return message(431, "Request Header Fields Too Large")
        if len(request.body) > _MAX_BODY:
            return message(413, "Request Entity Too Large")
        if self._cors and is_preflight(request):
            return answer_preflight(self._cors)
        route, parameters = self._match(request)
        if route is None:
            return message(404, "Not Found")
        try:
            authorizer = self._authorize(route, request)
        except Unauthorized:
            return message(401, "Unauthorized", ("www-authenticate", "Bearer"))
        except Forbidden:
            return message(403, "Forbidden", ("www-authenticate", 'Bearer error="insufficient_scope"'))
        event = build_event(
            request,
            route_key=f"{route.method} {route.path}",
            path_parameters=parameters,
            authorizer=authorizer,
            request_id=request_id,
            now_ms=self._now_ms(),
            api_id=self._api_id,
        )
        try:
            return read_answer(self._invoke(route.function, event))
        except (FunctionError, UnusableAnswer) as error:
            self._say("failed", {"function": route.function, "error": str(error)})
            return message(500, "Internal Server Error")

    def _match(self, request: HttpRequest) -> tuple[Route | None, dict[str, str]]:
        for pattern, route in self._routes:
            found = pattern.fullmatch(request.path)
            if found and route.method in (request.method, "ANY"):
                return route, {name: unquote(value) for name, value in found.groupdict().items()}
        return None, {}

    def _authorize(self, route: Route, request: HttpRequest) -> dict[str, Any] | None:
        if route.authorizer is None:
            return None
        header = next((value for name, value in request.headers if name.lower() == "authorization"), None)
        return self._authorizers[route.authorizer].authorize(header, route.scopes)


def _pattern(path: str) -> re.Pattern[str]:
    parts = re.split(r"\{(\w+)(\+?)\}", path)
    pattern = re.escape(parts[0])
    for name, greedy, text in zip(parts[1::3], parts[2::3], parts[3::3], strict=True):
        pattern += f"(?P<{name}>{'.+' if greedy else '[^/]+'})" + re.escape(text)
    return re.compile(pattern)


def _specific_first(route: Route) -> tuple[list[int], bool]:
    """Fixed segments before parameters before greedy ones; a method before ANY."""
    weights = [2 if "+}" in part else 1 if "{" in part else 0 for part in route.path.split("/")]
    return weights, route.method == "ANY"


class _Server(ThreadingHTTPServer):
    answer: Callable[[HttpRequest], HttpAnswer]
    daemon_threads = True
    block_on_close = False  # a kept-alive connection would hold the stop
    request_queue_size = 128

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is not worth a traceback."""
        if not isinstance(sys.exception(), OSError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def __getattr__(self, name: str) -> Any:
        if name.startswith("do_"):
            return self._serve
        raise AttributeError(name)

    def _serve(self) -> None:
        try:
            body = self._read_body()
        except ValueError:
            self.close_connection = True
            return self._write(message(400, "Bad Request"))
        if body is None:
            self.close_connection = True
            return self._write(message(413, "Request Entity Too Large"))
        return self._write(
            self.server.answer(
                HttpRequest(
                    method=self.command,
                    target=self.path,
                    headers=tuple(self.headers.items()),
                    body=body,
                    source_ip=self.client_address[0],
                    protocol=self.request_version,
                )
            )
        )

    def _read_body(self) -> bytes | None:
        """None where it is too large to be read at all. Raises ValueError where its length cannot be told."""
        if "chunked" in self.headers.get("transfer-encoding", "").lower():
            return self._read_chunks()
        length = int(self.headers.get("content-length", "0"))
        if length < 0:
            raise ValueError("a negative length")
        return None if length > _MAX_BODY else self.rfile.read(length)

    def _read_chunks(self) -> bytes | None:
        body = b""
        while True:
            size = int(self.rfile.readline(32).partition(b";")[0], 16)
            if len(body) + size > _MAX_BODY:
                return None
            body += self.rfile.read(size)
            self.rfile.readline(4)
            if size == 0:
                return body

    def _write(self, answer: HttpAnswer) -> None:
        self.send_response(answer.status)
        for name, value in answer.headers:
            self.send_header(name, value)
        if answer.status != 204:
            self.send_header("content-length", str(len(answer.body)))
        self.end_headers()
        if self.command != "HEAD" and answer.status != 204:
            self.wfile.write(answer.body)

    def version_string(self) -> str:
        return "afterhours-local"

    def log_message(self, format: str, *args: Any) -> None:
        """The gateway says what happened, once, through `say`."""
