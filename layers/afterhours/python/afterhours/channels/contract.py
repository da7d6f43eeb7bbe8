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
    from afterhours.models import Account, Attachment, Event, Outcome, Outgoing

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


class Channel(Protocol):
    SOURCE: str
    ONE_ACCOUNT: bool  # an app of the platform's has one account, called as the app is, and no event names it
    TEXT_LIMIT: int  # in the platform's own unit, see text_units
    TEXT_UNIT: str  # what text_units counts: code_points, utf16, bytes (of UTF-8) or weighted
    WINDOW: timedelta | None  # how long after the customer's last act we may write; None: for ever
    HUMAN_WINDOW: timedelta | None  # the same for what a person composed
    CAPABILITIES: frozenset[str]  # of: quick_replies, receipts, correlator, private_reply, retry_key, in_process,
    # public (what is sent can be read by all), attachments (what customers send can be fetched),
    # acknowledge (the platform waits for a word after a tap),
    # renews (its tokens live for hours; the channels of one source share an account's)

    def normalise(self, piece: Piece) -> "Event":
        """Read one piece. Raises MalformedPayload where even the kind cannot be told."""

    def text_units(self, text: str) -> int:
        """The length of the text as the platform counts it."""

    def send(self, account: "Account", token: str, outgoing: "Outgoing") -> "Outcome":
        """Post once. Never raises for what the platform or the network does."""

    def fetch(self, account: "Account", token: str, attachment: "Attachment") -> "bytes | NotFetched":
        """The bytes of what a customer sent, from the platform's own hosts only. With the capability `attachments`;
        never raises for what the platform or the network does."""


class Acknowledging(Protocol):
    """What a channel with the capability `acknowledge` has as well."""

    def acknowledge(self, account: "Account", token: str, event: "Event") -> None:
        """Tell the platform once that a tap has arrived; best effort, never raises for what it or the network does."""


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
