"""What a source and a channel are: plain modules with these functions, no inheritance.

A *source* owns a webhook URL: it answers the handshake, verifies the raw bytes and splits a delivery by
structure. It runs in the webhook function and must import neither pydantic nor requests. Each piece that
`split` returns is itself a complete delivery of that source with exactly one event in it, so
`split(piece) == [piece]` and the shape is the one the platform documents.

A *channel* reads one piece and sends one text. It runs in the worker.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from afterhours.models import Account, Event, Outcome, Outgoing

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
    """What to say to a handshake: status, body, always text/plain."""

    status: int
    body: str


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
    TEXT_LIMIT: int  # in the platform's own unit, see text_units
    WINDOW: timedelta | None  # how long after the customer's last act we may write; None: for ever
    HUMAN_WINDOW: timedelta | None  # the same for what a person composed
    CAPABILITIES: frozenset[str]  # of: quick_replies, receipts, correlator, private_reply, retry_key, in_process

    def normalise(self, piece: Piece) -> "Event":
        """Read one piece. Raises MalformedPayload where even the kind cannot be told."""

    def text_units(self, text: str) -> int:
        """The length of the text as the platform counts it."""

    def send(self, account: "Account", token: str, outgoing: "Outgoing") -> "Outcome":
        """Post once. Never raises for what the platform or the network does."""
