"""X's own Python SDK against our fake: what it sends is taken, and it understands the answers, as our sender does."""

from collections.abc import Iterator

import pytest
from afterhours import settings
from afterhours.channels import x, x_api, x_posts
from afterhours.channels.contract import Renewed
from afterhours.models import Account, Outgoing, Result
from afterhours_local.platforms.fake import Delivered, FakeAccount
from afterhours_local.platforms.graph import FakeGraph
from afterhours_local.platforms.server import GraphServer
from afterhours_local.platforms.x import FakeX, Trouble
from backend import Clock
from requests import HTTPError
from xdk import Client
from xdk.direct_messages.models import CreateByParticipantIdRequest
from xdk.posts.models import CreateRequest
from xdk.schemas import CreatePostsReply

OUR, PETRA = "1983000000000000001", "1755000000000000002"


@pytest.fixture
def platform(clock: Clock) -> FakeX:
    fake = FakeX(settings.now_ms, lambda method, url, headers, body: Delivered(200, b""))
    keys = {"refresh": "first-refresh", "client_id": "client", "client_secret": "client-secret"}
    for channel in ("x", "x_posts"):
        fake.register(FakeAccount(channel, OUR, "first-token", "secret", "http://127.0.0.1:1/hook/x/main", **keys))
    return fake


@pytest.fixture
def url(platform: FakeX) -> Iterator[str]:
    with GraphServer(FakeGraph(settings.now_ms), others=[platform]) as server:
        yield f"{server.url}/x"


@pytest.fixture
def sdk(url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    client = Client(base_url=url, access_token="first-token")
    yield client
    client.session.close()


@pytest.fixture
def account(url: str) -> Account:
    return Account(channel="x", id=OUR, app="main", source="x", inbox="support", api_base=url)


def test_the_sdk_and_our_sender_send_the_same_direct_message(platform: FakeX, sdk: Client, account: Account) -> None:
    platform.say("x", OUR, PETRA, "Hello")
    answered = sdk.direct_messages.create_by_participant_id(PETRA, CreateByParticipantIdRequest(text="Yes."))
    outcome = x.send(account, "first-token", Outgoing(to=PETRA, text="Yes.", correlator="c"))
    theirs, ours = platform.sent
    assert (theirs.to, theirs.text) == (ours.to, ours.text) == (PETRA, "Yes.")
    assert answered.data is not None
    assert answered.data.dm_event_id == theirs.platform_id
    assert outcome.platform_id == ours.platform_id


def test_the_sdk_and_our_sender_give_the_same_answer_in_public(platform: FakeX, sdk: Client, account: Account) -> None:
    said = platform.say("x_posts", OUR, PETRA, "is there parking?")
    reply = CreatePostsReply(in_reply_to_tweet_id=said.message_id)
    answered = sdk.posts.create(CreateRequest(text="Yes, it is free.", reply=reply))
    outgoing = Outgoing(to=PETRA, text="Yes, it is free.", correlator="c", handle=said.message_id)
    assert x_posts.send(account, "first-token", outgoing).result is Result.SENT
    theirs, ours = platform.sent
    assert (theirs.to, theirs.text, theirs.public) == (ours.to, ours.text, ours.public)
    assert answered.data is not None
    assert answered.data.id == theirs.platform_id


def test_the_sdk_reads_the_fakes_refusals_as_http_errors(platform: FakeX, sdk: Client) -> None:
    platform.say("x", OUR, PETRA, "Hello")
    for trouble in (Trouble.RATE_429, Trouble.FORBIDDEN_403, Trouble.UNAUTHORIZED_401):
        platform.misbehave(trouble)
        with pytest.raises(HTTPError, match=trouble.value):
            sdk.direct_messages.create_by_participant_id(PETRA, CreateByParticipantIdRequest(text="Yes."))


def test_a_pair_that_the_sdk_renewed_we_can_renew_again_and_the_other_way_round(
    platform: FakeX, url: str, account: Account, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OAUTHLIB_INSECURE_TRANSPORT", "1")  # the fake is on this machine
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    pair = platform.grant(OUR)
    given = {"access_token": pair.token, "refresh_token": pair.refresh, "token_type": "bearer"}
    client = Client(base_url=url, client_id="client", client_secret="client-secret", token=given)
    theirs = client.oauth2_auth.refresh_token()
    keys = {"client_id": "client", "client_secret": "client-secret"}
    ours = x_api.renew(account, {"token": theirs["access_token"], "refresh": theirs["refresh_token"], **keys})
    assert isinstance(ours, Renewed)
    assert platform.grant(OUR).token == ours.token
    client.oauth2_auth.oauth2_session.close()
    client.session.close()
