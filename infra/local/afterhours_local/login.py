"""Signs a person in at a deployed stack: authorization code with PKCE, in their own browser, back to this machine."""

import base64
import hashlib
import html
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit

from afterhours_local import web

PORT = 8400  # with /callback the command line's address in the template's CallbackUrls
PATIENCE_S = 300.0
SCOPES = "openid afterhours/agent"


class LoginFailed(RuntimeError):
    """No code came back, or the code led to no token."""


class Token(NamedTuple):
    access_token: str
    expires_at: int  # epoch seconds


@dataclass(frozen=True)
class UserPoolPages:
    """The hosted pages of a user pool, and its public client."""

    url: str
    client_id: str


def sign_in(
    pages: UserPoolPages, open_page: Callable[[str], object], *, port: int = PORT, patience_s: float = PATIENCE_S
) -> Token:
    """Send the person to the pages with `open_page` and wait until they come back. Raises LoginFailed."""
    verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(24)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    with _Listener(port) as listener:
        callback = f"http://localhost:{listener.server_port}/callback"
        asked = {
            "response_type": "code",
            "client_id": pages.client_id,
            "redirect_uri": callback,
            "scope": SCOPES,
            "state": state,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        open_page(f"{pages.url}/oauth2/authorize?{urlencode(asked)}")
        code = listener.wait_for_code(state, patience_s)
    return _redeem(pages, {"code": code, "redirect_uri": callback, "code_verifier": verifier})


def _redeem(pages: UserPoolPages, grant: dict[str, str]) -> Token:
    import requests

    data = {"grant_type": "authorization_code", "client_id": pages.client_id, **grant}
    try:
        with web.opened(pages.url) as http:
            answer = http.post(f"{pages.url}/oauth2/token", data=data, timeout=web.TIMEOUT_S, allow_redirects=False)
        given = answer.json()
        return Token(str(given["access_token"]), int(time.time()) + int(given["expires_in"]))
    except (requests.RequestException, ValueError, KeyError, TypeError) as error:
        raise LoginFailed("the code was not taken; sign in again") from error


class _Listener(HTTPServer):
    """Waits on this machine for the one request that brings the code. What does not know our state is not it."""

    allow_reuse_address = True

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Callback)
        self.state = ""
        self.found: dict[str, str] = {}

    def wait_for_code(self, state: str, patience_s: float) -> str:
        self.state = state
        deadline = time.monotonic() + patience_s
        while not self.found:
            self.timeout = deadline - time.monotonic()
            if self.timeout <= 0:
                raise LoginFailed(f"nobody came back within {patience_s:g} s")
            self.handle_request()
        if "code" not in self.found:
            raise LoginFailed(f"refused: {self.found.get('error_description') or self.found.get('error')}")
        return self.found["code"]

    def get_request(self) -> Any:
        connection, address = super().get_request()
        connection.settimeout(5)  # a browser's spare connection must not hold up the one with the code
        return connection, address


class _Callback(BaseHTTPRequestHandler):
    server: _Listener

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        given = {name: values[0] for name, values in parse_qs(parts.query).items()}
        ours = parts.path == "/callback" and secrets.compare_digest(
            given.get("state", "").encode(), self.server.state.encode()
        )
        if ours:
            self.server.found = given
        words = "Signed in; you may close this page." if ours and "code" in given else "Not signed in."
        page = f"<!doctype html><title>Afterhours</title><p>{html.escape(words)}".encode()
        self.send_response(200 if ours else 404)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.send_header("Content-Length", str(len(page)))
        self.end_headers()
        self.wfile.write(page)

    def log_message(self, format: str, *args: object) -> None:
        """Nothing: the path holds the code."""
