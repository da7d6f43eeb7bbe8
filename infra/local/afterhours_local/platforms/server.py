"""The fake Graph API, and Slack beside it, over HTTP on 127.0.0.1, with their faults, and a small face for people under
/_fake/."""

import base64
import json
import socket
import socketserver
import struct
import threading
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler
from io import BufferedReader
from types import TracebackType
from typing import Self, cast

from afterhours_local.platforms import fake, faults, graph, graph_comments
from afterhours_local.platforms.fake import FakePlatform
from afterhours_local.platforms.faults import Fault, Reply
from afterhours_local.platforms.graph import FakeGraph
from afterhours_local.platforms.graph_files import PATHS, File
from afterhours_local.platforms.slack import FakeSlack

BODY_LIMIT = 1_000_000
HELP = b"""Fake platforms of the local stack.

POST /v25.0/{id}/messages  what the platform takes, strictly
POST /services/T/B/secret Slack's incoming webhooks, as strictly
GET  /_fake/sent           what the platform was sent, as JSON
GET  /_fake/slack          what Slack was sent, as JSON
POST /_fake/say            {"channel", "account", "contact", "text", "name"?,
                           "file"? {"type", "base64", "mime_type", "name"?}}: a customer writes, as JSON
"""


class GraphServer(socketserver.ThreadingTCPServer):
    """Serves a FakeGraph and a FakeSlack until closed; `url` is the base of both. `drip_s` is a slow-loris's pause."""

    allow_reuse_address = True
    request_queue_size = 128
    daemon_threads = False  # close() joins them

    def __init__(
        self,
        graph: FakeGraph,
        port: int = 0,
        *,
        drip_s: float = 1.0,
        slack: FakeSlack | None = None,
        others: Iterable[FakePlatform] = (),
    ) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.graph = graph
        self.slack = slack or FakeSlack()
        self.others = {platform.NAME: platform for platform in others}
        self.drip_s = drip_s
        self.closing = threading.Event()
        self._connections: set[socket.socket] = set()
        self._connections_lock = threading.Lock()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name="fake-graph")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def start(self) -> Self:
        self._thread.start()
        return self

    def close(self) -> None:
        """Stop, let go of every waiting client and wait for the threads."""
        self.closing.set()
        self.shutdown()
        self._thread.join()
        with self._connections_lock:
            for connection in self._connections:
                _hang_up(connection)
        self.server_close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def opened(self, connection: socket.socket) -> None:
        with self._connections_lock:
            self._connections.add(connection)
        if self.closing.is_set():
            _hang_up(connection)

    def ended(self, connection: socket.socket) -> None:
        with self._connections_lock:
            self._connections.discard(connection)

    def shutdown_request(self, request: socket.socket | tuple[bytes, socket.socket]) -> None:
        self.close_request(request)  # without a FIN first, so that a connection set to reset is reset


