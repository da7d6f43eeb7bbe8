"""Slack's incoming webhooks: which addresses are ones, what is posted, and what the answers mean."""

import json
from collections.abc import Iterator
from http.client import HTTPConnection
from urllib.parse import urlsplit

import pytest
from afterhours import settings
from afterhours.channels import slack
from afterhours.models import Outcome, Result
from afterhours_local.platforms.graph import FakeGraph
from afterhours_local.platforms.server import GraphServer
from afterhours_local.platforms.slack import RETRY_AFTER_S, FakeSlack, Trouble
from backend import Clock

PATH = "/services/T00000000/B00000000/abcDEF123"
URL = f"https://hooks.slack.com{PATH}"


@pytest.fixture
def fake() -> FakeSlack:
    return FakeSlack([URL])


@pytest.fixture
def server(fake: FakeSlack) -> Iterator[GraphServer]:
    with GraphServer(FakeGraph(lambda: 0), slack=fake) as serving:
        yield serving


@pytest.mark.parametrize(
    "url",
    [
        "",
        "http://hooks.slack.com/services/T0/B0/abc",
        "https://hooks.slack.com/services/T0/B0",
        "https://hooks.slack.com/services/T0/B0/abc/",
        "https://hooks.slack.com/services/T0/B0/abc?x=1",
        "https://hooks.slack.com/services/T0/B0/abc#x",
        "https://hooks.slack.com/services/T0/B0/abc\n",
        "https://hooks.slack.com/services/T0/B0/../abc",
        "https://hooks.slack.com/workflows/T0/B0/abc",
        "https://hooks.slack.com:443/services/T0/B0/abc",
        "https://user@hooks.slack.com/services/T0/B0/abc",
        "https://hooks.slack.com.evil.example/services/T0/B0/abc",
        "https://evil.example/hooks.slack.com/services/T0/B0/abc",
        "https://hooks.slack.com/services/T0/B0/аbc",
        " https://hooks.slack.com/services/T0/B0/abc",
    ],
)
def test_nothing_but_a_webhook_of_slacks_is_posted_to(url: str) -> None:
    assert not slack.is_webhook(url)
    assert slack.post(url, "x") == Outcome(result=Result.REFUSED, reason="not_a_webhook", account_problem=True)


def test_a_text_is_posted_as_text_and_can_call_nobody(clock: Clock, fake: FakeSlack, server: GraphServer) -> None:
    assert slack.post(URL, "<!channel> <@U1> a & b *c*", base=server.url) == Outcome(result=Result.SENT)
    assert [(one.hook, one.text) for one in fake.received] == [(PATH, "&lt;!channel&gt; &lt;@U1&gt; a &amp; b *c*")]


def test_another_host_is_honoured_in_the_local_stack_only(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    assert slack.address(URL, "http://127.0.0.1:9") == f"http://127.0.0.1:9{PATH}"
    assert slack.address(URL, None) == URL
    monkeypatch.setenv("AFTERHOURS_LOCAL", "0")
    settings.load.cache_clear()
    assert slack.address(URL, "http://127.0.0.1:9") == URL


@pytest.mark.parametrize(
    ("trouble", "outcome"),
    [
        (Trouble.RATE_429, ("not_sent", "rate_limited", "429", RETRY_AFTER_S, False)),
        (Trouble.ERROR_500, ("unknown", "platform_error", "500", None, False)),
        (Trouble.HTML, ("unknown", "unreadable", "200", None, False)),
        (Trouble.RESET, ("unknown", "connection_lost", None, None, False)),
        (Trouble.CHANNEL_IS_ARCHIVED, ("refused", "channel_is_archived", "410", None, True)),
        (Trouble.ACTION_PROHIBITED, ("refused", "action_prohibited", "403", None, True)),
    ],
)
def test_an_answer_says_what_became_of_the_text(
    clock: Clock, fake: FakeSlack, server: GraphServer, trouble: Trouble, outcome: tuple[object, ...]
) -> None:
    fake.misbehave(trouble)
    found = slack.post(URL, "x", base=server.url)
    assert (found.result, found.reason, found.code, found.retry_after_s, found.account_problem) == outcome


@pytest.mark.parametrize(
    ("path", "word", "code"),
    [
        ("/services/T11111111/B00000000/abcDEF123", "no_team", "404"),
        ("/services/T00000000/B11111111/abcDEF123", "no_service", "404"),
        ("/services/T00000000/B00000000/other", "invalid_token", "403"),
    ],
)
def test_an_address_that_is_out_of_use_is_refused(
    clock: Clock, server: GraphServer, path: str, word: str, code: str
) -> None:
    found = slack.post(f"https://hooks.slack.com{path}", "x", base=server.url)
    assert (found.result, found.reason, found.code) == (Result.REFUSED, word, code)


def test_nobody_there_is_certainly_not_sent(clock: Clock) -> None:
    found = slack.post(URL, "x", base="http://127.0.0.1:9")
    assert (found.result, found.reason, found.retry_after_s) == (Result.NOT_SENT, "connect", 60)


@pytest.mark.parametrize(
    ("content_type", "body", "word"),
    [
        ("application/x-www-form-urlencoded", b'{"text":"x"}', "invalid_payload"),
        ("text/plain", b'{"text":"x"}', "invalid_payload"),
        ("", b'{"text":"x"}', "invalid_payload"),
        ("application/json", b"text", "invalid_payload"),
        ("application/json", b'["text"]', "invalid_payload"),
        ("application/json", b'{"text":"x","channel":"#general"}', "invalid_payload"),
        ("application/json", json.dumps({"text": "x" * 40_001}).encode(), "invalid_payload"),
        ("application/json", b"{}", "no_text"),
        ("application/json", b'{"text":""}', "no_text"),
        ("application/json", b'{"text":4711}', "no_text"),
    ],
)
def test_the_fake_refuses_what_slack_refuses(
    fake: FakeSlack, server: GraphServer, content_type: str, body: bytes, word: str
) -> None:
    assert post(server, body, content_type) == (400, word)
    assert post(server, b'{"text":"x"}', "application/json; charset=utf-8") == (200, "ok")
    assert [one.text for one in fake.received] == ["x"]


def post(server: GraphServer, body: bytes, content_type: str) -> tuple[int, str]:
    connection = HTTPConnection(urlsplit(server.url).netloc, timeout=5)
    connection.request("POST", PATH, body, {"Content-Type": content_type} if content_type else {})
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


def test_people_see_what_slack_was_sent(fake: FakeSlack, server: GraphServer) -> None:
    post(server, b'{"text":"2 threads wait"}', "application/json")
    connection = HTTPConnection(urlsplit(server.url).netloc, timeout=5)
    connection.request("GET", "/_fake/slack")
    assert json.loads(connection.getresponse().read()) == [{"hook": PATH, "text": "2 threads wait", "at_ms": 0}]
    connection.close()
