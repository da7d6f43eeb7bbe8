"""A platform on 127.0.0.1 that answers each connection as it is told, down to the bytes, and keeps what it was sent."""

import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple, Self

Behaviour = Callable[["Connection"], None]


class Received(NamedTuple):
    """One request, as it arrived."""

    method: str
    path: str
    headers: Mapping[str, str]  # names in lower case
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class Connection:
    """One accepted connection; `over` is set when the test is, so that nothing waits longer."""

    def __init__(self, accepted: socket.socket, server: "FaultyServer") -> None:
        self.socket = accepted
        self.over = server.over
        self._server = server

    def read_request(self) -> None:
        head, _, rest = self._until(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        method, path, _version = lines[0].split(" ")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        while len(rest) < int(headers.get("content-length", "0")):
            rest += self._some()
        self._server.received.append(Received(method, path, headers, rest))

    def write(self, data: bytes) -> None:
        self.socket.sendall(data)

    def reset(self) -> None:
        """End the connection with RST, not FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.socket.close()

    def _until(self, mark: bytes) -> tuple[bytes, bytes, bytes]:
        data = b""
        while mark not in data:
            data += self._some()
        return data.partition(mark)

    def _some(self) -> bytes:
        if data := self.socket.recv(65536):
            return data
        raise ConnectionError("closed")


class FaultyServer:
    """Plays the behaviours in order, the last one for ever; counts connections and requests."""

    def __init__(self, *behaviours: Behaviour) -> None:
        self.received: list[Received] = []
        self.connections = 0
        self.over = threading.Event()
        self._behaviours = list(behaviours)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve)

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            self.connections += 1
            behaviour = self._behaviours.pop(0) if len(self._behaviours) > 1 else self._behaviours[0]
            with accepted:
                try:
                    behaviour(Connection(accepted, self))
                except OSError:
                    continue  # the client was gone first


def answer(status: int, body: bytes | Mapping[str, Any] = b"", **headers: str) -> Behaviour:
    """A whole answer; header names are given with underscores."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode("ascii")
    named = {"content-length": str(len(content)), **{name.replace("_", "-"): value for name, value in headers.items()}}
    head = "".join(f"{name}: {value}\r\n" for name, value in named.items())
    return after_request(lambda connection: connection.write(f"HTTP/1.1 {status} X\r\n{head}\r\n".encode() + content))


def error(
    code: int, subcode: int | None = None, *, status: int = 400, transient: bool | None = None, **headers: str
) -> Behaviour:
    """An error of Graph."""
    body: dict[str, Any] = {
        "message": "refused",
        "type": "OAuthException",
        "code": code,
        "fbtrace_id": "A1",
    }
    if subcode is not None:
        body["error_subcode"] = subcode
    if transient is not None:
        body["is_transient"] = transient
    return answer(status, {"error": body}, **headers)


def raw(data: bytes) -> Behaviour:
    """These bytes after the request, then the end of the connection."""
    return after_request(lambda connection: connection.write(data))


def halved(whole: Behaviour) -> Behaviour:
    """The first half of what it writes, then the end of the connection."""

    class Half:
        def __init__(self, connection: Connection) -> None:
            self.read_request = connection.read_request
            self.write = lambda data: connection.write(data[: len(data) // 2])

    return lambda connection: whole(Half(connection))  # type: ignore[arg-type]


def after_request(then: Behaviour) -> Behaviour:
    def behave(connection: Connection) -> None:
        connection.read_request()
        then(connection)

    return behave


def silent(connection: Connection) -> None:
    """Neither answer nor end."""
    connection.over.wait()


def trickle(data: bytes) -> Behaviour:
    """The bytes one at a time, each well within the time-out of a single read, and never an end."""

    def behave(connection: Connection) -> None:
        for at in range(len(data)):
            connection.write(data[at : at + 1])
            if connection.over.wait(0.02):
                return
        connection.over.wait()

    return behave


def reset(connection: Connection) -> None:
    connection.reset()


def reset_while_sending(connection: Connection) -> None:
    connection.socket.recv(1)
    connection.reset()


def close(connection: Connection) -> None:
    connection.socket.close()


@contextmanager
def full_backlog() -> Iterator[int]:
    """The port of a server that accepts nobody any more: connecting to it times out."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:
            one.setblocking(False)
            one.connect_ex(listener.getsockname())
        yield int(listener.getsockname()[1])
        for one in waiting:
            one.close()


def closed_port() -> int:
    """A port where nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
