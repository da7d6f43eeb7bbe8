"""Signing in at hosted pages: the test is the browser."""

import base64
import hashlib
from threading import Thread
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from afterhours_local import login, session
from afterhours_local.cli import app
from typer.testing import CliRunner

from .conftest import Answers


class Browser:
    """Comes back from the pages with what a test says."""

    def __init__(self, *visits: dict[str, str]) -> None:
        self.visits = visits
        self.asked: dict[str, str] = {}
        self.statuses: list[int] = []
        self.thread = Thread(target=self._come_back)

    def __call__(self, address: str) -> None:
        self.asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        self.thread.start()

    def _come_back(self) -> None:
        port = urlsplit(self.asked["redirect_uri"]).port
        for visit in self.visits:
            query = {"state": self.asked["state"], **visit}
            answer = requests.get(f"http://127.0.0.1:{port}/callback", params=query, timeout=5)
            self.statuses.append(answer.status_code)


def signed_in(answers: Answers, browser: Browser) -> login.Token:
    try:
        return login.sign_in(login.UserPoolPages(answers.url, "client"), browser, port=0, patience_s=10)
    finally:
        browser.thread.join()


def test_the_code_is_redeemed_with_the_verifier_of_the_challenge(answers: Answers) -> None:
    answers.tell(200, {"access_token": "the-token", "expires_in": 3600})
    browser = Browser({"code": "the-code"})
    assert signed_in(answers, browser).access_token == "the-token"
    sent = {name: values[0] for name, values in parse_qs(answers.asked[0]["body"].decode()).items()}
    assert sent["code"] == "the-code"
    assert sent["redirect_uri"] == browser.asked["redirect_uri"]
    challenge = base64.urlsafe_b64encode(hashlib.sha256(sent["code_verifier"].encode()).digest()).rstrip(b"=")
    assert browser.asked["code_challenge"] == challenge.decode()
    assert browser.asked["scope"] == "openid afterhours/agent"


def test_a_code_with_another_state_is_not_taken(answers: Answers) -> None:
    answers.tell(200, {"access_token": "the-token", "expires_in": 3600})
    browser = Browser({"code": "planted", "state": "guessed"}, {"code": "the-code"})
    signed_in(answers, browser)
    assert browser.statuses == [404, 200]
    assert b"code=the-code" in answers.asked[0]["body"]


def test_a_refusal_is_told(answers: Answers) -> None:
    with pytest.raises(login.LoginFailed, match="access_denied"):
        signed_in(answers, Browser({"error": "access_denied"}))


def test_a_code_that_is_not_taken_is_told(answers: Answers) -> None:
    answers.tell(400, {"error": "invalid_grant"})
    with pytest.raises(login.LoginFailed, match="sign in again"):
        signed_in(answers, Browser({"code": "used"}))


def test_nobody_coming_back_ends_the_wait(answers: Answers) -> None:
    with pytest.raises(login.LoginFailed, match="nobody came back"):
        login.sign_in(login.UserPoolPages(answers.url, "client"), lambda address: None, port=0, patience_s=0.05)


def test_later_commands_use_the_login_until_it_ends(answers: Answers) -> None:
    session.remember_login(session.Login(answers.url, "the-token", 2**40))
    answers.tell(204, "")
    result: Any = CliRunner().invoke(app, ["agent", "pull", "--inbox", "support"])
    assert result.exit_code == 0
    assert answers.asked[0]["headers"]["authorization"] == "Bearer the-token"
    session.remember_login(session.Login(answers.url, "the-token", 1))
    assert session.login() is None


def test_login_wants_to_know_where() -> None:
    result = CliRunner().invoke(app, ["agent", "login"])
    assert (result.exit_code, "--stack NAME" in result.stderr) == (2, True)
