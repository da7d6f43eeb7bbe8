"""A request of requests that is over when its time is over.

The time-outs of requests start anew with every byte received, so a peer that trickles one a second holds a
function for ever. Here a timer cuts the connection. It also knows whether the connection was ever open, which
tells "not sent" from "nobody knows" without reading exceptions.
"""

import logging
import os
import socket
import threading
from contextlib import suppress
from types import TracebackType
from typing import Any, Self

import requests
from requests.adapters import HTTPAdapter
from urllib3.exceptions import HTTPError, NameResolutionError

from afterhours.channels.http import Answer, Limits, NotSent, TooLarge, Unconfirmed

# It names the address where the head of an answer is odd, and some platforms want their token in the address.
logging.getLogger("urllib3").setLevel(logging.CRITICAL)


def exchange(method: str, url: str, body: bytes | None, headers: dict[str, str], limits: Limits) -> Answer:
    """See http.post_json and get. No session: no redirects, cookies, proxies or anything else of the environment."""
    with Deadline(limits.total_s) as deadline:
        adapter = _Adapter(deadline)
        try:
            request = requests.Request(method, url, data=body, headers={**headers, "Accept-Encoding": "identity"})
            # The deadline cuts the reading; the time-out here only bounds a single read, and later.
            timeout = (limits.connect_s, limits.total_s + 1)
            response = adapter.send(request.prepare(), stream=True, timeout=timeout, verify=True)
            with response:
                read = _read(response, limits.answer_bytes)
        except (requests.RequestException, HTTPError, OSError) as error:
            if deadline.opened:
                raise Unconfirmed("timeout" if deadline.passed else "connection_lost") from error
            raise NotSent("timeout" if deadline.passed else _why_not_connected(error)) from error
        finally:
            adapter.close()
        if deadline.passed:  # a cut looks like the end of an answer without a length
            raise Unconfirmed("timeout")
    if len(read) > limits.answer_bytes:
        raise TooLarge("answer_too_large")
    return Answer(response.status_code, {name.lower(): value for name, value in response.headers.items()}, read)


def _read(response: requests.Response, limit: int) -> bytes:
    """The body, or one byte more than the limit of it. Raises TooLarge at once for a declared length above it."""
    if (response.raw.length_remaining or 0) > limit:
        raise TooLarge("answer_too_large")
    read = bytearray()
    while len(read) <= limit and (part := response.raw.read(limit + 1 - len(read), decode_content=True)):
        read += part
    return bytes(read)


def _why_not_connected(error: Exception) -> str:
    if isinstance(error, requests.Timeout):
        return "connect_timeout"
    if isinstance(error, requests.exceptions.SSLError):
        return "tls"
    cause = getattr(error.args[0], "reason", None) if error.args else None
    return "dns" if isinstance(cause, NameResolutionError) else "connect"


class Deadline:
    """Cuts the one connection it watches when its time is over.

    Before there is one, time is bounded by the time-outs of connecting and of the handshake, which are whole ones.
    """

    def __init__(self, seconds: float) -> None:
        self.passed = False
        self.opened = False  # connected, handshake and all: from here on, bytes of the request may leave
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._timer = threading.Timer(seconds, self._cut)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        self._timer.join()
        if self._socket:
            self._socket.close()

    def watch(self, descriptor: int) -> None:
        """Called when the connection stands. Raises TimeoutError when the time is over already."""
        with self._lock:
            if self.passed:
                raise TimeoutError
            # A duplicate: shutting it down ends the connection below TLS, whose own socket may be in use.
            self._socket = socket.socket(fileno=os.dup(descriptor))
            self.opened = True

    def _cut(self) -> None:
        with self._lock:
            self.passed = True
            if self._socket:
                with suppress(OSError):  # the peer was faster
                    self._socket.shutdown(socket.SHUT_RDWR)


class _Adapter(HTTPAdapter):
    """Connections that tell the deadline about themselves."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        super().__init__(max_retries=0)

    def get_connection_with_tls_context(self, *args: Any, **kwargs: Any) -> Any:
        pool: Any = super().get_connection_with_tls_context(*args, **kwargs)
        pool.ConnectionCls = _watched(pool.ConnectionCls, self._deadline)
        return pool


def _watched(kind: Any, deadline: Deadline) -> Any:
    class Watched(kind):  # type: ignore[misc]
        def connect(self) -> None:
            super().connect()
            deadline.watch(self.sock.fileno())

    return Watched
