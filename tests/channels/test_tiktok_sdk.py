"""TikTok's own Python SDK, which knows no messages and no webhooks: its client posts our requests, reads what our fake
answers, and its names of the codes are those of our outcomes."""

from collections.abc import Iterator
from typing import Any

import pytest
from afterhours import settings
from afterhours.channels import tiktok, tiktok_api, tiktok_comments
from afterhours.channels.contract import NotRenewed, Renewed
from afterhours.models import Account, Outcome, Outgoing, QuickReply, Result
from afterhours_local.platforms.fake import Delivered, FakeAccount
from afterhours_local.platforms.graph import FakeGraph
from afterhours_local.platforms.server import GraphServer
from afterhours_local.platforms.tiktok import FakeTikTok, Trouble
from business_api_client import ApiClient, Configuration  # type: ignore[import-untyped]
from business_api_client.tiktok_business.tiktok_code import NumericErrorCodes  # type: ignore[import-untyped]
from business_api_client.tiktok_business.tiktok_exceptions import TiktokSDKError  # type: ignore[import-untyped]
from faulty_server import FaultyServer, answer

US, LUCA, TOKEN, SECRET = "9d1f0c77-us", "9d1f0c77-luca", "act.1", "local-tiktok-secret"
GRANT = {"refresh": "rft.1", "client_id": "7300000000000000001", "client_secret": SECRET}
AT = 1_784_060_100_000
CODES: dict[str, int] = {
    name.removeprefix("ERROR_CODE_"): code for name, code in vars(NumericErrorCodes).items() if type(code) is int
}


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTikTok]:
    monkeypatch.setenv("AFTERHOURS_LOCAL", "1")
    settings.load.cache_clear()
    platform = FakeTikTok(lambda: AT, lambda *_: Delivered(200, b""))
    for channel in ("tiktok", "tiktok_comments"):
        platform.register(FakeAccount(channel, US, TOKEN, SECRET, "http://127.0.0.1/hook/tiktok/main", **GRANT))
    yield platform
    settings.load.cache_clear()


@pytest.fixture
def base(fake: FakeTikTok) -> Iterator[str]:
    with GraphServer(FakeGraph(lambda: AT), others=[fake]) as server:
        yield f"{server.url}/tiktok"


class Sdk:
    """The SDK's client; what our sender wrote goes through it once more."""

    def __init__(self, base: str) -> None:
        configuration = Configuration()
        configuration.host = base
        self._client = ApiClient(configuration)

    def post(self, path: str, body: dict[str, Any], token: str | None = TOKEN) -> dict[str, Any]:
        """`data` of the answer. Raises TiktokSDKError."""
        headers = {"Content-Type": "application/json"} | ({"Access-Token": token} if token else {})
        posted = self._client.call_api(
            f"/open_api/v1.3/{path}/", "POST", header_params=headers, body=body,
            response_type="InlineResponse200", _return_http_data_only=True,
        )  # fmt: skip
        assert posted["request_id"]
        data: dict[str, Any] = posted["data"]
        return data

    def close(self) -> None:
        self._client.rest_client.pool_manager.clear()


@pytest.fixture
def sdk(base: str) -> Iterator[Sdk]:
    client = Sdk(base)
    yield client
    client.close()


def account(base: str, channel: str = "tiktok") -> Account:
    return Account(channel=channel, id=US, app="main", source="tiktok", inbox="support", api_base=base)


def written(channel: Any, outgoing: Outgoing) -> dict[str, Any]:
    """The request of our sender."""
    with FaultyServer(answer(200)) as server:
        channel.send(account(server.url, channel.CHANNEL), TOKEN, outgoing)
    body: dict[str, Any] = server.received[0].json
    return body


@pytest.mark.parametrize("choices", [(), (QuickReply(id="faq:a", title="A"),)], ids=len)
def test_what_our_sender_writes_the_sdk_posts_and_reads_the_answer(
    fake: FakeTikTok, base: str, sdk: Sdk, choices: tuple[QuickReply, ...]
) -> None:
    fake.say("tiktok", US, LUCA, "Hello")
    outgoing = Outgoing(
        to=LUCA, text="Ciao 🙂", correlator="c", handle=fake.conversation(US, LUCA), quick_replies=choices
    )
    outcome = tiktok.send(account(base), TOKEN, outgoing)
    data = sdk.post("business/message/send", written(tiktok, outgoing))
    ours, theirs = fake.sent
    assert (outcome.platform_id, data["message"]["message_id"]) == (ours.platform_id, theirs.platform_id)
    assert (ours.text, ours.choices) == (theirs.text, theirs.choices)


