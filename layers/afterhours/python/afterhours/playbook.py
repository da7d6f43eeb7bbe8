"""The playbook: what a team writes about its hours, texts, questions and rules (DESIGN 8).

Read from a mapping (YAML is the caller's business) and stored as JSON; both forms load the same.
"""

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Annotated, Literal, Self
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, model_validator

from afterhours import texts
from afterhours.schedule import Calendar, Day
from afterhours.section import Seconds, Section, duration_text, misplaced, seconds, unknown
from afterhours.texts import TextKind

_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-[A-Z]{2})?", re.ASCII)


def _once_per(value: object) -> object:
    return value if value == "closed_period" else seconds(value)


def _once_per_text(value: int | str) -> str:
    return value if isinstance(value, str) else duration_text(value)


OncePer = Annotated[
    Literal["closed_period"] | int,
    BeforeValidator(_once_per, json_schema_input_type=str),
    PlainSerializer(_once_per_text, return_type=str),
]


class Instant(Section):
    """The first answer of a session; a session begins after so much silence."""

    enabled: bool = True
    after_silence: Seconds = 12 * 3_600
    delay: Seconds = Field(default=0, le=600)  # what a person does meanwhile cancels the reply


class Away(Section):
    enabled: bool = True
    once_per: OncePer = "closed_period"


class Handoff(Section):
    """When a thread is given to a person. `phrases`: what a customer writes to get one, in any language (a list given
    here replaces this one). `unanswered`: every message waits for a person until one has answered."""

    unanswered: bool = True
    after_turns: int = Field(default=4, ge=1, le=8)  # automatic replies in a row before a person looks
    phrases: tuple[str, ...] = (
        "a person please",
        "a human",
        "a real person",
        "an actual person",
        "a live agent",
        "human agent",
        "want a person",
        "need a person",
        "speak to a person",
        "speak with a person",
        "speak to someone",
        "speak with someone",
        "speak to an agent",
        "talk to a person",
        "talk with a person",
        "talk to someone",
        "talk with someone",
        "talk to an agent",
        "not a robot",
        "not a bot",
    )


class LoopGuard(Section):
    """How many automated texts one contact gets at most."""

    per_10_minutes: int = Field(default=3, ge=1, le=8)
    per_24_hours: int = Field(default=8, ge=1, le=8)


class Replies(Section):
    instant: Instant = Instant()
    away: Away = Away()
    handoff: Handoff = Handoff()
    loop_guard: LoopGuard = LoopGuard()
    human_silence: Seconds = 15 * 60
    surge: bool = False  # more people write than usual: the instant text says so


class ChannelReplies(Section):
    """What automation does on a channel. In public it says nothing unless `public`: a comment is answered in private
    where the platform can (`private_reply`), and a short note beneath it says so (`public_note`)."""

    instant: bool = True
    away: bool = True
    private_reply: bool = True
    public_note: bool = True
    public: bool = False


class Ways(Section):
    """Other ways to reach the team."""

    phone: str | None = None
    email: str | None = None
    links: tuple[str, ...] = ()

    @property
    def line(self) -> str:
        return ", ".join(way for way in (self.phone, self.email, *self.links) if way)


class ServiceLevel(Section):
    """How soon, in business time, an answer of a person is due, and how long before that we warn; `*` is every channel.
    The first of the list that fits counts."""

    channel: str = "*"
    tag: str | None = None
    first_reply: Seconds
    warn_before: Seconds = 15 * 60


class Priority(Section):
    """Who is served before others: threads with one of the tags, and those with words of law or danger, stand in the
    queue as if they were due so much sooner; all are due before their message window closes."""

    tags: tuple[str, ...] = ("vip",)
    ahead: Seconds = 4 * 3_600
    before_window_closes: Seconds = 2 * 3_600


class Csat(Section):
    """After a person has resolved a thread the customer is asked once how it was, and may answer with a number.
    `always`: also where no person wrote. `answer_within`: later a number is a message like any other."""

    ask: bool = False
    always: bool = False
    answer_within: Seconds = Field(default=24 * 3_600, ge=60)


def _checked_text(text: str) -> str:
    if not text.strip():
        raise ValueError("the text is empty; write it or leave the line out")
    texts.check(text)
    return text


Text = Annotated[str, Field(max_length=4_000), AfterValidator(_checked_text)]


def _known_kinds(wording: object) -> object:
    known: list[str] = list(TextKind)
    for kind in wording if isinstance(wording, Mapping) else ():
        if kind not in known:
            raise unknown("text", kind, known)
    return wording


Wording = Annotated[dict[TextKind, Text], BeforeValidator(_known_kinds, json_schema_input_type=dict[TextKind, str])]


def _language(code: object) -> object:
    if code is False:
        raise ValueError('YAML reads a bare no as false; write "no" in quotes for Norwegian')
    if isinstance(code, str) and not _LANGUAGE.fullmatch(code):
        raise ValueError(f'"{code[:40]}" is not a language code; write for example en, hr or sr-Latn')
    return code


Language = Annotated[str, BeforeValidator(_language, json_schema_input_type=str)]


class Incident(Section):
    """A banner while something is wrong; times without an offset are wall time of the playbook's zone."""

    text: dict[Language, Text]
    from_: datetime | None = Field(default=None, alias="from")
    until: datetime | None = None


class CannedAnswer(Section):
    """A prepared answer. Who is an agent only may not send one that is not approved."""

    id: str = Field(pattern=r"^[a-z0-9_-]{1,40}$")  # the shortcut
    version: int = Field(default=1, ge=1)
    approved: bool = True
    text: dict[Language, Text] = Field(min_length=1)