def _hang_up(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class _Handler(BaseHTTPRequestHandler):
    server: GraphServer
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def setup(self) -> None:
        super().setup()
        self.server.opened(self.connection)

    def finish(self) -> None:
        self.server.ended(self.connection)
        super().finish()

    def handle_one_request(self) -> None:
        """Wait for a request; a send that is to be reset unread is reset here."""
        try:
            start = cast(BufferedReader, self.rfile).peek(1)
            if start.startswith(b"POST /v") and self.server.graph.next_fault(before_reading=True):
                return self._reset()
            super().handle_one_request()
        except ConnectionError:
            self.close_connection = True

    def _other(self) -> FakePlatform | None:
        """The platform whose paths begin so."""
        return self.server.others.get(self.path.lstrip("/").partition("/")[0])

    def _call(self, platform: FakePlatform, body: bytes) -> None:
        path = self.path.removeprefix(f"/{platform.NAME}")
        reply = platform.answer(self.command, path, self._named(), body)
        return self._reset() if reply is None else self._answer(reply)

    def do_PUT(self) -> None:
        self.do_POST()

    def do_DELETE(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        if other := self._other():
            self._call(other, b"")
        elif self.path.startswith(("/v", *PATHS)):
            self.server.graph.saw("GET", self.path, b"", None)
            self._answer(self.server.graph.show(self.path, self._named()))
        elif not self._from_here():
            self._answer(Reply(403, b"", {}))
        elif self.path == "/_fake/sent":
            sent = [asdict(one) for one in self.server.graph.sent]
            sent += [asdict(one) for other in self.server.others.values() for one in other.sent]
            self._answer(faults.as_json(200, json.dumps(sent).encode()))
        elif self.path == "/_fake/slack":
            received = [one._asdict() for one in self.server.slack.received]
            self._answer(faults.as_json(200, json.dumps(received).encode()))
        elif self.path == "/":
            self._answer(Reply(200, HELP, {"Content-Type": "text/plain; charset=utf-8"}))
        else:
            self._answer(Reply(404, b"", {}))

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or int(length) > BODY_LIMIT:
            self.close_connection = True
            return self._answer(Reply(413 if length else 411, b"", {"Connection": "close"}))
        raw = self.rfile.read(int(length))
        if other := self._other():
            return self._call(other, raw)
        if self.path == "/_fake/say":
            return self._say(raw)
        if self.path.startswith("/services/"):
            return self._notice(raw)
        return self._send(raw)

    def _notice(self, raw: bytes) -> None:
        reply = self.server.slack.take(self.path, self.headers.get("Content-Type", ""), raw)
        return self._reset() if reply is None else self._answer(reply)

    def _send(self, raw: bytes) -> None:
        graph = self.server.graph
        planned = graph.next_fault()
        graph.saw("POST", self.path, raw, planned.fault if planned else None)
        if planned is None or planned.taken:
            reply = graph.take(self.path, self._named(), raw)
            if planned is None or reply.status != 200:
                return self._answer(reply)
        else:
            reply = faults.as_json(200, b'{"success":true}')
        return self._misbehave(planned.fault, reply)

    def _misbehave(self, fault: Fault, good: Reply) -> None:
        reply = faults.answer(fault, good.body, self.server.url + self.path)
        match fault:
            case Fault.RESET_AFTER_READING:
                self._reset()
            case Fault.HANG:
                self.server.closing.wait()
                self.close_connection = True
            case Fault.SLOW_LORIS:
                self._drip(_wire(reply))
            case Fault.CUT_BODY:
                self._write(_wire(reply)[:-10])
                self.close_connection = True
            case Fault.KEEP_ALIVE_CLOSED:
                self._answer(reply)
                self.close_connection = True  # after an answer that promised to go on
            case _:
                self._answer(reply)

    def _say(self, raw: bytes) -> None:
        """A page in a browser can neither set this content type without asking nor come under this host."""
        if not self._from_here() or self.headers.get_content_type() != "application/json":
            return self._answer(Reply(403, b"", {}))
        try:
            wish = json.loads(raw)
            channel, account, contact, text = (str(wish[key]) for key in ("channel", "account", "contact", "text"))
            file = _file(wish["file"]) if "file" in wish else None
            said = self._said(channel, account, contact, text, wish.get("name"), file)
        except (ValueError, TypeError, AttributeError, LookupError) as error:
            return self._answer(faults.as_json(400, json.dumps({"error": str(error)}).encode()))
        return self._answer(
            faults.as_json(200, json.dumps({"message_id": said.message_id, "status": said.status}).encode())
        )

    def _said(
        self, channel: str, account: str, contact: str, text: str, name: str | None, file: File | None
    ) -> graph.Said | fake.Said:
        for other in self.server.others.values():
            if (channel, account) in {(each.channel, each.id) for each in other.accounts()}:
                return other.say(channel, account, contact, text, name=name)
        if channel in graph_comments.EDGES:
            return self.server.graph.comment(channel, account, contact, text, name=name or "Customer")
        return self.server.graph.say(channel, account, contact, text, name=name, file=file)

    def _named(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def _from_here(self) -> bool:
        return self.headers.get("Host", "").rpartition(":")[0] in ("127.0.0.1", "localhost")

    def _answer(self, reply: Reply) -> None:
        self._write(_wire(reply))

    def _write(self, data: bytes) -> None:
        with suppress(OSError):  # the client may have gone
            self.wfile.write(data)

    def _drip(self, data: bytes) -> None:
        for byte in data:
            if self.server.closing.wait(self.server.drip_s):
                break
            self.wfile.write(bytes([byte]))

    def _reset(self) -> None:
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: what was sent is kept, and a log would hold message text."""


def _file(wish: dict[str, str]) -> File:
    return File(wish["type"], base64.b64decode(wish["base64"]), wish["mime_type"], wish.get("name"))


def _wire(reply: Reply) -> bytes:
    """The bytes of an answer. Written by hand because the library's stamps it with the machine's clock."""
    lines = [f"HTTP/1.1 {reply.status} Fake"]
    lines += [f"{name}: {value}" for name, value in {**reply.headers, "Content-Length": len(reply.body)}.items()]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + reply.body
