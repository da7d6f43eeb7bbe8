"""The truth table of the policy: every combination of its conditions, decided, against a flat list of who wins.

The combinations are of plain facts ("opted out", "the incident was told"). Each is made into a real event, thread head
and playbook; where a fact has several faces (a claim, or a person who spoke a minute ago) one is drawn. The oracle
reads the facts alone: DESIGN 7 as a list, first hit wins.
"""

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import pytest
from afterhours import policy
from afterhours.case import ANSWERABLE
from afterhours.models import Attachment, Disposition, Event, Grounded, Kind, ThreadHead, ThreadStatus
from afterhours.playbook import Playbook
from slices import sweep
from test_policy import CLOSED, OPEN, PLAYBOOK, head, message, ms

CLOSED_SINCE = "2026-11-14T12:00:00+00:00"  # Saturday 13:00 in Zagreb: the name of the closed period around CLOSED
EARLIER = "2026-11-13T19:00:00+00:00"
MINUTE, HOUR = 60_000, 3_600_000


@dataclass(frozen=True)
class Facts:
    """What the decision may depend on. `said` is a key of SAID."""

    incident: str  # none, on, told
    away: bool  # switched on
    instant: bool  # switched on
    hours: str  # open, closed, told (closed, and the contact was told so)
    answerable: bool
    said: str
    opted_out: bool
    person: bool  # a person has it, or spoke within 15 minutes
    capped: bool  # the loop guard has had enough, whatever is said
    notice_lately: bool
    first: bool  # of a session
    # Drawn, and known to the oracle of the reasons only.
    signals: tuple[str, ...] = ()
    speaks: bool = True  # a customer says something to us, be it too old to answer
    same_question: bool = False
    replied: bool = False  # to a person's answer
    turns: int = 0  # automated, in a row
    attached: bool = False
    tapped: bool = False  # a button, no message
    surge: bool = False
    trusted: bool = False  # what a model answers needs no person

    @property
    def open(self) -> bool:
        return self.hours == "open"


# What a customer may say, and the signals in it (most pressing first).
SAID: dict[str, list[tuple[str | None, tuple[str, ...]]]] = {
    "question": [("Is breakfast included?", ()), ("hello there", ()), ("😀", ())],
    "stop": [("stop", ()), (" Stop! ", ()), ("UNSUBSCRIBE", ())],
    "start": [("start", ()), ("Start.", ())],
    "auto_responder": [
        ("I am out of office until Monday.", ()),
        ("This is an automatic reply. Do you have parking?", ()),
        ("Automated message: I want to speak to a human", ("asked_for_a_person",)),
        ("Automatische Antwort: I smell gas", ("safety",)),
    ],
    "spam": [("Earn money with crypto trading, click here", ("spam",)), ("Buy followers now, dm us", ("spam",))],
    "safety": [
        ("I smell gas in the room", ("safety",)),
        ("My child is not breathing, I want to speak to a human", ("safety", "asked_for_a_person")),
        ("I smell gas in the room, click here", ("safety", "spam")),
    ],
    "person": [
        ("I want to speak to a human", ("asked_for_a_person",)),
        ("Do you have parking? I want to speak to a human", ("asked_for_a_person",)),
        ("My lawyer will contact you", ("legal",)),
        ("My lawyer will contact you, click here", ("legal", "spam")),
        ("This is a scandal, worst service ever, I am furious!!", ("complaint",)),
    ],
    "faq": [("Do you have parking?", ()), ("When is check-in?", ()), ("Where can I park my car?", ())],
    "for the assistant": [("Where do I leave the parking card at check-in?", ()), ("Is breakfast included?", ())],
    "suggestions": [("Where do I leave the parking card at check-in?", ())],
    "suggestions again": [("Where do I leave the parking card at check-in?", ())],
    "rating": [("5", ()), (" 4. ", ()), ("⭐⭐⭐", ())],
    "number": [("5", ()), ("1.", ())],
    "nothing": [(None, ())],
}

