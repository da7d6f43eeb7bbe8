"""What a source and a channel are: plain modules with these functions, no inheritance.

A *source* owns a webhook URL: it answers the handshake, verifies the raw bytes and splits a delivery by
structure. It runs in the webhook function and must import neither pydantic nor requests. Each piece that
`split` returns is itself a complete delivery of that source with exactly one event in it, so
`split(piece) == [piece]` and the shape is the one the platform documents.

A *channel* reads one piece and sends one text. It runs in the worker.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from afterhours.models import Account, Attachment, Event, Outcome, Outgoing, QuickReply

Piece = dict[str, Any]


class MalformedPayload(ValueError):
    """A verified body that cannot be split or read; it travels on as one raw event."""


class Request(NamedTuple):
    """An HTTP request as signed: header names in lower case, query decoded, body the exact bytes."""

    method: str
    headers: Mapping[str, str]
    query: Mapping[str, str]
    body: bytes


class Answer(NamedTuple):
    """What to say to a handshake."""

    status: int
    body: str
    content_type: str = "text/plain; charset=utf-8"


class Missing(StrEnum):
    """Why there are no bytes of an attachment. Only `unavailable` may be tried again."""

    NO_FILE = "no_file"  # nothing of the platform's: a place, a link to elsewhere
    GONE = "gone"
    TOO_LARGE = "too_large"
    UNAVAILABLE = "unavailable"


class NotFetched(NamedTuple):
    """`reason` is a word of ours or an HTTP status, never text of strangers."""

    missing: Missing
    reason: str


class Source(Protocol):
    def handshake(self, request: Request, credentials: Mapping[str, Any]) -> Answer:
        """Answer a GET. `credentials` is the app's record: `secrets`, `verify_token`, …"""

    def verify(self, request: Request, secrets: Sequence[str]) -> bool:
        """Is the request signed with one of the secrets? Never raises, whatever the bytes; False without secrets."""

    def sign(self, body: bytes, secret: str) -> dict[str, str]:
        """The headers with which the platform would sign the body (for the local stack and tests)."""

    def split(self, body: bytes) -> list[Piece]:
        """Every entry x change x item, in document order. Raises MalformedPayload."""

    def channel_of(self, piece: Piece) -> str:
        """The channel that reads the piece; "" where no channel of ours does."""


class AnsweredAtOnce(Protocol):
    """What a source has as well whose platform reads our reply in the answer to its own request (see answer.py)."""

    NEUTRAL: Answer  # says nothing, and that all is well

    def asked_s(self, request: Request) -> int | None:
        """When the signed part says that the platform asked, in epoch seconds; None where it does not say. Raises
        MalformedPayload for what is no time."""

    def opened(self, request: Request, credentials: Mapping[str, Any]) -> bytes:
        """The verified delivery in clear. Raises MalformedPayload where it is not meant for this app."""

    def may_answer(self, piece: Piece) -> bool:
        """Whether the platform shows a reply that comes in the answer to this piece."""

    def answer(self, piece: Piece, said: "Said", credentials: Mapping[str, Any]) -> Answer:
        """The reply in the platform's form."""


class Said(NamedTuple):
    """A reply to be said in an answer. `name` is the account's; `random` are 32 bytes, for what has to be sealed."""

    text: str
    quick_replies: "Sequence[QuickReply]"
    name: str
    now_ms: int
    random: bytes


class Channel(Protocol):
    ONE_ACCOUNT: bool  # an app of the platform's has one account, called as the app is, and no event names it
    TEXT_LIMIT: int  # in the platform's own unit, see text_units
    TEXT_UNIT: str  # what text_units counts: code_points, utf16, bytes (of UTF-8) or weighted
    WINDOW: timedelta | None  # how long after the customer's last act we may write; None: for ever
    HUMAN_WINDOW: timedelta | None  # the same for what a person composed
    CAPABILITIES: frozenset[str]  # of: quick_replies, receipts, correlator, private_reply, retry_key, in_process,
    # public (what is sent can be read by all; with private_reply its author alone is answered where Outgoing says so),
    # attachments (what customers send can be fetched),
    # acknowledge (the platform waits for a word after a tap), no_token (the function's own role sends),
    # receive_only (nothing can be sent),
    # renews (its tokens live for hours; the channels of one source share an account's),
    # taps_as_text (a tapped quick reply comes back as its title and nothing else)

    def normalise(self, piece: Piece) -> "Event":
        """Read one piece. Raises MalformedPayload where even the kind cannot be told."""

    def text_units(self, text: str) -> int:
        """The length of the text as the platform counts it."""

    def send(self, account: "Account", token: str, outgoing: "Outgoing") -> "Outcome":
        """Post once. Never raises for what the platform or the network does."""


class Fetching(Protocol):
    """What a channel with the capability `attachments` has as well."""

    def fetch(self, account: "Account", token: str, attachment: "Attachment") -> "bytes | NotFetched":
        """The bytes of what a customer sent, from the platform's own hosts only. `token` is empty where the account has
        none. Never raises for what the platform or the network does."""


class Acknowledging(Protocol):
    """What a channel with the capability `acknowledge` has as well."""

    def acknowledge(self, account: "Account", token: str, event: "Event") -> None:
        """Tell the platform once that a tap has arrived; best effort, never raises for what it or the network does."""


class Health(NamedTuple):
    """How an account is, by the platform's own word. `detail` is a word of ours: `fine`, `token_invalid`,
    `permission_missing`, `not_subscribed`, `delivery_failing`, `unreachable`, …"""

    ok: bool
    detail: str
    expires_at: int | None = None  # epoch seconds; of the token, where the platform tells
    webhook: str | None = None  # where the platform delivers to; "" nowhere, None where it does not tell
    subscribed: bool = False  # it says that we hear of what happens there; False also where it does not tell


class Checked(Protocol):
    """What a channel has as well whose platform has a cheap call for it."""

    def health(self, account: "Account", token: str) -> Health:
        """Ask the platform; changes nothing. Never raises for what it or the network does."""


class CheckedByApp(Protocol):
    """What a channel has as well whose platform tells its app, and not the account, where it delivers."""

    def app_health(self, account: "Account", app: Mapping[str, Any]) -> Health:
        """Ask the platform; changes nothing. `app` has `secrets` and `client_id`. Never raises for what it or the
        network does."""


class Renewed(NamedTuple):
    """A new token, and the refresh token for the next time where the platform has such."""

    token: str
    lives_s: int
    refresh: str | None = None


class NotRenewed(NamedTuple):
    """`reason` is a word of ours or the platform's code. `final`: asking again is of no use, a person has to authorise
    the account anew. `taken`: the platform may have used up the refresh token all the same."""

    reason: str
    final: bool
    taken: bool = False


class Renewing(Protocol):
    """What a channel with the capability `renews` has as well."""

    def renew(self, account: "Account", record: Mapping[str, Any]) -> Renewed | NotRenewed:
        """Ask once for a new token. `record` is the token's own: `token`, `refresh`, `client_id`, `client_secret`, …
        Never raises for what the platform or the network does."""