class FaqEntry(Section):
    id: str = Field(pattern=r"^[a-z0-9_-]{1,40}$")
    when: str | None = None
    title: dict[Language, Annotated[str, Field(min_length=1, max_length=20)]] = Field(default_factory=dict)
    examples: tuple[str, ...] = ()
    answer: dict[Language, Text] = Field(min_length=1)


class AssistAnswers(Section):
    """Amazon Bedrock puts an answer together out of the FAQ where the FAQ by itself has none. `daily_cap`: characters
    that may be sent and received in an inbox and UTC day. `trusted`: no person looks at what it answered."""

    model: str = Field(min_length=1, max_length=2_048, pattern=r"^[A-Za-z0-9_.:/-]+$")
    daily_cap: int = Field(ge=1)
    trusted: bool = False


class AssistLanguage(Section):
    """Amazon Comprehend is asked for the language where nothing of ours tells it. `daily_cap` in characters."""

    daily_cap: int = Field(ge=1)


class Assist(Section):
    """Services outside that may be asked; none is unless it stands here."""

    answers: AssistAnswers | None = None
    language: AssistLanguage | None = None


def _words(words: tuple[str, ...]) -> tuple[str, ...]:
    folded = tuple(" ".join(word.casefold().split()) for word in words)
    if not all(folded):
        raise ValueError("an empty word would match every empty message; take it out")
    return folded


Words = Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(_words)]


class Playbook(Section):
    """How one inbox answers."""

    id: str = ""
    brand: str = Field(min_length=1, max_length=200)
    languages: tuple[Language, ...] = Field(min_length=1)
    hours: Calendar
    replies: Replies = Replies()
    texts: dict[Language, Wording] = Field(default_factory=dict)
    ways: Ways = Ways()
    incident: Incident | None = None
    service_levels: tuple[ServiceLevel, ...] = ()
    escalation: tuple[Seconds, ...] = ()  # business time after the due time, each raises the alarm once more
    priority: Priority = Priority()
    csat: Csat = Csat()
    four_eyes: Literal["never", "public", "always"] = "never"  # which replies of an agent a lead has to approve
    canned: tuple[CannedAnswer, ...] = ()
    faq: tuple[FaqEntry, ...] = ()
    assist: Assist = Assist()
    emergency_number: str = Field(default="112", pattern=r"^[0-9]{2,6}$")
    opt_out: Words = ("stop", "stopp", "стоп", "unsubscribe")
    opt_in: Words = ("start", "старт", "subscribe")
    channels: dict[str, ChannelReplies] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _parts_agree(self) -> Self:
        for number, language in enumerate(self.languages):
            if language in self.languages[:number]:
                raise misplaced(f'the language "{language}" is given twice; keep one', "languages", number)
        for list_name, what, entries in (("faq", "FAQ id", self.faq), ("canned", "shortcut", self.canned)):
            ids = [entry.id for entry in entries]
            for number, name in enumerate(ids):
                if name in ids[:number]:
                    raise misplaced(f'the {what} "{name}" is given twice; keep one', list_name, number, "id")
        if list(self.escalation) != sorted(set(self.escalation)):
            raise misplaced("write each time once, the shortest first", "escalation")
        if self.assist.answers and not self.faq:
            raise misplaced("there is no `faq` to answer from; write entries or take this out", "assist", "answers")
        for place in self._languages_used():
            if place[-1] not in self.languages:
                message = f'there is a text in "{place[-1]}", which is not among `languages`; add it there'
                raise misplaced(message, *place)
        if both := set(self.opt_out) & set(self.opt_in):
            message = f'"{min(both)}" cannot be both an opt-out and an opt-in word; take it out of one'
            raise misplaced(message, "opt_in" if "opt_in" in self.model_fields_set else "opt_out")
        return self

    def _languages_used(self) -> Iterator[tuple[int | str, ...]]:
        """Where a text stands; the last step is its language."""
        yield from (("texts", language) for language in self.texts)
        yield from (("incident", "text", language) for language in (self.incident.text if self.incident else ()))
        for number, answer in enumerate(self.canned):
            yield from (("canned", number, "text", language) for language in answer.text)
        for number, entry in enumerate(self.faq):
            yield from (("faq", number, "answer", language) for language in entry.answer)
            yield from (("faq", number, "title", language) for language in entry.title)

    @property
    def zone(self) -> str:
        """The zone that texts speak in: the first team's."""
        return self.hours[0].zone

    @property
    def week(self) -> dict[Day, tuple[str, ...]]:
        """The week that texts show: the first team's."""
        return self.hours[0].week

    def on(self, channel: str) -> ChannelReplies:
        return self.channels.get(channel, ChannelReplies())

    def service_level(self, channel: str, tags: tuple[str, ...] = ()) -> ServiceLevel:
        """The first service level of the list that fits; 60 minutes where none does."""
        for level in self.service_levels:
            if level.channel in ("*", channel) and (level.tag is None or level.tag in tags):
                return level
        return ServiceLevel.model_validate({"first_reply": "60m"})

    def incident_at(self, at: datetime) -> Incident | None:
        """The banner, where one is set and stands at `at`."""
        if self.incident is None:
            return None
        begins, ends = self._aware(self.incident.from_), self._aware(self.incident.until)
        stands = (begins is None or begins <= at) and (ends is None or at < ends)
        return self.incident if stands else None

    def _aware(self, time: datetime | None) -> datetime | None:
        return time.replace(tzinfo=ZoneInfo(self.zone)) if time and time.tzinfo is None else time