# DESIGN 7. A row, the text that is sent (None: nothing), when it hits; the first that hits wins.
Row = tuple[str, str | None, Callable[[Facts], bool]]
ROWS: tuple[Row, ...] = (
    ("not_answerable", None, lambda f: not f.answerable),
    ("opt_word", None, lambda f: f.said == "stop" and f.opted_out),
    ("opt_word", "OPT OUT", lambda f: f.said == "stop"),
    ("opt_word", "OPT IN", lambda f: f.said == "start" and f.opted_out),
    ("opted_out", None, lambda f: f.opted_out),
    ("rating", "THANKS", lambda f: f.said == "rating"),
    ("human_has_it", None, lambda f: f.person),
    ("spam", None, lambda f: f.said == "spam"),
    ("loop_guard", None, lambda f: f.said == "auto_responder"),
    ("loop_guard", None, lambda f: f.capped),
    ("safety", None, lambda f: f.said == "safety" and f.notice_lately),
    ("safety", "SAFETY", lambda f: f.said == "safety"),
    ("incident", "INCIDENT", lambda f: f.incident == "on"),
    ("wants_a_person", None, lambda f: f.said == "person" and f.notice_lately),
    ("wants_a_person", "HANDOFF OPEN", lambda f: f.said == "person" and f.open),
    ("wants_a_person", "HANDOFF CLOSED", lambda f: f.said == "person"),
    ("faq", "FAQ", lambda f: f.said == "faq"),
    ("assistant", "GROUNDED", lambda f: f.said == "for the assistant"),
    ("faq_suggestions", "SUGGESTIONS", lambda f: f.said == "suggestions"),
    ("away", "AWAY", lambda f: f.hours == "closed" and f.away),
    ("away", None, lambda f: f.hours == "told" and f.away),
    ("instant", "SURGE", lambda f: f.instant and f.first and f.surge),
    ("instant", "INSTANT", lambda f: f.instant and f.first),
    ("none", None, lambda f: True),
)
# Why a person is needed, in the order of the codes: apart from the row, but for what the row itself tells.
REASONS: tuple[tuple[str, Callable[[Facts, str, str | None], bool]], ...] = (
    ("safety", lambda f, row, text: "safety" in f.signals),
    ("legal", lambda f, row, text: "legal" in f.signals),
    ("spam", lambda f, row, text: "spam" in f.signals),
    ("asked_for_a_person", lambda f, row, text: "asked_for_a_person" in f.signals),
    ("complaint", lambda f, row, text: "complaint" in f.signals),
    ("loop_guard", lambda f, row, text: row == "loop_guard"),
    ("customer_replied", lambda f, row, text: f.replied),
    ("attachment", lambda f, row, text: f.attached),
    ("same_question_twice", lambda f, row, text: f.same_question),
    ("automated_turns", lambda f, row, text: text is not None and f.turns >= 4),
    ("unanswered", lambda f, row, text: not (f.tapped or row == "faq" or (row == "assistant" and f.trusted))),
)

TEXTS = {
    "instant": "INSTANT",
    "surge": "SURGE",
    "away": "AWAY",
    "handoff": "HANDOFF OPEN",
    "handoff_closed": "HANDOFF CLOSED",
    "opt_out_confirm": "OPT OUT",
    "opt_in_confirm": "OPT IN",
    "faq_suggestions": "SUGGESTIONS",
    "safety_notice": "SAFETY",
    "csat_thanks": "THANKS",
}
FAQ = [
    {"id": "parking", "when": "PARKING & !PRICE", "answer": {"en": "FAQ parking"},
     "examples": ["Do you have parking?", "Where can I park my car?"]},
    {"id": "check-in", "when": "CHECKIN", "answer": {"en": "FAQ check-in"},
     "examples": ["When is check-in?", "From what time can I check in?"]},
]  # fmt: skip
GROUNDED = Grounded(entry_ids=("parking",), text="GROUNDED in parking")
BANNER = {"text": {"en": "INCIDENT"}, "from": "2026-11-11T09:00", "until": "2026-11-16T09:00"}
BANNER_OVER = {**BANNER, "until": "2026-11-11T10:00"}
BANNER_KEY = "2026-11-11 09:00:00/2026-11-16 09:00:00"


@cache
def playbook(incident: str, away: str, instant: str, trusted: bool) -> Playbook:
    """One object for each: its FAQ is compiled once."""
    return Playbook.model_validate(
        {
            **PLAYBOOK.model_dump(mode="json"),
            "texts": {"en": TEXTS},
            "faq": FAQ,
            "assist": {"answers": {"model": "a-model", "daily_cap": 1, "trusted": trusted}},
            "incident": {"none": None, "over": BANNER_OVER, "on": BANNER}[incident],
            "replies": {
                "away": {"enabled": away != "off", "once_per": "4h" if away == "every 4h" else "closed_period"},
                "instant": {"enabled": instant != "off"},
                "surge": instant == "surge",
            },
            "channels": {"whatsapp": {"away": away != "off here", "instant": instant != "off here"}},
        }
    )


