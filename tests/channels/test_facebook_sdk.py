"""Meta's own Python SDK: it knows the requests that we send and reads what our fake answers, for messages of Pages and
Instagram accounts and for comments on both."""

import json
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from afterhours import settings
from afterhours.channels import channel as channel_named
from afterhours.channels import meta_source
from afterhours.models import Account, Kind, Outcome, Outgoing, QuickReply
from afterhours_local.platforms.graph import FakeAccount, FakeGraph
from afterhours_local.platforms.server import GraphServer
from channels.graph_kept import kept_in
from facebook_business import FacebookAdsApi, FacebookSession  # type: ignore[import-untyped]
from facebook_business.adobjects.comment import Comment  # type: ignore[import-untyped]
from facebook_business.adobjects.igcomment import IGComment  # type: ignore[import-untyped]
from facebook_business.adobjects.iguser import IGUser  # type: ignore[import-untyped]
from facebook_business.adobjects.page import Page  # type: ignore[import-untyped]
from facebook_business.exceptions import FacebookRequestError  # type: ignore[import-untyped]
from requests import PreparedRequest, Response
from requests.adapters import BaseAdapter

PAGE, IG, TOKEN, MARTA = "1234567890", "17841400000000001", "EAAJadran", "7415500923317748"
IDS = {"messenger": PAGE, "instagram": IG, "facebook_comments": PAGE, "instagram_comments": IG}
AT = 1_784_060_100_000


class IntoTheFake(BaseAdapter):
    """What the SDK sends as a form with a token beside it, as our fake takes it: as JSON, the token in a header."""

    def __init__(self, fake: FakeGraph) -> None:
        super().__init__()
        self.fake, self.sent = fake, list[tuple[str, Any]]()

    def send(self, request: PreparedRequest, *_: Any, **__: Any) -> Response:
        path, form = urlsplit(str(request.url)).path, dict(parse_qsl(str(request.body)))
        [token] = parse_qs(urlsplit(str(request.url)).query)["access_token"]
        body = {name: json.loads(value) if value[0] == "{" else value for name, value in form.items()}
        self.sent.append((path, body))
        headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
        reply = self.fake.take(path, headers, json.dumps(body).encode())
        response = Response()
        response.status_code, response._content, response.request = reply.status, reply.body, request
        return response

    def close(self) -> None:
        pass


@pytest.fixture
def posted() -> list[bytes]:
    """What the fake delivers."""
    return []


@pytest.fixture
def fake(posted: list[bytes], monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGraph]:
    monkeypatch.setenv("AFTERHOURS_LOCAL", "1")
    settings.load.cache_clear()
    url = "http://127.0.0.1/hook/meta/main"
    accounts = [FakeAccount(name, one, TOKEN, "secret", url, login="instagram") for name, one in IDS.items()]
    yield kept_in(posted, AT, *accounts)
    settings.load.cache_clear()


@pytest.fixture
def base(fake: FakeGraph) -> Iterator[str]:
    with GraphServer(fake) as server:
        yield server.url


@pytest.fixture
def adapter(fake: FakeGraph) -> IntoTheFake:
    return IntoTheFake(fake)


@pytest.fixture
def api(adapter: IntoTheFake) -> Iterator[Any]:
    session = FacebookSession(access_token=TOKEN)
    session.requests.mount("https://", adapter)
    with session.requests:
        yield FacebookAdsApi(session, api_version="v25.0")


def send(base: str, name: str, text: str, **how: Any) -> Outcome:
    account = Account(
        channel=name, id=IDS[name], app="main", source="meta", inbox="support", api_base=base, login="instagram"
    )
    return channel_named(name).send(account, TOKEN, Outgoing(to=MARTA, text=text, correlator="c", **how))


def asked(fake: FakeGraph) -> tuple[str, Any]:
    """Our sender's last request."""
    return fake.calls[-1].path, json.loads(fake.calls[-1].body)


def object_of(name: str, api: Any) -> Any:
    return Page(PAGE, api=api) if IDS[name] == PAGE else IGUser(IG, api=api)


@pytest.mark.parametrize("how", [{}, {"quick_replies": (QuickReply(id="faq:a", title="A"),)}], ids=["text", "choice"])
@pytest.mark.parametrize("name", ["messenger", "instagram"])
def test_the_sdk_sends_a_message_as_we_do(
    fake: FakeGraph, base: str, adapter: IntoTheFake, api: Any, name: str, how: dict[str, Any]
) -> None:
    fake.say(name, IDS[name], MARTA, "Hello")
    outcome = send(base, name, "Dobro jutro 🙂", **how)
    path, request = asked(fake)
    answer = sent_by_sdk(api, name, request)
    assert adapter.sent == [(path, request)]
    mine, theirs = fake.sent
    assert (outcome.platform_id, answer["message_id"]) == (mine.platform_id, theirs.platform_id)
    assert (mine.to, mine.text, mine.choices) == (theirs.to, theirs.text, theirs.choices)


