"""HTTP sessions of the commands: what goes to this machine goes there directly, past any proxy."""

from urllib.parse import urlsplit

import requests

TIMEOUT_S = (3, 30)


def is_this_machine(url: str) -> bool:
    return urlsplit(url).hostname in ("127.0.0.1", "localhost", "::1")


def opened(url: str) -> requests.Session:
    """A session for this address."""
    session = requests.Session()
    session.trust_env = not is_this_machine(url)
    return session


class Bearer(requests.auth.AuthBase):
    """An access token. Given as `auth`, because a password of ~/.netrc would replace a mere header."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request