class Drawing:
    """Makes the event, head and playbook of some facts, and the facts that were drawn along."""

    def __init__(self, facts: Facts, chance: random.Random) -> None:
        self.facts, self.chance = facts, chance
        self.now = OPEN if facts.open else CLOSED
        self.head: dict[str, Any] = {}
        self.kind = Kind.MESSAGE
        self.event: dict[str, Any] = {}
        self.text, signals = chance.choice(SAID[facts.said])
        self.away = chance.choice(["closed period", "every 4h"] if facts.away else ["off", "off here"])
        self.drawn: dict[str, Any] = {"signals": signals}

    def ago(self, milliseconds: int) -> int:
        return ms(self.now) - milliseconds

    def draw(self) -> tuple[Event, ThreadHead | None, Playbook, Facts]:
        self._event()
        self._contact()
        self._automation()
        instant = self.chance.choice(["on", "surge"] if self.facts.instant else ["off", "off here"])
        incident = self.chance.choice(["none", "over"]) if self.facts.incident == "none" else "on"
        event = message(self.now, self.text, kind=self.kind, **self.event)  # type: ignore[arg-type]
        known = head(**self.head) if self.head or self.chance.random() < 0.5 else None
        trusted = self.away in ("every 4h", "off")
        facts = replace(self.facts, surge=instant == "surge", trusted=trusted, **self.drawn)
        return event, known, playbook(incident, self.away, instant, trusted), facts

    def _event(self) -> None:
        if self.facts.said == "nothing":
            self._wordless()
        elif self.facts.said == "faq" and self.chance.random() < 0.3:
            self.text, self.kind = "Parking", self.chance.choice([Kind.MESSAGE, Kind.POSTBACK])
            self.event["payload"] = "faq:parking"
            self.drawn["tapped"] = self.kind is Kind.POSTBACK
        if self.facts.answerable:
            self.event["timestamp_ms"] = self.chance.choice([ms(self.now), self.ago(15 * MINUTE), None])
            return
        spoilt = self.chance.choice(["kind", "standby", "group_id", "from_page_itself", "old"])
        if spoilt == "kind":
            self.kind = self.chance.choice([kind for kind in Kind if kind not in ANSWERABLE])
        elif spoilt == "old":
            self.event["timestamp_ms"] = self.ago(15 * MINUTE + 1)
        else:
            self.event[spoilt] = "g" if spoilt == "group_id" else True
        self.drawn["speaks"] = spoilt == "old"

    def _wordless(self) -> None:
        if self.chance.random() < 0.5:
            self.kind = Kind.POSTBACK
            self.drawn["tapped"] = True
        else:
            self.event["attachments"] = (Attachment(type="image"),)
            self.drawn["attached"] = True

    def _contact(self) -> None:
        if self.facts.opted_out:
            self.head["opted_out_at"] = self.ago(40 * HOUR)
        claimed = {"owner": "ana", "lease_until": self.ago(0)}, {"owner": "ana", "lease_until": self.ago(-MINUTE)}
        spoke = {"human_at": self.ago(15 * MINUTE - 1)}, {"human_at": self.ago(1)}
        left = {}, {"owner": "ana", "lease_until": self.ago(1)}, {"human_at": self.ago(15 * MINUTE)}
        self.head |= self.chance.choice([*claimed, *spoke] if self.facts.person else left)
        if self.chance.random() < 0.3:
            status = self.chance.choice(list(ThreadStatus))
            self.head["status"] = status
            self.drawn["replied"] = status in (ThreadStatus.WAITING, ThreadStatus.SNOOZED)
        if self.facts.said in ("rating", "number"):
            self._asked_how_it_was()
        if self.facts.said.startswith("suggestions"):
            again = [self.ago(1), self.ago(HOUR - 1)] if self.facts.said.endswith("again") else [0, self.ago(HOUR)]
            self.head["suggested_at"] = self.chance.choice(again)

    def _asked_how_it_was(self) -> None:
        """The customer was asked, and answers, or only seems to."""
        until = self.ago(self.chance.choice([0, -HOUR]))
        self.head |= {"status": ThreadStatus.RESOLVED, "csat_until": until, "episode": 2}
        self.drawn["replied"] = False
        if self.facts.said == "rating":
            if self.chance.random() < 0.4:
                self.event["payload"] = "csat:2:5"
            return
        spoilt = self.chance.choice(["never asked", "late", "open again", "another episode"])
        if spoilt == "another episode":
            self.event["payload"] = "csat:1:5"
        elif spoilt == "open again":
            self.head["status"] = self.chance.choice([ThreadStatus.OPEN, ThreadStatus.AUTOMATED])
        else:
            self.head["csat_until"] = 0 if spoilt == "never asked" else self.ago(1)

    def _automation(self) -> None:
        self._counts()
        if self.facts.notice_lately:
            self.head["handoff_notice_at"] = self.ago(self.chance.choice([1, HOUR - 1]))
        elif self.chance.random() < 0.3:
            self.head["handoff_notice_at"] = self.ago(HOUR)
        if self.facts.hours == "told":
            ago = self.chance.choice([1, 4 * HOUR - 1]) if self.away == "every 4h" else 10 * HOUR
            self.head |= {"away_period": CLOSED_SINCE, "away_at": self.ago(ago)}
        elif self.chance.random() < 0.3:
            period = CLOSED_SINCE if self.away == "every 4h" else EARLIER
            self.head |= {"away_period": period, "away_at": self.ago(4 * HOUR)}
        stamp = self.chance.choice(["last_in_at", "last_out_at", "instant_at"])
        if not self.facts.first:
            self.head[stamp] = self.ago(self.chance.choice([1, 12 * HOUR - 1]))
        elif self.chance.random() < 0.3:
            self.head[stamp] = self.ago(12 * HOUR)
        if "asked" in self.head:
            self.head["last_in_at"] = self.ago(self.chance.choice([1, HOUR - 1]))
        if self.facts.incident == "told":
            self.head["incident_told"] = BANNER_KEY

    def _counts(self) -> None:
        """How often automation spoke of late, and what the contact said before."""
        short, long = [1, 5 * MINUTE, 10 * MINUTE - 1], [hour * HOUR for hour in (1, 2, 3, 5, 8, 13, 21)]
        ages = self.chance.choice([[], short[:2], [*short[:2], 10 * MINUTE], long, [24 * HOUR, *long]])
        if self.facts.capped:
            full = ["in 10 minutes", "in 24 hours"] + (["same text"] if self.text and self.facts.said != "stop" else [])
            way = self.chance.choice(full)
            if way == "same text":
                self.head["asked"] = (self.text, "Something else", self.text)
                self.drawn["same_question"] = len((self.text or "").split()) > 1
            else:
                ages = short if way == "in 10 minutes" else [24 * HOUR - 1, *long]
        if ages:
            self.head["auto_times"] = tuple(sorted(map(self.ago, ages)))
        spoke = self.head.get("human_at", 0)
        self.drawn["turns"] = sum(self.ago(age) > spoke for age in ages)