def sent_by_sdk(api: Any, name: str, request: dict[str, Any]) -> Any:
    """What the SDK makes of the answer; it has to know each part of the request."""
    pending = object_of(name, api).create_message(params=request, pending=True)
    assert [key for key in request if not pending._param_checker.is_valid_key(key)] == []
    return pending.execute()


@pytest.mark.parametrize("name", ["facebook_comments", "instagram_comments"])
def test_the_sdk_answers_a_comment_in_private_as_we_do(
    fake: FakeGraph, base: str, adapter: IntoTheFake, api: Any, name: str
) -> None:
    first, second = (fake.comment(name, IDS[name], MARTA, "Is there parking?").message_id for _ in range(2))
    outcome = send(base, name, "Yes.", handle=first, private_reply=True)
    path, request = asked(fake)
    request["recipient"] = {"comment_id": second}
    answer = sent_by_sdk(api, name, request)
    assert adapter.sent == [(path, request)]
    mine, theirs = fake.sent
    assert (outcome.platform_id, answer["message_id"]) == (mine.platform_id, theirs.platform_id)
    assert [sent.comment for sent in fake.sent] == [first, second]
    with pytest.raises(FacebookRequestError, match="replied to privately already"):
        sent_by_sdk(api, name, request)


@pytest.mark.parametrize("name", ["facebook_comments", "instagram_comments"])
def test_the_sdk_answers_a_comment_beneath_it_as_we_do(
    fake: FakeGraph, base: str, adapter: IntoTheFake, api: Any, name: str
) -> None:
    comment = fake.comment(name, IDS[name], MARTA, "Is there parking?").message_id
    outcome = send(base, name, "Yes.", handle=comment)
    if name == "facebook_comments":
        answer = Comment(comment, api=api).create_comment(params={"message": "Yes."})
    else:
        answer = IGComment(comment, api=api).create_reply(params={"message": "Yes."})
    assert adapter.sent == [asked(fake)]
    assert [outcome.platform_id, answer["id"]] == [sent.platform_id for sent in fake.sent]
    assert [(sent.comment, sent.public) for sent in fake.sent] == [(comment, True)] * 2


def test_a_comment_in_a_webhook_is_a_comment_of_the_sdk(fake: FakeGraph, posted: list[bytes], api: Any) -> None:
    """The Page's webhooks have names of their own; Instagram's value is the object itself."""
    root = fake.comment("instagram_comments", IG, MARTA, "Is there parking?", name="marta").message_id
    fake.comment("instagram_comments", IG, MARTA, "And breakfast? 🙂", name="marta", parent=root)
    for body in posted:
        [piece] = meta_source.split(body)
        value = piece["entry"][0]["changes"][0]["value"]
        known = {name for key, name in vars(IGComment.Field).items() if not key.startswith("__")}
        assert set(value) <= known
        theirs, event = IGComment(api=api), channel_named("instagram_comments").normalise(piece)
        theirs._set_data(value)
        field = IGComment.Field
        assert (event.kind, event.message_id, event.text) == (Kind.COMMENT, theirs[field.id], theirs[field.text])
        assert (event.sender_id, event.contact_name) == (theirs["from"]["id"], theirs["from"]["username"])
        assert (event.parent_id, event.post_id) == (theirs._data.get(field.parent_id), theirs[field.media]["id"])


def test_the_sdk_and_our_sender_tell_the_fakes_refusals_alike(fake: FakeGraph, base: str, api: Any) -> None:
    fake.met("messenger", PAGE, MARTA, at_ms=AT - 25 * 3_600_000)
    nobody = {"recipient": {"id": "1"}, "messaging_type": "RESPONSE", "message": {"text": "Hello"}}
    with pytest.raises(FacebookRequestError) as refused:
        sent_by_sdk(api, "messenger", nobody)
    assert (refused.value.api_error_code(), refused.value.api_error_subcode()) == (100, 2018001)
    outcome = send(base, "messenger", "Too late")
    with pytest.raises(FacebookRequestError) as refused:
        sent_by_sdk(api, "messenger", asked(fake)[1])
    code, subcode = refused.value.api_error_code(), refused.value.api_error_subcode()
    assert (outcome.code, outcome.reason) == (f"{code}/{subcode}", "window_closed")
    assert not refused.value.api_transient_error()
