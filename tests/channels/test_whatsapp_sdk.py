"""pywa as a second implementation: it checks our signature, reads what our fake and our samples say, sends the same
requests as we do, and gives the errors the same meaning."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pywa
from afterhours import settings
from afterhours.channels import meta_source
from afterhours.channels import whatsapp as ours
from afterhours.channels.contract import Piece, Request
from afterhours.models import Account, Event, Kind, Outcome, Outgoing, QuickReply, Result
from afterhours_local.platforms import graph_webhooks
from afterhours_local.platforms.faults import Fault
from afterhours_local.platforms.graph import FakeAccount, FakeGraph
from afterhours_local.platforms.graph_files import File
from afterhours_local.platforms.server import GraphServer
from channels.graph_kept import kept_in
from faulty_server import FaultyServer, error
from pywa import errors, types
from pywa.types.base_update import BaseUpdate, BaseUserUpdate
from pywa.types.chat import ChatType

EVENTS = Path(__file__).parents[2] / "events" / "whatsapp"
NUMBER, TOKEN, SECRET, VERIFY = "106540352242922", "EAAJadranToken", "0f3b8d1a6c9e47f2b5d08a7c3e6f9b12", "verify"
MARTA, HIDDEN = "385915550142", "HR.13491208655302741918"
AT = 1_784_060_100_000
# Of what these say pywa makes no update.
OURS_ALONE = {"error", "type-of-tomorrow", "without-type"}
KINDS: dict[type[BaseUpdate], Kind] = {
    types.Message: Kind.MESSAGE,
    types.CallbackButton: Kind.MESSAGE,
    types.CallbackSelection: Kind.MESSAGE,
    types.FlowCompletion: Kind.MESSAGE,
    types.EditedMessage: Kind.MESSAGE_EDIT,
    types.DeletedMessage: Kind.MESSAGE_DELETED,
    types.OutgoingMessage: Kind.ECHO,
    types.OutgoingDeletedMessage: Kind.ECHO,
    types.MessageStatus: Kind.STATUS,
    types.GroupMessageStatuses: Kind.STATUS,
    types.PhoneNumberChange: Kind.SYSTEM,
    types.CallConnect: Kind.CALL,
    types.TemplateStatusUpdate: Kind.ACCOUNT,
}


@pytest.fixture(autouse=True)
def _local_stack(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("AFTERHOURS_LOCAL", "1")
    settings.load.cache_clear()
    yield
    settings.load.cache_clear()


class Sdk(pywa.WhatsApp):
    """A client without a server of its own, which keeps what it reads."""

    def __init__(self) -> None:
        self.session = httpx.Client(trust_env=False)
        super().__init__(
            NUMBER, TOKEN, session=self.session, app_secret=SECRET, verify_token=VERIFY,
            filter_updates=False, skip_duplicate_updates=False,
        )  # fmt: skip
        self.updates: list[BaseUpdate] = []
        for handler in self._handlers_to_updates:
            self.add_handlers(handler(lambda _, update: self.updates.append(update)))

    def read(self, body: bytes) -> BaseUpdate | None:
        """What it makes of a delivery of one event."""
        before = len(self.updates)
        assert self.webhook_update_handler(body) == ("ok", 200)
        return self.updates[-1] if len(self.updates) > before else None


@pytest.fixture
def sdk() -> Iterator[Sdk]:
    client = Sdk()
    with client.session:
        yield client


@pytest.fixture
def posted() -> list[bytes]:
    """What the fake delivers."""
    return []


@pytest.fixture
def fake(posted: list[bytes]) -> FakeGraph:
    return kept_in(posted, AT, FakeAccount("whatsapp", NUMBER, TOKEN, SECRET, "http://127.0.0.1/hook/meta/main"))


@pytest.fixture
def base(fake: FakeGraph, sdk: Sdk) -> Iterator[str]:
    with GraphServer(fake) as server:
        sdk.session.base_url = f"{server.url}/v25.0"
        yield server.url


def account(base: str) -> Account:
    return Account(channel="whatsapp", id=NUMBER, app="main", source="meta", inbox="support", api_base=base)


def send(base: str, text: str, to: str = MARTA, **how: Any) -> Outcome:
    return ours.send(account(base), TOKEN, Outgoing(to=to, text=text, correlator="c", **how))


def agree(theirs: BaseUpdate, event: Event) -> None:
    is_reaction = isinstance(theirs, types.Message) and theirs.type is types.MessageType.REACTION
    assert event.kind is (Kind.REACTION if is_reaction else KINDS[type(theirs)])
    assert event.timestamp_ms in (int(theirs.timestamp.timestamp()) * 1000, None)
    if not isinstance(theirs, BaseUserUpdate):
        return
    assert (event.account_id, event.message_id) == (theirs.metadata.phone_number_id, theirs.id)
    if not isinstance(theirs, types.PhoneNumberChange):
        known = [one for one in (theirs.from_user.wa_id, theirs.from_user.bsuid) if one]
        assert set(event.contact_ids) <= set(known)
        assert event.contact_ids[:1] == tuple(known[:1])
        assert event.contact_name == theirs.from_user.name
    _AGREE.get(type(theirs), lambda *_: None)(theirs, event)


def agree_on_message(theirs: types.Message, event: Event) -> None:
    if theirs.reaction is not None:
        assert (event.target_id, event.emoji) == (theirs.reaction.message_id, theirs.reaction.emoji or None)
        return
    assert event.text == (theirs.text or theirs.caption or (theirs.order.text if theirs.order else None))
    assert event.reply_to_id == (theirs.reply_to_message.id if theirs.reply_to_message else None)
    assert event.group_id == (theirs.chat.id if theirs.chat.type is ChatType.GROUP else None)
    assert event.has_referral == (theirs.referral is not None)
    assert event.error_codes == ((theirs.error.code,) if theirs.error else ())
    if theirs.media is not None:
        [attachment] = event.attachments
        assert (attachment.type, attachment.id) == (theirs.type.value, theirs.media.id)
        assert attachment.mime_type == theirs.media.mime_type


def agree_on_tap(theirs: types.CallbackButton[str] | types.CallbackSelection[str], event: Event) -> None:
    assert (event.text, event.payload) == (theirs.title, theirs.data)
    assert event.reply_to_id == theirs.reply_to_message.id


def agree_on_status(theirs: types.MessageStatus[str], event: Event) -> None:
    assert (event.subkind, event.correlator) == (theirs.status.value.lower(), theirs.tracker)
    assert event.error_codes == ((theirs.error.code,) if theirs.error else ())


def agree_on_original(theirs: Any, event: Event) -> None:
    assert event.target_id == theirs.original_message_id


_AGREE: dict[type[BaseUpdate], Callable[[Any, Event], None]] = {
    types.Message: agree_on_message,
    types.OutgoingMessage: agree_on_message,
    types.CallbackButton: agree_on_tap,
    types.CallbackSelection: agree_on_tap,
    types.MessageStatus: agree_on_status,
    types.EditedMessage: agree_on_original,
    types.DeletedMessage: agree_on_original,
    types.OutgoingDeletedMessage: agree_on_original,
}


def of_today(piece: Piece) -> bytes:
    """With a contact and a user id, which pywa takes for granted: the platform tells them since April 2026."""
    [entry] = piece["entry"]
    [change] = entry["changes"]
    contacts = [{"user_id": HIDDEN, **contact} for contact in change["value"].get("contacts", [{"wa_id": MARTA}])]
    whole = {**change, "value": {**change["value"], "contacts": contacts}}
    return json.dumps({**piece, "entry": [{**entry, "changes": [whole]}]}).encode()


@pytest.mark.parametrize("path", sorted(EVENTS.glob("*.json")), ids=lambda path: path.stem)
def test_our_samples_are_updates_to_the_sdk_and_say_the_same(sdk: Sdk, path: Path) -> None:
    for piece in meta_source.split(path.read_bytes()):
        update = sdk.read(of_today(piece))
        assert (update is None) == (path.stem in OURS_ALONE)
        if update is not None:
            agree(update, ours.normalise(piece))


def test_what_the_fake_delivers_is_read_alike(fake: FakeGraph, posted: list[bytes], sdk: Sdk, base: str) -> None:
    fake.say("whatsapp", NUMBER, MARTA, "Dobra večer 🙂", name="Marta")
    fake.say("whatsapp", NUMBER, HIDDEN, "Without a number")
    fake.say("whatsapp", NUMBER, MARTA, "our room", file=File("image", b"a picture", "image/jpeg"))
    fake.say("whatsapp", NUMBER, MARTA, "", file=File("file", b"a list", "application/pdf", "list.pdf"))
    offered = send(base, "This?", quick_replies=(QuickReply(id="faq:a", title="A"),))
    fake.say("whatsapp", NUMBER, MARTA, "A", quick_reply="faq:a")
    fake.met("whatsapp", NUMBER, MARTA, at_ms=AT - 1)
    fake.deliver_pending()
    for body in posted:
        update, [piece] = sdk.read(body), meta_source.split(body)
        assert update is not None
        agree(update, ours.normalise(piece))
    tapped = sdk.updates[4]
    assert isinstance(tapped, types.CallbackButton)
    assert tapped.reply_to_message.id == offered.platform_id
    assert [type(each) for each in sdk.updates[5:]] == [types.MessageStatus] * 2


def test_a_receipt_of_failure_is_the_same_error_to_both(
    fake: FakeGraph, posted: list[bytes], sdk: Sdk, base: str
) -> None:
    assert send(base, "Too late").result is Result.SENT
    fake.deliver_pending()
    update = sdk.read(posted[0])
    assert isinstance(update, types.MessageStatus)
    assert isinstance(update.error, errors.ReEngagementMessage)
    agree(update, ours.normalise(meta_source.split(posted[0])[0]))


def test_both_take_the_fakes_signature_and_ours_and_no_other(sdk: Sdk) -> None:
    body = '{"object":"whatsapp_business_account","entry":[],"text":"čaj"}'.encode()
    for signature in (graph_webhooks.sign(body, SECRET), meta_source.sign(body, SECRET)["x-hub-signature-256"]):
        for said, right in ((body, True), (body + b" ", False)):
            assert (sdk.webhook_update_validator(said, signature) is None) == right
            assert meta_source.verify(Request("POST", {"x-hub-signature-256": signature}, {}, said), [SECRET]) == right
    assert sdk.webhook_update_validator(body, graph_webhooks.sign(body, "another")) is not None
    assert sdk.webhook_update_validator(body, None) is not None


@pytest.mark.parametrize("token", [VERIFY, "another", ""])
def test_both_answer_the_handshake_alike(sdk: Sdk, token: str) -> None:
    query = {"hub.mode": "subscribe", "hub.verify_token": token, "hub.challenge": "1158201444"}
    answer = meta_source.handshake(Request("GET", {}, query, b""), {"verify_token": VERIFY})
    challenge, status = sdk.webhook_challenge_handler(token, "1158201444")
    assert (answer.status, answer.body.lower()) == (status, str(challenge).lower())


CHOICES = tuple(QuickReply(id=f"faq:{name}", title=name.title()) for name in ("parking", "breakfast", "pets", "wifi"))


def of_sdk(choices: tuple[QuickReply, ...]) -> Any:
    rows = [types.SectionRow(title=one.title, callback_data=one.id) for one in choices]
    if len(rows) > 3:
        return types.SectionList(button_title="Parking – Wifi", sections=[types.Section(title="", rows=rows)])
    return [types.Button(title=row.title, callback_data=row.callback_data) for row in rows] or None


@pytest.mark.parametrize("to", [MARTA, HIDDEN])
@pytest.mark.parametrize("choices", [(), CHOICES[:1], CHOICES[:3], CHOICES], ids=len)
def test_both_send_the_same_request(
    fake: FakeGraph, sdk: Sdk, base: str, to: str, choices: tuple[QuickReply, ...]
) -> None:
    said = fake.say("whatsapp", NUMBER, to, "Hello").message_id
    outcome = send(base, "Dobro jutro 🙂", to, quick_replies=choices, reply_to_id=said)
    sent = sdk.send_message(to, "Dobro jutro 🙂", buttons=of_sdk(choices), reply_to_message_id=said, tracker="c")
    mine, theirs = fake.sent
    assert (outcome.platform_id, sent.id) == (mine.platform_id, theirs.platform_id)
    assert (mine.text, mine.choices, mine.correlator) == (theirs.text, theirs.choices, theirs.correlator)
    first, second = (json.loads(call.body) for call in fake.calls)
    for section in second.get("interactive", {}).get("action", {}).get("sections", []):
        assert section.pop("title") == ""  # of a single one; we leave it out
    assert first == second


def test_a_file_is_fetched_alike(fake: FakeGraph, posted: list[bytes], sdk: Sdk, base: str) -> None:
    fake.say("whatsapp", NUMBER, MARTA, "", file=File("image", b"a picture", "image/jpeg"))
    update = sdk.read(posted[0])
    assert isinstance(update, types.Message)
    [attachment] = ours.normalise(meta_source.split(posted[0])[0]).attachments
    told = sdk.get_media_url(str(attachment.id))
    assert (update.image.id, told.mime_type, told.file_size) == (attachment.id, "image/jpeg", len(b"a picture"))


def test_the_fakes_refusals_are_errors_of_the_sdk(fake: FakeGraph, sdk: Sdk, base: str) -> None:
    fake.say("whatsapp", NUMBER, MARTA, "Hello")
    for fault, kind in {
        Fault.THROUGHPUT_130429: errors.RateLimitHit,
        Fault.PAIR_131056: errors.TooManyMessages,
        Fault.TOKEN_190: errors.ExpiredAccessToken,
    }.items():
        fake.misbehave(fault)
        with pytest.raises(kind):
            sdk.send_message(MARTA, "Hello")
    with pytest.raises(errors.WhatsAppError, match="Unexpected key"):
        sdk.send_message(MARTA, "Hello", identity_key_hash="known to the platform, not to us")
    assert fake.sent == []


# What pywa calls a code, and what our sender makes of it. Its own words are the platform's.
MEANINGS: dict[type[errors.WhatsAppError], str] = {
    errors.AuthException: "token_invalid",
    errors.ExpiredAccessToken: "token_invalid",
    errors.APIMethod: "permission_missing",
    errors.PermissionDenied: "permission_missing",
    errors.APIPermission: "permission_missing",
    errors.AccessDenied: "permission_missing",
    errors.ToManyAPICalls: "rate_limited",
    errors.RateLimitIssues: "rate_limited",
    errors.RateLimitHit: "rate_limited",
    errors.TooManyMessages: "pair_limited",
    errors.SpamRateLimitHit: "spam_restricted",
    errors.RegistrationOrDeregistrationFailed: "registration_limited",
    errors.AccountInMaintenanceMode: "maintenance",
    errors.UnknownError: "temporary",
    errors.ServiceUnavailable: "temporary",
    errors.ReEngagementMessage: "window_closed",
    errors.MessageUndeliverable: "contact_unavailable",
    errors.UserStoppedMarketingMessages: "contact_opted_out",
    errors.BSUIDRecipientNotSupported: "contact_id_refused",
    errors.MessageUndeliverableDueToHealthyEcosystemEngagement: "ecosystem_limit",
    errors.UserIsInExperimentGroup: "experiment",
    errors.TemporarilyBlocked: "policy_block",
    errors.AccountLocked: "account_locked",
    errors.AccountRestrictedFromCountry: "country_restricted",
    errors.RecipientNotInAllowedList: "account_not_ready",
    errors.PhoneNumberDisplayNameNotApproved: "account_not_ready",
    errors.BusinessPaymentIssue: "account_not_ready",
    errors.IncorrectCertificate: "account_not_ready",
    errors.MissingRequiredParameter: "bad_request",
    errors.InvalidParameter: "bad_request",
    errors.RecipientCannotBeSender: "bad_request",
    errors.UnsupportedMessageType: "bad_request",
    errors.TemplateNotExists: "bad_request",
}


@pytest.mark.parametrize("kind", MEANINGS, ids=lambda kind: kind.__name__)
def test_a_code_means_to_us_what_the_sdk_calls_it(sdk: Sdk, kind: type[errors.WhatsAppError]) -> None:
    with FaultyServer(error(next(iter(kind.__error_codes__ or ())))) as server:
        sdk.session.base_url = f"{server.url}/v25.0"
        with pytest.raises(kind):
            sdk.send_message(MARTA, "Hello")
        assert send(server.url, "Hello").reason == MEANINGS[kind]
