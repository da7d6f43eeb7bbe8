"""What holds for every conversation, however long: customers, people of ours and the clock are played at random."""

import random
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from afterhours import hours, policy
from afterhours.case import plain_words
from afterhours.models import Disposition, Grounded, ThreadHead, ThreadStatus
from hypothesis import given, seed, settings
from hypothesis import strategies as st
from test_policy import message, ms
from test_rows import FAQ, playbook

BANNER = {"text": {"en": "Our phones are down."}, "from": "2026-11-12T09:00", "until": "2026-11-14T09:00"}
BUSY = ["00:00-06:00", "06:30-12:00", "12:15-17:00", "18:00-24:00"]
PLAYBOOKS = (
    playbook(languages=["en", "de", "hr"], faq=FAQ, assist={"answers": {"model": "m", "daily_cap": 1}}),
    playbook(languages=["en", "sr-Cyrl", "de"], faq=FAQ, incident=BANNER, replies={"instant": {"after_silence": "2h"}}),
    playbook(hours={"zone": "Asia/Kathmandu", "week": {"mon-sun": BUSY}}, replies={"handoff": {"unanswered": False}}),
    playbook(hours={"zone": "UTC", "week": {"mon-sun": "closed"}}, replies={"away": {"once_per": "4h"}}),
    playbook(replies={"instant": {"after_silence": "1m"}, "loop_guard": {"per_10_minutes": 8, "per_24_hours": 8}}),
)
QUESTIONS = (
    "Is breakfast included?", "hello", "Do you have parking?", "When is check-in?", "Haben Sie einen Parkplatz?",
    "Where can I park my car?", "From what time can I check in?", "Is there a sauna?", "ok", "Thank you very much",
)  # fmt: skip
SAID = (
    "Where do I leave the parking card at check-in?", "I want to speak to a human", "Deutsch bitte", "ćirilica molim",
    "This is a scandal, worst service ever, I am furious!!", "My lawyer will contact you", "I smell gas in the room",
    "Buy followers now, dm us", "I am out of office until Monday.", "Имате ли паркинг?", "Kada je prijava?",
)  # fmt: skip
HOSTILE = (
    "{0.__class__}", "{brand}", "[[", "]]", "{", "\u202e\u202eevil", "\x00", "\x1b[2J", "🎉🎉", "e" + "\u0301" * 3_000,
    "A" * 16_000, "parking " * 2_000, "ab " * 5_000, "(" * 3_000, "\ud7ff\uffff\U0010ffff", "a\u2028b", " ", "", "=1+1",
    "'; DROP TABLE", "\u0627\u0644\u0633\u0644\u0627\u0645" * 200, "%s%n", "\\", "stop start", "?" * 500, "-" * 500,
)  # fmt: skip
TEXTS = st.sampled_from(SAID) | st.sampled_from(HOSTILE) | st.text(max_size=60)
RATINGS = ("5", "2/5", " 1.", "3 stars", "6", "45")
NAMES = st.none() | st.sampled_from(("A" * 200, *HOSTILE)) | st.text(max_size=30)
# How long between two acts, in seconds: in haste, all day long, now and then.
SPANS = ((0, 1, 20, 130), (60, 300, 900, 2_400), (899, 900, 7_200, 14_400, 40_000, 100_000, 260_000))
SILENT = {"not_answerable", "opted_out", "human_has_it", "spam", "loop_guard"}
GROUNDED = Grounded(entry_ids=("parking",), text="Parking is in the yard.")
BEGINNING = datetime(2026, 11, 11, 10, 0, tzinfo=UTC)