def test_an_answer_to_a_comment_goes_the_same_way(fake: FakeTikTok, base: str, sdk: Sdk) -> None:
    number = fake.comment(US, LUCA, "Is there parking?").message_id
    video = fake._comments[US, number]
    outgoing = Outgoing(to=LUCA, text="Yes.", correlator="c", handle=f"{video}/{number}")
    outcome = tiktok_comments.send(account(base, "tiktok_comments"), TOKEN, outgoing)
    data = sdk.post("business/comment/reply/create", written(tiktok_comments, outgoing))
    assert [outcome.platform_id, data["comment_id"]] == [sent.platform_id for sent in fake.sent]


def test_a_pair_that_the_sdk_renewed_we_can_renew_again(base: str, sdk: Sdk) -> None:
    asked = {"client_id": GRANT["client_id"], "client_secret": SECRET, "grant_type": "refresh_token"}
    pair = sdk.post("tt_user/oauth2/refresh_token", {**asked, "refresh_token": "rft.1"}, token=None)
    ours = tiktok.renew(account(base), {**GRANT, "refresh": pair["refresh_token"]})
    assert isinstance(ours, Renewed)
    again = {**asked, "refresh_token": ours.refresh}
    assert sdk.post("tt_user/oauth2/refresh_token", again, token=None)["expires_in"] == ours.lives_s
    with pytest.raises(TiktokSDKError, match=str(CODES["INVALID_REFRESH_TOKEN"])):
        sdk.post("tt_user/oauth2/refresh_token", again, token=None)


def test_the_fakes_refusals_bear_the_sdks_codes(fake: FakeTikTok, sdk: Sdk) -> None:
    fake.say("tiktok", US, LUCA, "Hello")
    outgoing = Outgoing(to=LUCA, text="Hello", correlator="c", handle=fake.conversation(US, LUCA))
    request = written(tiktok, outgoing)
    for token, name in ((None, "EMPTY_ACCESS_TOKEN"), ("other", "INVALID_ACCESS_TOKEN")):
        with pytest.raises(TiktokSDKError, match=str(CODES[name])):
            sdk.post("business/message/send", request, token)
    for trouble in Trouble:
        fake.misbehave(trouble)
        with pytest.raises(TiktokSDKError, match=trouble.value):
            sdk.post("business/message/send", request)
    assert fake.sent == []


def outcome_of(code: int) -> Outcome:
    return tiktok_api.outcome_of(tiktok_api.Said(code, "", {}), None)


TOO_MANY = [name for name in CODES if "FREQUEN" in name or "TOO_MANY" in name]


@pytest.mark.parametrize("name", [*TOO_MANY, "BIZ_FC_ERROR"])
def test_what_the_sdk_calls_too_many_is_tried_again(name: str) -> None:
    outcome = outcome_of(CODES[name])
    assert (outcome.result, outcome.reason) == (Result.NOT_SENT, "rate_limited")


@pytest.mark.parametrize("name", [name for name in CODES if "ACCESS_TOKEN" in name])
def test_what_the_sdk_calls_the_access_token_waits_for_another(name: str) -> None:
    outcome = outcome_of(CODES[name])
    assert (outcome.result, outcome.reason) == (Result.NOT_SENT, "token_expired")


@pytest.mark.parametrize("name", ["PERMISSION_ERROR", "DEVELOPER_NO_PERMISSION", "SCOPE_NOT_AUTHORIZED"])
def test_what_the_sdk_calls_permission_is_the_accounts_trouble(name: str) -> None:
    outcome = outcome_of(CODES[name])
    assert (outcome.reason, outcome.account_problem) == ("permission_missing", True)


@pytest.mark.parametrize("name", [name for name, code in CODES.items() if 50000 <= code < 54000])
def test_after_what_the_sdk_calls_tiktoks_own_trouble_nobody_knows(name: str) -> None:
    assert outcome_of(CODES[name]).result is Result.UNKNOWN


@pytest.mark.parametrize(
    ("name", "final"),
    [
        *((name, True) for name in CODES if "REFRESH_TOKEN" in name),
        ("INVALID_PARTNER", True),
        *((name, False) for name in TOO_MANY),
    ],
)
def test_a_token_is_given_up_only_for_what_the_sdk_calls_final(
    monkeypatch: pytest.MonkeyPatch, name: str, final: bool
) -> None:
    monkeypatch.setenv("AFTERHOURS_LOCAL", "1")
    settings.load.cache_clear()
    with FaultyServer(answer(200, {"code": CODES[name], "message": name, "data": {}})) as server:
        assert tiktok.renew(account(server.url), GRANT) == NotRenewed(str(CODES[name]), final=final)
    settings.load.cache_clear()