def combinations() -> Iterator[Facts]:
    """All of them; those of a playbook together."""
    yesno = (True, False)
    told, hours = ("none", "on", "told"), ("open", "closed", "told")
    for each in itertools.product(told, yesno, yesno, hours, yesno, SAID, yesno, yesno, yesno, yesno, yesno):
        yield Facts(*each)


def expected(facts: Facts) -> tuple[str, str | None, tuple[str, ...]]:
    row, text = next((row, text) for row, text, hits in ROWS if hits(facts))
    if row in ("opt_word", "rating") or not facts.speaks:
        return row, text, ()
    return row, text, tuple(reason for reason, holds in REASONS if holds(facts, row, text))


def found(decided: Disposition) -> tuple[str, str | None, tuple[str, ...]]:
    """The same of what was decided; of the text its beginning."""
    text = decided.reply_text
    known = [*TEXTS.values(), "INCIDENT", "FAQ", "GROUNDED"]
    return decided.rule, text and next(start for start in known if text.startswith(start)), decided.handoff


@sweep(every=17)  # no number of faces of a fact: each face comes up
def test_every_combination_of_conditions_has_the_one_disposition_that_the_table_gives(
    capsys: pytest.CaptureFixture[str], every: int
) -> None:
    chance = random.Random(7)
    rows = [name for name, _ in policy.TABLE]
    hits: Counter[str] = Counter()
    sent = 0
    for facts in itertools.islice(combinations(), None, None, every):
        event, before, book, drawn = Drawing(facts, chance).draw()
        grounded = GROUNDED if facts.said == "for the assistant" else None
        decided = policy.decide(event, before, book, OPEN if facts.open else CLOSED, grounded=grounded)
        assert found(decided) == expected(drawn), (drawn, event, before)
        looked_at = [rule for rule, _ in decided.why]
        assert looked_at == [*rows, "none"][: len(looked_at)]
        assert decided.why[-1] == (decided.rule, decided.reason)
        assert bool(decided.due_at) == bool(decided.handoff)
        hits[decided.rule] += 1
        sent += decided.reply_text is not None
    with capsys.disabled():
        told = ", ".join(f"{rule} {count:,}" for rule, count in sorted(hits.items(), key=lambda hit: -hit[1]))
        print(f"\npolicy: {hits.total():,} combinations of conditions, one disposition each, {sent:,} texts; {told}")
    assert set(hits) == {*rows, "none"}


def test_the_rows_stand_in_the_order_of_the_design() -> None:
    listed = list(dict.fromkeys(row for row, _, _ in ROWS))
    assert [*(name for name, _ in policy.TABLE), "none"] == listed