class Conversation:
    """One contact and what automation made of it; everything is drawn by the seed."""

    def __init__(self, number: int) -> None:
        self.chance = random.Random(number)
        self.book = PLAYBOOKS[number % len(PLAYBOOKS)]
        self.spans = SPANS[number // len(PLAYBOOKS) % len(SPANS)]
        self.now = BEGINNING + timedelta(minutes=self.chance.randrange(7 * 24 * 60))
        self.head: ThreadHead | None = None
        self.sent: list[tuple[datetime, str, str]] = []  # all that automation said: when, by which row, why
        self.stopped = False
        self.active: datetime | None = None  # when the contact or automation last wrote
        self.spoke: datetime | None = None  # when a person last wrote
        self.rates_until: datetime | None = None  # how long the last question for a rating stands

    def go_on(self) -> None:
        """Some time, then somebody does something."""
        self.now += timedelta(seconds=self.chance.choice(self.spans))
        acts = [self.customer_writes, self.customer_opts, self.agent_claims, self.agent_answers, self.agent_releases,
                self.colleague_writes_in_the_platforms_app]  # fmt: skip
        [act] = self.chance.choices(acts, [60, 8 if self.stopped else 1, 3, 2, 2, 1])
        act()

    def customer_writes(self) -> None:
        text = self.chance.choice(self.chance.choices([QUESTIONS, SAID, HOSTILE], [8, 4, 1])[0])
        if self.rates_until and self.chance.random() < 0.4:
            text = self.chance.choice(RATINGS)
        name = self.chance.choice(["Petra Novak", None, *HOSTILE])
        self.hear(text, name, self.chance.choices([0, 5, 3_600], [20, 4, 1])[0])

    def customer_opts(self) -> None:
        self.hear(
            self.chance.choice(["stop", "STOP!", "Unsubscribe", "стоп", "start", " Start ", "Subscribe"]), None, 0
        )

    def agent_claims(self) -> None:
        if self.head:
            lease = ms(self.now + timedelta(seconds=120))
            self.change(owner="ana", lease_until=lease, fence=self.head.fence + 1)

    def agent_answers(self) -> None:
        self.colleague_writes_in_the_platforms_app()
        status = self.chance.choice([ThreadStatus.WAITING, ThreadStatus.SNOOZED, ThreadStatus.RESOLVED])
        self.change(owner=None, lease_until=0, status=status, kept_for="ana")
        if self.head and status is ThreadStatus.RESOLVED:
            self.rates_until = self.now + timedelta(hours=24)
            self.change(csat_until=ms(self.rates_until))

    def agent_releases(self) -> None:
        self.change(owner=None, lease_until=0)

    def colleague_writes_in_the_platforms_app(self) -> None:
        if self.head:
            self.spoke = self.now
            self.change(human_at=ms(self.now), last_out_at=ms(self.now))

    def change(self, **changes: Any) -> None:
        if self.head:
            changes["version"] = self.head.version + 1
            self.head = ThreadHead.model_validate({**self.head.model_dump(), **changes})

    def hear(self, text: str, name: str | None, late: int) -> None:
        """The customer's message is decided and committed; every property is looked at."""
        before, now = self.head, self.now
        at = now - timedelta(seconds=late)
        event = message(at, text, contact_name=name)
        decided = policy.decide(event, before, self.book, now)
        if policy.leaves_unanswered(event, decided) and self.chance.random() < 0.3:
            decided = policy.decide(event, before, self.book, now, grounded=GROUNDED)
        changes = policy.advance(
            event, before, decided, sk="E#1", at_ms=ms(at), now_ms=ms(now), inbox="support",
            window=timedelta(hours=24), priority=self.book.priority,
        )  # fmt: skip
        known = before.model_dump() if before else {"version": 0}
        self.head = ThreadHead.model_validate({**known, **changes, "version": known["version"] + 1})
        for holds in PROPERTIES:
            holds(self, text, decided, before)
        self.active = max(filter(None, (self.active, at)))
        if decided.reply_text is not None:
            self.sent.append((now, decided.rule, decided.reason))
            self.active = now

    def lately(self, span: timedelta) -> int:
        return sum(self.now - at < span for at, _, _ in self.sent)

    def was_told_at(self, at: datetime, row: str) -> bool:
        """Whether this was the notice that also says when we are back."""
        return row == "wants_a_person" and not hours.is_open(self.book.hours, at)


def one_text_at_most(talk: Conversation, text: str, decided: Disposition, before: ThreadHead | None) -> None:
    assert talk.head is not None
    counted = talk.head.auto_times != (before.auto_times if before else ())
    assert counted == (decided.reply_text is not None)
    assert decided.reply_text is None or decided.reply_text.strip()
    assert not set("{}") & set(decided.reply_text or "")


def away_once_in_a_closed_period(
    talk: Conversation, text: str, decided: Disposition, before: ThreadHead | None
) -> None:
    away = talk.book.replies.away.once_per
    last = next((at for at, row, _ in reversed(talk.sent) if row == "away" or talk.was_told_at(at, row)), None)
    if decided.rule != "away" or decided.reply_text is None:
        return
    assert not hours.is_open(talk.book.hours, talk.now)
    if last is None:
        return
    if away == "closed_period":
        opened = hours.next_opening(talk.book.hours, last)
        assert opened is not None
        assert opened < talk.now, "it was closed all the time since"
    else:
        assert talk.now - last >= timedelta(seconds=away)


def silent_while_a_person_has_it(
    talk: Conversation, text: str, decided: Disposition, before: ThreadHead | None
) -> None:
    if decided.reply_text is None or decided.rule in ("opt_word", "rating"):  # they are answered in any case
        return
    assert talk.spoke is None or talk.now - talk.spoke >= timedelta(minutes=15)
    assert before is None or before.owner is None or before.lease_until < ms(talk.now)


def instant_once_in_a_session(talk: Conversation, text: str, decided: Disposition, before: ThreadHead | None) -> None:
    if decided.rule != "instant":
        return
    silence = timedelta(seconds=talk.book.replies.instant.after_silence)
    assert talk.active is None or talk.now - talk.active >= silence
    assert talk.spoke is None or talk.now - talk.spoke >= silence


def nothing_after_stop_until_start(
    talk: Conversation, text: str, decided: Disposition, before: ThreadHead | None
) -> None:
    word = plain_words(text)
    answerable = decided.rule != "not_answerable"
    if talk.stopped:
        assert decided.reply_text is None or word in talk.book.opt_in
    if answerable and (word in talk.book.opt_out or (talk.stopped and word in talk.book.opt_in)):
        talk.stopped = word in talk.book.opt_out
    assert bool(talk.head and talk.head.opted_out_at) == talk.stopped


def never_more_than_the_loop_guard_allows(
    talk: Conversation, text: str, decided: Disposition, before: ThreadHead | None
) -> None:
    guard = talk.book.replies.loop_guard
    if decided.reply_text is not None and decided.rule not in ("opt_word", "rating"):
        assert talk.lately(timedelta(minutes=10)) < guard.per_10_minutes
        assert talk.lately(timedelta(hours=24)) < guard.per_24_hours


def a_handoff_only_escalates(talk: Conversation, text: str, decided: Disposition, before: ThreadHead | None) -> None:
    after = talk.head
    assert after is not None
    if decided.handoff:
        assert after.status is ThreadStatus.OPEN
        assert set(decided.handoff) <= set(after.handoff_reasons)
        assert after.due_at <= decided.due_at, "what is more pressing is due earlier"
    if before and before.status is ThreadStatus.OPEN:
        assert after.status is ThreadStatus.OPEN
        assert after.handoff_reasons[: len(before.handoff_reasons)] == before.handoff_reasons
        assert (after.opened_at, after.due_at <= before.due_at) == (before.opened_at, True)
    elif before and not decided.handoff:
        assert after.status is before.status


def rated_once_and_only_when_asked(
    talk: Conversation, text: str, decided: Disposition, before: ThreadHead | None
) -> None:
    if decided.rating is not None:
        assert talk.rates_until is not None
        assert talk.now <= talk.rates_until
        assert (decided.rule, decided.handoff, str(decided.rating)) == ("rating", (), text.strip()[0])
    if decided.rating is not None or (talk.head and talk.head.status is not ThreadStatus.RESOLVED):
        talk.rates_until = None


PROPERTIES: tuple[Callable[[Conversation, str, Disposition, ThreadHead | None], None], ...] = (
    one_text_at_most,
    away_once_in_a_closed_period,
    silent_while_a_person_has_it,
    instant_once_in_a_session,
    nothing_after_stop_until_start,
    never_more_than_the_loop_guard_allows,
    a_handoff_only_escalates,
    rated_once_and_only_when_asked,
)


@pytest.mark.parametrize(
    "conversations",
    [range(15), *(pytest.param(range(first, first + 100), marks=pytest.mark.proof) for first in range(0, 400, 100))],
    ids=lambda each: f"{each[0]}-{each[-1]}",
)
def test_what_is_promised_of_automation_holds_in_long_conversations(
    conversations: range, capsys: pytest.CaptureFixture[str]
) -> None:
    said: Counter[str] = Counter()
    heard = 0
    for number in conversations:
        talk = Conversation(number)
        for _ in range(60):
            talk.go_on()
        said.update(rule for _, rule, _ in talk.sent)
        heard += talk.head.inbound_count if talk.head else 0
    with capsys.disabled():
        told = ", ".join(f"{rule} {count:,}" for rule, count in said.most_common())
        print(f"\npolicy: {len(PROPERTIES)} properties held over {heard:,} messages; texts: {told}")
    assert set(said) == set(dict(policy.TABLE)) - SILENT, "every row that can say something has said it"


@seed(7)
@settings(max_examples=150, deadline=None, database=None)
@given(text=TEXTS | st.text(max_size=400), name=NAMES, book=st.sampled_from(PLAYBOOKS), at=st.integers(0, 10_000))
def test_no_text_and_no_name_of_a_stranger_makes_an_error(text: str, name: str | None, book: Any, at: int) -> None:
    now = BEGINNING + timedelta(minutes=at)
    decided = policy.decide(message(now, text, contact_name=name), None, book, now)
    assert decided.rule in {*dict(policy.TABLE), "none"}
    assert "\u202e" not in (decided.reply_text or "")
