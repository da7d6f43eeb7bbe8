"""One event to be decided, with all that the rows of the policy look at, worked out when first asked for. Pure."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property, lru_cache
from zoneinfo import ZoneInfo

from afterhours import disclosure, faq, hours, language, private_details, signals, texts
from afterhours.deadlines import Deadlines, deadlines
from afterhours.faq import Answer, Matcher, Suggestions
from afterhours.models import Event, Grounded, Kind, ThreadHead
from afterhours.phrasebook import NAMES, TextKind, phrasebook, stems
from afterhours.playbook import Playbook
from afterhours.signals import Signal
from afterhours.texts import Values

ANSWERABLE = {Kind.MESSAGE, Kind.POSTBACK, Kind.COMMENT}
_NAMED = re.compile(r"^(?:\s*@[\w.]{1,50}[,:]?(?=\s))+")  # whom a public text is for
TAPPED = "faq:"  # how the payload of a suggestion begins


class Way(StrEnum):
    """Where an automatic text would be read."""

    THREAD = "thread"
    PRIVATE = "private"  # by the author alone of a public comment
    PUBLIC = "public"
    NONE = "none"


@dataclass(frozen=True)
class Case:
    event: Event
    head: ThreadHead | None
    playbook: Playbook
    now: datetime
    grounded: Grounded | None = None  # what a model answers out of the FAQ, where it was asked
    heard: str | None = None  # the language that a service heard, where it was asked
    restored: bool = False  # the table is a copy that may not know what became of the event

    @property
    def now_ms(self) -> int:
        return int(self.now.timestamp() * 1000)

    def since(self, stamp_ms: int) -> timedelta:
        """How long ago a stamp of the head is; for ever when it is 0."""
        return timedelta(milliseconds=self.now_ms - stamp_ms) if stamp_ms else timedelta.max

    @property
    def speaks(self) -> bool:
        """Whether a customer of ours says something to us here."""
        event = self.event
        silent = event.standby or event.group_id or event.from_page_itself or event.unanswered
        return event.kind in ANSWERABLE and not silent

    @cached_property
    def details(self) -> tuple[private_details.Detail, ...]:
        """What all can read here and should not."""
        if self.event.kind is not Kind.COMMENT:
            return ()
        return private_details.found(self.event.text or "", self.choice.language)

    @property
    def way(self) -> Way:
        """In public only where the playbook says so, and never beneath somebody's private details."""
        if self.event.kind is not Kind.COMMENT:
            return Way.THREAD
        on = self.playbook.on(self.event.channel)
        if on.public and not self.details:
            return Way.PUBLIC
        return Way.PRIVATE if on.private_reply and self.event.private_reply else Way.NONE

    @cached_property
    def words(self) -> str:
        said = self.event.text or ""
        return plain_words(_NAMED.sub("", said) if self.event.kind is Kind.COMMENT else said)

    @cached_property
    def choice(self) -> language.Choice:
        """The language to answer in, and what is remembered of the contact's."""
        head = self.head
        return language.choose(
            self.event.text or "",
            explicit=head.explicit_language if head else None,
            remembered=head.language if head else None,
            locale=self.heard or self.event.locale,
            inbox_languages=self.playbook.languages,
            running=head.running if head else {},
        )

    @cached_property
    def signals(self) -> dict[Signal, tuple[str, ...]]:
        """The signs that a person should see this, and which entries of our lists they rest on."""
        text = self.event.text or ""
        found = {each.signal: each.because for each in signals.raised(text)}
        if Signal.PERSON not in found and self._asks_in_the_playbooks_words():
            found[Signal.PERSON] = ("playbook",)
        return found

    def _asks_in_the_playbooks_words(self) -> bool:
        book = phrasebook(self.choice.language) if self.choice.language in NAMES else phrasebook("en")
        padded = f" {self.words} "
        phrases = self.playbook.replies.handoff.phrases
        return self.words == plain_words(book.human_word) or any(f" {plain_words(one)} " in padded for one in phrases)

    @cached_property
    def faq(self) -> Answer | Suggestions | None:
        payload = self.event.payload or ""
        if payload.startswith(TAPPED) and payload.removeprefix(TAPPED) in {entry.id for entry in self.playbook.faq}:
            return Answer(payload.removeprefix(TAPPED), 1.0, "tapped")
        if not self.event.text or self.event.attachments or not self.playbook.faq:
            return None
        sure = self.choice.language if self.choice.why in ("explicit", "detected") else None
        return faq.match(_matcher(_SamePlaybook(self.playbook)), self.event.text, sure)

    @cached_property
    def closed_period(self) -> str | None:
        """The id of the closed period we are in; None while open."""
        return hours.closed_period(self.playbook.hours, self.now)

    @property
    def away_kind(self) -> TextKind:
        """Why we are closed: a holiday, a break of the day, or the night."""
        zone = ZoneInfo(self.playbook.zone)
        local = self.now.astimezone(zone)
        if any(local.date() == each.date for team in self.playbook.hours for each in team.holiday_dates):
            return TextKind.AWAY_HOLIDAY
        opening = hours.next_opening(self.playbook.hours, self.now)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        was_open = hours.open_periods(self.playbook.hours, midnight, self.now)
        again_today = opening is not None and opening.astimezone(zone).date() == local.date()
        return TextKind.AWAY_BREAK if was_open and again_today else TextKind.AWAY

    @cached_property
    def deadlines(self) -> Deadlines:
        """When the answer of a person is due, on the business clock."""
        tags = self.head.tags if self.head else ()
        return deadlines(self.playbook, self.event.channel, self.now, tags=tags, reasons=self.signals)

    @property
    def due(self) -> datetime:
        return datetime.fromtimestamp(self.deadlines.due_at / 1000, UTC)

    @property
    def must_disclose(self) -> bool:
        return disclosure.is_due(self.head, self.now_ms)

    @property
    def automated_turns(self) -> int:
        """Automatic replies since a person last spoke."""
        head = self.head
        return sum(stamp > head.human_at for stamp in head.auto_times) if head else 0

    @cached_property
    def values(self) -> Values:
        playbook, head = self.playbook, self.head
        return Values(
            now=self.now,
            zone=playbook.zone,
            brand=playbook.brand,
            contact_name=self.event.contact_name or (head.contact_name if head else None),
            next_opening=hours.next_opening(playbook.hours, self.now),
            expected_reply_by=self.due,
            week=playbook.week,
            ways=playbook.ways.line,
            languages=playbook.languages,
            start_word=playbook.opt_in[0],
            stop_word=playbook.opt_out[0],
            emergency_number=playbook.emergency_number,
            disclose=self.must_disclose,
        )

    def own_text(self, by_language: dict[str, str]) -> str:
        """A text of the playbook's (FAQ answer, incident) in the contact's language, as automation sends it."""
        code = self.closest(by_language)
        return texts.automatic(by_language[code], code, self.values, self.playbook.texts)

    def closest(self, by_language: dict[str, str]) -> str:
        """Which of the languages of a text is for this contact."""
        known = next((code for code in stems(self.choice.language) if code in by_language), None)
        return known or next((code for code in self.playbook.languages if code in by_language), next(iter(by_language)))


def plain_words(text: str) -> str:
    """Lower case, no diacritics, words apart by one space."""
    folded = unicodedata.normalize("NFKD", text.casefold())
    return " ".join(re.findall(r"\w+", "".join(letter for letter in folded if not unicodedata.combining(letter))))


class _SamePlaybook:
    """A playbook as a cache key: the loaded object itself, which lives as long as its version is in force."""

    def __init__(self, playbook: Playbook) -> None:
        self.playbook = playbook

    def __hash__(self) -> int:
        return id(self.playbook)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _SamePlaybook) and self.playbook is other.playbook


@lru_cache(maxsize=16)
def _matcher(key: _SamePlaybook) -> Matcher:
    return faq.compile(key.playbook.faq)
