"""The rows of the policy in order of precedence: first hit wins, one automated text at most (DESIGN 7). Pure."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from afterhours import csat, texts
from afterhours.auto_responders import is_auto_response, repeats_the_playbook
from afterhours.case import ANSWERABLE, TAPPED, Case, Way, plain_words
from afterhours.faq import Answer, Suggestions
from afterhours.models import Kind, QuickReply, ThreadStatus
from afterhours.playbook import FaqEntry
from afterhours.signals import Signal
from afterhours.texts import TextKind

STALE_AFTER = timedelta(minutes=15)  # a reply to an older event would puzzle more than help
NOTICE_AGAIN_AFTER = timedelta(hours=1)
SAME_TEXT_TIMES = 3
SAME_TEXT_WITHIN = timedelta(hours=1)  # a customer's "Hi" of every month is no machine


class Hit(NamedTuple):
    """A row that decides: the text to send (None: nothing), why, and what to stamp on the head."""

    reason: str
    text: str | None = None
    stamps: Mapping[str, Any] = {}
    quick_replies: tuple[QuickReply, ...] = ()
    answers: bool = False  # whether the customer has what was asked for, so that no person is needed for it
    rating: int | None = None


class Pass(NamedTuple):
    """A row that does not decide, and why not."""

    verdict: str


Row = Callable[[Case], Hit | Pass]


def _render(case: Case, kind: TextKind) -> str:
    return texts.render(kind, case.choice.language, case.values, case.playbook.texts)


def _not_answerable(case: Case) -> Hit | Pass:
    event = case.event
    if event.kind not in ANSWERABLE:
        return Hit(f"kind_{event.kind}", stamps=_consent(case))
    for fact, reason in ((event.standby, "standby"), (event.group_id, "group"), (event.from_page_itself, "our_own")):
        if fact:
            return Hit(reason)
    if event.unanswered:
        return Hit(event.unanswered)
    if event.timestamp_ms is not None and case.since(event.timestamp_ms) > STALE_AFTER:
        return Hit("too_old")
    if case.restored:
        return Hit("restored")
    return Pass("answerable")


def _consent(case: Case) -> dict[str, Any]:
    """Who blocks us wants nothing any more, until they let us write again or have written since."""
    event, head = case.event, case.head
    if event.kind is Kind.UNFOLLOW and not (head and event.timestamp_ms and head.last_in_at > event.timestamp_ms):
        return {"opted_out_at": case.now_ms}
    return {"opted_out_at": 0} if event.kind is Kind.FOLLOW and head and head.opted_out_at else {}


def _opt_word(case: Case) -> Hit | Pass:
    told = bool(case.head and case.head.opted_out_at)
    if case.words in map(plain_words, case.playbook.opt_out):
        stamps = {"opted_out_at": case.now_ms}
        if told:
            return Hit("opted_out_before", None, stamps)
        return Hit("opt_out_word", _render(case, TextKind.OPT_OUT_CONFIRM), stamps)
    if told and case.words in map(plain_words, case.playbook.opt_in):
        return Hit("opt_in_word", _render(case, TextKind.OPT_IN_CONFIRM), {"opted_out_at": 0})
    return Pass("no such word")


def _opted_out(case: Case) -> Hit | Pass:
    return Hit("opted_out") if case.head and case.head.opted_out_at else Pass("not opted out")


def _rating(case: Case) -> Hit | Pass:
    """The answer to our question stands before whoever has it: a person has just said goodbye."""
    head = case.head
    if head is None or head.status is not ThreadStatus.RESOLVED or head.csat_until < case.now_ms:
        return Pass("not asked")
    score = csat.score(case.event, head.episode)
    if score is None:
        return Pass("no rating")
    return Hit(f"rated_{score}", _render(case, TextKind.CSAT_THANKS), {"csat_until": 0}, answers=True, rating=score)


def _human_has_it(case: Case) -> Hit | Pass:
    head = case.head
    if head and head.owner and head.lease_until >= case.now_ms:
        return Hit("claimed")
    if head and case.since(head.human_at) < timedelta(seconds=case.playbook.replies.human_silence):
        return Hit("human_spoke")
    return Pass("no person has it")


def _spam(case: Case) -> Hit | Pass:
    worse = {Signal.SAFETY, Signal.LEGAL} & case.signals.keys()
    return Hit("spam") if Signal.SPAM in case.signals and not worse else Pass("no sign of it")


def _loop_guard(case: Case) -> Hit | Pass:
    written = case.event.text or ""
    if is_auto_response(written) or repeats_the_playbook(written, case.playbook):
        return Hit("auto_responder")
    head, guard = case.head, case.playbook.replies.loop_guard
    ages = [case.since(stamp) for stamp in (head.auto_times if head else ())]
    if sum(age < timedelta(minutes=10) for age in ages) >= guard.per_10_minutes:
        return Hit("too_many_in_10_minutes")
    if sum(age < timedelta(hours=24) for age in ages) >= guard.per_24_hours:
        return Hit("too_many_in_24_hours")
    said = written[:ASKED_KEPT]
    lately = head is not None and case.since(head.last_in_at) < SAME_TEXT_WITHIN
    if head and lately and said and [*head.asked, said].count(said) >= SAME_TEXT_TIMES:
        return Hit("same_text")
    return Pass(f"{len(ages)} automatic replies of late")


def _safety(case: Case) -> Hit | Pass:
    if Signal.SAFETY not in case.signals:
        return Pass("no sign of it")
    return _notice(case, "safety", TextKind.SAFETY_NOTICE)


def _incident(case: Case) -> Hit | Pass:
    incident = case.playbook.incident_at(case.now)
    if incident is None:
        return Pass("none is on")
    key = f"{incident.from_}/{incident.until}"
    if case.head and case.head.incident_told == key:
        return Pass("told before")
    return Hit("incident", case.own_text(incident.text), {"incident_told": key})


def _wants_a_person(case: Case) -> Hit | Pass:
    """Details that all can read want one as well, who can hide them; no other text follows them."""
    signs = [signal.value for signal in (Signal.LEGAL, Signal.PERSON, Signal.COMPLAINT) if signal in case.signals]
    for sign in (*signs, *(detail.value for detail in case.details)):
        kind = TextKind.HANDOFF if case.closed_period is None else TextKind.HANDOFF_CLOSED
        return _notice(case, sign, kind)
    return Pass("no sign of it")


def _notice(case: Case, reason: str, kind: TextKind) -> Hit:
    """Told once in an hour; when closed it also stands for the away reply, as it says when we are back."""
    if case.head and case.since(case.head.handoff_notice_at) < NOTICE_AGAIN_AFTER:
        return Hit(f"{reason}_again")
    stamps: dict[str, Any] = {"handoff_notice_at": case.now_ms}
    if kind is TextKind.HANDOFF_CLOSED:
        stamps |= {"away_period": case.closed_period, "away_at": case.now_ms}
    return Hit(reason, _render(case, kind), stamps)


def _faq(case: Case) -> Hit | Pass:
    found = case.faq
    if not isinstance(found, Answer):
        return Pass("not configured" if not case.playbook.faq else "no entry answers it")
    entry = _entries(case)[found.entry_id]
    return Hit(entry.id, case.own_text(entry.answer), answers=True)


def _assistant(case: Case) -> Hit | Pass:
    answers, grounded = case.playbook.assist.answers, case.grounded
    if answers is None or grounded is None:
        return Pass("not configured" if answers is None else "not asked")
    text = texts.automatic(grounded.text, case.choice.language, case.values, case.playbook.texts)
    return Hit(" ".join(grounded.entry_ids), text, answers=answers.trusted)


def _faq_suggestions(case: Case) -> Hit | Pass:
    found = case.faq
    if not isinstance(found, Suggestions):
        return Pass("not configured" if not case.playbook.faq else "none is close")
    if case.way is Way.PUBLIC:
        return Pass("no buttons in public")
    if case.head and case.since(case.head.suggested_at) < NOTICE_AGAIN_AFTER:
        return Pass("suggested not long ago")
    offered = tuple(_quick_reply(case, _entries(case)[entry_id]) for entry_id in found.ids)
    stamps = {"suggested_at": case.now_ms}
    return Hit(found.reason, _render(case, TextKind.FAQ_SUGGESTIONS), stamps, offered)


def _away(case: Case) -> Hit | Pass:
    period, away = case.closed_period, case.playbook.replies.away
    if period is None:
        return Pass("open")
    if not away.enabled or not case.playbook.on(case.event.channel).away:
        return Pass("switched off")
    head = case.head
    if head and isinstance(away.once_per, int) and case.since(head.away_at) < timedelta(seconds=away.once_per):
        return Hit("told_not_long_ago")
    if head and away.once_per == "closed_period" and head.away_period == period:
        return Hit("told_in_this_closed_period")
    return Hit("closed", _render(case, case.away_kind), {"away_period": period, "away_at": case.now_ms})


def _instant(case: Case) -> Hit | Pass:
    replies, head = case.playbook.replies, case.head
    if not replies.instant.enabled or not case.playbook.on(case.event.channel).instant:
        return Pass("switched off")
    silence = timedelta(seconds=replies.instant.after_silence)
    if head and min(case.since(max(head.last_in_at, head.last_out_at)), case.since(head.instant_at)) < silence:
        return Pass("not the first of a session")
    kind = TextKind.SURGE if replies.surge else TextKind.INSTANT
    return Hit("first_of_a_session", _render(case, kind), {"instant_at": case.now_ms})


ASKED_KEPT = 200  # characters of a text that are remembered to know it again

TABLE: tuple[tuple[str, Row], ...] = (
    ("not_answerable", _not_answerable),
    ("opt_word", _opt_word),
    ("opted_out", _opted_out),
    ("rating", _rating),
    ("human_has_it", _human_has_it),
    ("spam", _spam),
    ("loop_guard", _loop_guard),
    ("safety", _safety),
    ("incident", _incident),
    ("wants_a_person", _wants_a_person),
    ("faq", _faq),
    ("assistant", _assistant),
    ("faq_suggestions", _faq_suggestions),
    ("away", _away),
    ("instant", _instant),
)


def _entries(case: Case) -> dict[str, FaqEntry]:
    return {entry.id: entry for entry in case.playbook.faq}


def _quick_reply(case: Case, entry: FaqEntry) -> QuickReply:
    title = entry.title.get(case.choice.language) or next(iter(entry.title.values()), "")
    return QuickReply(
        id=f"{TAPPED}{entry.id}", title=title or entry.id.replace("-", " ").replace("_", " ").capitalize()[:20]
    )
