"""What the API under /api answers, route by route: the shapes and the refusals. Part of agent_api, for its description.

Handlers build their answers by hand; the tests hold every answer that they see against these. A shape names all its
members: one more, or one less, is an error. Times are epoch milliseconds, 0 where there is none.
"""

from http import HTTPStatus
from typing import Any, Literal, NamedTuple

from afterhours.models import Kind, SendState, ThreadStatus
from pydantic import BaseModel, ConfigDict, Field

Role = Literal["agent", "lead", "admin"]
Lateness = Literal["in_time", "warned", "overdue", "escalated"]


class Answer(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class Problem(Answer):
    """A refusal: `code` for machines, `detail` says what to do."""

    type: Literal["about:blank"]
    title: str
    status: int
    detail: str = Field(min_length=1)
    code: str


class GatewayMessage(Answer):
    """What stands before the functions says no, or cannot reach them."""

    message: str | None


class Me(Answer):
    agent: str
    email: str
    inboxes: dict[str, Role]


class Contact(Answer):
    name: str | None
    language: str | None
    opted_out: bool


class ReplyTerms(Answer):
    """Whether a person may write to the customer, until when and how much; `allowed` says what is left where not. A
    text longer than `limit` leaves as up to `parts` messages."""

    limit: int
    unit: Literal["code_points", "utf16", "bytes", "weighted"]
    parts: int
    until: int | None
    blocked: Literal["opted_out", "window_closed", "unsupported"] | None
    allowed: list[Literal["reply", "note", "other_way"]]


class Thread(Answer):
    """`number` is what people call it by. `fence` goes with every verb of whoever has claimed it, `last_inbound` with
    those that must not overlook news. `kept_for` may claim it before others until `kept_until`."""

    id: str
    number: str
    inbox: str
    channel: str
    account: str
    status: ThreadStatus
    contact: Contact
    owner: str | None
    lease_until: int
    kept_for: str | None
    kept_until: int
    fence: int
    version: int
    episode: int
    last_inbound: str | None
    last_in_at: int
    window_until: int
    due_at: int
    opened_at: int
    snoozed_until: int
    resolved_at: int
    tags: list[str]
    handoff: list[str]
    sla: Lateness
    reply: ReplyTerms


class Attached(Answer):
    """`size` in bytes, where it is known. `available`: its bytes may be asked for, by its place in the list."""

    type: str
    name: str | None
    mime_type: str | None
    size: int | None
    available: bool


class Place(Attached):
    """A location, with the map's own address."""

    url: str


class Received(Answer):
    """What the customer did (`in`), a colleague in the platform's own app, or we where it has no item here (`out`)."""

    id: str
    at: int
    direction: Literal["in", "out"]
    by: Literal["contact", "app", "auto"]
    kind: Kind
    text: str | None
    attachments: list[Attached | Place]
    target_id: str | None
    deleted_at: int | None
    rule: str | None
    reason: str | None
    handoff: list[str]


class Composed(Answer):
    """What left here, or shall: `state` is where its sending stands, or what a receipt says of it."""

    id: str
    at: int
    direction: Literal["out"]
    by: Literal["auto", "agent", "csat", "public_note"]
    kind: Literal["message"]
    text: str | None
    attachments: list[Attached] = Field(max_length=0)
    state: SendState | Literal["delivered", "read", "failed"]
    rule: str | None
    reason: str | None
    platform_id: str | None
    agent: str | None


class Note(Answer):
    """For colleagues; no customer reads it."""

    id: str
    at: int
    by: str
    text: str


class Audit(Answer):
    """What somebody did to the thread."""

    id: str
    at: int
    by: str
    verb: str
    detail: dict[str, Any]


class Threads(Answer):
    threads: list[Thread]
    cursor: str | None


class WholeThread(Answer):
    """Oldest first; `cursor` leads to older events."""

    thread: Thread
    timeline: list[Received | Composed]
    notes: list[Note]
    history: list[Audit]
    cursor: str | None


class OneThread(Answer):
    thread: Thread


class Lease(Answer):
    lease_until: int


class Taken(Answer):
    """A composed text, where the sending of its first message stands, and how many messages it takes."""

    key: str
    state: SendState
    reason: str | None
    parts: int
    thread: Thread


class OneNote(Answer):
    note: Note


class Erased(Answer):
    """What was said until `erased_at` is gone, `items` of it."""

    thread: str
    erased_at: int
    items: int


class Colleague(Answer):
    id: str
    email: str
    role: Role


class Colleagues(Answer):
    agents: list[Colleague]


class Prepared(Answer):
    """`canned`: an answer of the playbook; `way`: another way to reach us."""

    id: str
    kind: Literal["canned", "way"]
    text: str
    approved: bool
    version: int


class PreparedAnswers(Answer):
    language: str
    answers: list[Prepared]


class EarlierTicket(Answer):
    number: str
    opened_at: int
    resolved_at: int
    by: str | None
    tags: list[str]
    csat_score: int | None


class Preferences(Answer):
    language: str | None


class ContactCard(Answer):
    names: list[str]
    languages: list[str]
    opted_out: bool
    preferences: Preferences
    messages: int
    last_in_at: int
    earlier: list[EarlierTicket]


class Searched(Answer):
    """What was looked through; `note` says in words what was and what was not."""

    since: str | None = Field(alias="from")
    until: str | None
    threads_read: int
    note: str


class Match(Answer):
    """Which entries of a thread say the words."""

    thread: str
    entries: list[str]


class Found(Answer):
    """`matches` only where words were looked for."""

    threads: list[Thread]
    matches: list[Match] = []
    cursor: str | None
    searched: Searched


class Requester(Answer):
    name: str | None
    channel: str
    account: str


class Comment(Answer):
    """Something that was said; `public`: the customer has read it, or could."""

    at: int
    by: Literal["contact", "app", "auto", "agent", "csat", "public_note"]
    author: str | None
    public: bool
    text: str | None
    attachments: list[str]
    state: SendState | Literal["delivered", "read", "failed"] | None


class InternalNote(Answer):
    at: int
    author: str
    text: str


class Ticket(Answer):
    """`comments_cut`: more was said than is here. Times are null where there is none."""

    number: str
    external_id: str
    status: ThreadStatus
    requester: Requester
    subject: str
    description: str
    comments: list[Comment]
    comments_cut: bool
    group: str
    assignee: str | None
    internal_notes: list[InternalNote]
    tags: list[str]
    language: str | None
    created_at: int | None
    updated_at: int | None
    resolved_at: int | None
    due_at: int | None
    sla: Lateness | None
    csat_score: int | None


class OneTicket(Answer):
    ticket: Ticket


class Tickets(Answer):
    tickets: list[Ticket]
    cursor: str | None


class Description(BaseModel):
    """An OpenAPI 3.1 document."""

    openapi: Literal["3.1.0"]
    info: dict[str, Any]
    paths: dict[str, Any]


class Declared(NamedTuple):
    """`refuses`: status and code of a refusal that not every route knows. `media`: for an answer that is no JSON."""

    body: type[BaseModel] | None
    refuses: tuple[str, ...] = ()
    status: HTTPStatus = HTTPStatus.OK
    media: tuple[str, ...] = ("application/json",)
    may_be_empty: bool = False  # 204 as well


PICTURES_AND_FILES = ("image/png", "image/jpeg", "image/gif", "image/webp", "application/octet-stream")
LOST = ("409 stale_fence",)  # the claim
NEWS = (*LOST, "409 new_message")
GIVEN_AWAY = (*LOST, "409 already", "403 not_allowed")
DECIDED = ("403 not_allowed", "404 unknown_reply", "409 already")
UNSENDABLE = ("422 bad_text", "422 too_long", "422 window_closed", "422 opted_out", "422 unsupported")

ALWAYS = ("400 bad_request", "401 unauthorized", "403 not_an_agent", "503 unavailable")
BELOW = {"inboxes": ("404 unknown_inbox",), "threads": ("404 unknown_thread", "410 erased")}
CHANGING = ("413 too_large", "503 busy")

ANSWERS: dict[str, Declared] = {
    "GET /api/openapi.json": Declared(Description),
    "GET /api/me": Declared(Me),
    "POST /api/inboxes/{inbox}/pull": Declared(WholeThread, may_be_empty=True),
    "GET /api/inboxes/{inbox}/threads": Declared(Threads),
    "GET /api/inboxes/{inbox}/search": Declared(Found),
    "GET /api/inboxes/{inbox}/tickets": Declared(Tickets, ("403 not_allowed",)),
    "GET /api/inboxes/{inbox}/colleagues": Declared(Colleagues),
    "GET /api/threads/{thread}": Declared(WholeThread),
    "GET /api/threads/{thread}/ticket": Declared(OneTicket, ("404 unknown_ticket",)),
    "GET /api/threads/{thread}/answers": Declared(PreparedAnswers),
    "GET /api/threads/{thread}/contact": Declared(ContactCard),
    "GET /api/threads/{thread}/attachments/{event}/{index}": Declared(
        None, ("404 unknown_attachment", "410 gone", "413 too_large", "502 unavailable"), media=PICTURES_AND_FILES
    ),
    "POST /api/threads/{thread}/erase": Declared(Erased, ("400 not_confirmed", "403 not_allowed", "503 unfinished")),
    "POST /api/threads/{thread}/claim": Declared(OneThread, ("409 not_claimable",)),
    "POST /api/threads/{thread}/heartbeat": Declared(Lease, ("409 lease_over",)),
    "POST /api/threads/{thread}/reply": Declared(
        Taken,
        (*LOST, "409 already", "400 bad_key", *UNSENDABLE, "404 unknown_answer", "403 not_approved"),
        HTTPStatus.ACCEPTED,
    ),
    "POST /api/threads/{thread}/note": Declared(OneNote, ("400 bad_key", "422 bad_text", "409 already")),
    "POST /api/threads/{thread}/tag": Declared(OneThread, ("422 too_many",)),
    "POST /api/threads/{thread}/assign": Declared(OneThread, (*GIVEN_AWAY, "404 unknown_agent")),
    "POST /api/threads/{thread}/transfer": Declared(OneThread, (*GIVEN_AWAY, "404 unknown_inbox", "409 held")),
    "POST /api/threads/{thread}/release": Declared(OneThread, LOST),
    "POST /api/threads/{thread}/snooze": Declared(OneThread, (*NEWS, "422 past")),
    "POST /api/threads/{thread}/resolve": Declared(OneThread, NEWS),
    "POST /api/threads/{thread}/reopen": Declared(OneThread, ("409 already",)),
    "POST /api/threads/{thread}/approve": Declared(Taken, DECIDED, HTTPStatus.ACCEPTED),
    "POST /api/threads/{thread}/reject": Declared(Taken, (*DECIDED, "422 bad_text"), HTTPStatus.ACCEPTED),
}


def refusals(route: str) -> dict[int, list[str]]:
    """The codes that the route refuses with, by status."""
    method, _, path = route.partition(" ")
    below = BELOW.get(path.split("/")[2], ()) if "{" in path else ()
    found: dict[int, list[str]] = {}
    for refusal in (*ALWAYS, *below, *(CHANGING if method == "POST" else ()), *ANSWERS[route].refuses):
        status, _, code = refusal.partition(" ")
        found.setdefault(int(status), []).append(code)
    return found
