"""Signs an agent in as a browser does: authorization code with PKCE through the user pool's hosted pages.

The tokens have the shape of Cognito's: an access token with `token_use`, `client_id` and the scopes of the client.
"""

import base64
import contextlib
import hashlib
import secrets
from dataclasses import dataclass
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import requests
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

_TIMEOUT_S = 10
_PAGES = 4  # name, choice, password, and one to spare
_CLIENT_SETTINGS = (
    *("AllowedOAuthFlows", "AllowedOAuthScopes", "AllowedOAuthFlowsUserPoolClient", "ExplicitAuthFlows"),
    *("SupportedIdentityProviders", "PreventUserExistenceErrors", "EnableTokenRevocation", "TokenValidityUnits"),
    *("AccessTokenValidity", "IdTokenValidity", "RefreshTokenValidity"),
)


class SignInFailed(RuntimeError):
    """The hosted pages did not lead to a code, or the code not to tokens."""


@dataclass(frozen=True)
class Tokens:
    access_token: str
    id_token: str
    refresh_token: str
    expires_in: int


@dataclass(frozen=True)
class UserPool:
    """A pool and its public client, in the engine at `url`."""

    url: str
    pool_id: str
    client_id: str
    cognito: "CognitoIdentityProviderClient"

    def add_user(self, email: str, password: str) -> str:
        """Make the user, or give an existing one this password; their `sub`."""
        with contextlib.suppress(self.cognito.exceptions.UsernameExistsException):  # somebody of an earlier run
            self.cognito.admin_create_user(
                UserPoolId=self.pool_id,
                Username=email,
                UserAttributes=[{"Name": "email", "Value": email}, {"Name": "email_verified", "Value": "true"}],
                MessageAction="SUPPRESS",
                TemporaryPassword=password,  # one that ministack makes itself is too short for longer policies
            )
        self.cognito.admin_set_user_password(UserPoolId=self.pool_id, Username=email, Password=password, Permanent=True)
        user = self.cognito.admin_get_user(UserPoolId=self.pool_id, Username=email)
        return next(each["Value"] for each in user["UserAttributes"] if each["Name"] == "sub")

    def come_back_to(self, *addresses: str) -> None:
        """Let people come back to these, too, after signing in or out: pages that this machine serves."""
        client = self._client()
        known = [each for each in client["CallbackURLs"] if each not in addresses]
        # What an update leaves out it sets back.
        kept = {name: client[name] for name in _CLIENT_SETTINGS if name in client}
        self.cognito.update_user_pool_client(
            UserPoolId=self.pool_id,
            ClientId=self.client_id,
            **kept,
            CallbackURLs=[*known, *addresses],
            LogoutURLs=[*known, *addresses],
        )

    def sign_in(self, email: str, password: str) -> Tokens:
        """Raises SignInFailed."""
        client = self._client()
        verifier = secrets.token_urlsafe(48)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
        callback = client["CallbackURLs"][0]
        with requests.Session() as browser:
            browser.trust_env = False
            page = browser.get(
                f"{self.url}/oauth2/authorize",
                params={
                    "response_type": "code",
                    "client_id": self.client_id,
                    "redirect_uri": callback,
                    "scope": " ".join(client["AllowedOAuthScopes"]),
                    "state": secrets.token_urlsafe(16),
                    "code_challenge": challenge,
                    "code_challenge_method": "S256",
                },
                allow_redirects=False,
                timeout=_TIMEOUT_S,
            )
            code = self._code(browser, page, {"username": email, "password": password})
            answer = browser.post(
                f"{self.url}/oauth2/token",
                data={
                    "grant_type": "authorization_code",
                    "client_id": self.client_id,
                    "code": code,
                    "redirect_uri": callback,
                    "code_verifier": verifier,
                },
                timeout=_TIMEOUT_S,
            )
        if answer.status_code != 200:
            raise SignInFailed(f"no tokens: {answer.status_code} {answer.text[:200]}")
        tokens = answer.json()
        return Tokens(tokens["access_token"], tokens["id_token"], tokens["refresh_token"], tokens["expires_in"])

    def _client(self) -> dict[str, Any]:
        try:
            answer = self.cognito.describe_user_pool_client(UserPoolId=self.pool_id, ClientId=self.client_id)
        except ClientError as error:
            raise SignInFailed(f"no such user pool client: {error}") from error
        return dict(answer["UserPoolClient"])

    def _code(self, browser: requests.Session, page: requests.Response, answers: dict[str, str]) -> str:
        """Fill in the pages until one leads away with a code."""
        for _ in range(_PAGES):
            if page.is_redirect:
                came_back = parse_qs(urlsplit(page.headers["location"]).query)
                if "code" not in came_back:
                    raise SignInFailed(f"sent back without a code: {came_back}")
                return came_back["code"][0]
            form = _Form(page.text)
            if page.status_code != 200 or form.action is None or form.error:
                raise SignInFailed(f"{page.status_code} {form.error or page.text[:200]}")
            fields = form.hidden | {name: answers[name] for name in form.asked if name in answers}
            page = browser.post(f"{self.url}{form.action}", data=fields, allow_redirects=False, timeout=_TIMEOUT_S)
        raise SignInFailed("too many pages")


class _Form(HTMLParser):
    """The one form of a hosted page: where it goes, what it carries, what it asks, what it complains of."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.action: str | None = None
        self.hidden: dict[str, str] = {}
        self.asked: list[str] = []
        self.error = ""
        self._in_error = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self._in_error = given.get("class") == "error"
        if tag == "form":
            self.action = given.get("action")
        elif tag == "input" and given.get("type") == "hidden":
            self.hidden[given["name"]] = given.get("value", "")
        elif tag == "input":
            self.asked.append(given["name"])

    def handle_data(self, data: str) -> None:
        if self._in_error:
            self.error += data.strip()
