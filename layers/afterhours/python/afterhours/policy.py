"""What to do about an event: one disposition, with the reply, the reasons to call a person, and why. Pure.

The rows and their precedence are in rows.py. Handing the thread to a person is decided apart from the reply and only
ever escalates. `advance` turns a decision into the changes of the thread head that are committed with it.
"""

from datetime import datetime, timedelta
from typing import Any

from afterhours import signals, texts
from afterhours.case import ANSWERABLE, Case, Way
from afterhours.deadlines import urgent_at
from afterhours.models import Disposition, Event, Grounded, Kind, ThreadHead, ThreadStatus
from afterhours.playbook import Playbook, Priority
from afterhours.rows import ASKED_KEPT, STALE_AFTER, Hit
from afterhours.rows import TABLE as TABLE
from afterhours.signals import Signal
from afterhours.texts import TextKind
from afterhours.wording import words

OPENS_THE_WINDOW = {*ANSWERABLE, Kind.REFERRAL, Kind.OPTIN}
KEEP_FOR_LAST_OWNER = timedelta(minutes=10)
AUTO_TIMES_KEPT = 8
UNANSWERING = {"faq_suggestions", "away", "instant", "none"}
QUESTION_MARKS = frozenset("?\u055e\u061f")  # Latin and Cyrillic, Armenian, Arabic
QUESTIONS_KEPT = 3


def decide(
    event: Event,
    head: ThreadHead | None,
    playbook: Playbook,
    now: datetime,
    *,
    grounded: Grounded | None = None,
    heard: str | None = None,
    restored: bool = False,
) -> Disposition:
    """The one disposition of an event. `now` is aware UTC. `grounded` and `heard` are what services outside said,
    where they were asked. `restored`: it may have been answered before the table was brought back from a copy."""
    case = Case(event, head, playbook, now, grounded, heard, restored)
    rule, hit, why = _first_hit(case)
    if hit.text and case.way is Way.NONE:  # what the contact has decided stands all the same
        hit = Hit("nothing_in_public", stamps=hit.stamps if rule == "opt_word" else {})
    reasons = _reasons(case, rule, hit)
    delay = playbook.replies.instant.delay if rule == "instant" else 0
    return Disposition(
        rule=rule,
        reason=hit.reason,
        reply_text=hit.text,
        quick_replies=hit.quick_replies,
        private_reply=bool(hit.text) and case.way is Way.PRIVATE,
        public_note=_note(case, rule, hit),
        language=case.choice.language if case.speaks else None,
        not_before=case.now_ms + delay * 1000 if hit.text and delay else 0,
        handoff=reasons,
        due_at=case.deadlines.due_at if reasons else 0,
        warn_at=case.deadlines.warn_at if reasons else 0,
        stamps={**_remembered(case), **hit.stamps, **(_sent(case) if hit.text else {})},
        rating=hit.rating,
        why=why,
    )


def _note(case: Case, rule: str, hit: Hit) -> str | None:
    """What all may read beneath a comment that is answered in private; who wants no messages gets none."""
    if not hit.text or case.way is not Way.PRIVATE or rule == "opt_word":
        return None
    if not case.playbook.on(case.event.channel).public_note:
        return None
    return texts.render(TextKind.PRIVATE_NOTE, case.choice.language, case.values, case.playbook.texts)


def leaves_unanswered(event: Event, disposition: Disposition) -> bool:
    """Whether somebody asked in words, nothing answers, and nothing forbids that automation does: no signal, no
    picture. Less than three words, or two and a question mark, ask nothing ("Good morning")."""
    said = event.text or ""
    asks = len(words(said)) >= (2 if QUESTION_MARKS.intersection(said) else 3)
    signs = {signal.value for signal in Signal}.intersection(disposition.handoff)
    wordy = event.kind is Kind.MESSAGE and asks and not event.attachments
    return wordy and disposition.rule in UNANSWERING and not signs


def _first_hit(case: Case) -> tuple[str, Hit, tuple[tuple[str, str], ...]]:
    why: list[tuple[str, str]] = []
    for rule, row in TABLE:
        verdict = row(case)
        if isinstance(verdict, Hit):
            return rule, verdict, (*why, (rule, verdict.reason))
        why.append((rule, verdict.verdict))
    return "none", Hit("nothing_due"), (*why, ("none", "nothing_due"))


def _reasons(case: Case, rule: str, hit: Hit) -> tuple[str, ...]:
    """Why a person is needed, most pressing first; empty when none is."""
    event, head, handoff = case.event, case.head, case.playbook.replies.handoff
    if event.for_person:
        return (event.unanswered or event.kind.value, *(one.value for one in Signal if one in case.signals))
    if not case.speaks or rule in ("opt_word", "rating"):
        return ()
    found = [*(one.value for one in Signal if one in case.signals), *(one.value for one in case.details)]
    if rule == "loop_guard":
        found.append("loop_guard")
    if head and head.status in (ThreadStatus.WAITING, ThreadStatus.SNOOZED):
        found.append("customer_replied")
    if event.attachments:
        found.append("attachment")
    if head and event.text and signals.same_question(event.text, head.asked):
        found.append("same_question_twice")
    if hit.text and case.automated_turns >= handoff.after_turns:
        found.append("automated_turns")
    if event.kind in (Kind.MESSAGE, Kind.COMMENT) and handoff.unanswered and not hit.answers:
        found.append("unanswered")
    return tuple(dict.fromkeys(found))


def _remembered(case: Case) -> dict[str, Any]:
    """What the head keeps of what was said: the language, and the last texts to know a repeated one."""
    if not case.speaks:
        return {}
    choice, head = case.choice, case.head
    stamps: dict[str, Any] = {"language": choice.language, "running": dict(choice.running)}
    if choice.explicit:
        stamps["explicit_language"] = choice.explicit
    if case.event.text:
        before = head.asked if head else ()
        stamps["asked"] = (*before, case.event.text[:ASKED_KEPT])[-QUESTIONS_KEPT:]
    return stamps


def _sent(case: Case) -> dict[str, Any]:
    before = case.head.auto_times if case.head else ()
    stamps: dict[str, Any] = {"auto_times": (*before, case.now_ms)[-AUTO_TIMES_KEPT:]}
    return {**stamps, "disclosed_at": case.now_ms} if case.must_disclose else stamps


def advance(
    event: Event,
    head: ThreadHead | None,
    disposition: Disposition,
    *,
    sk: str,
    at_ms: int,
    now_ms: int,
    inbox: str,
    window: timedelta | None,
    priority: Priority,
) -> dict[str, Any]:
    """The changes of the head that storing this event brings (None removes an attribute).

    `at_ms` is the event's time clamped to our clock. `work` index keys are the store's and not among them.
    """
    changes: dict[str, Any] = {
        "inbox": head.inbox if head else inbox,
        "contact_id": head.contact_id if head else event.contact_ids[0],
        "status": head.status if head else ThreadStatus.AUTOMATED,
        **disposition.stamps,
    }
    if event.kind in ANSWERABLE or event.for_person:
        changes["last_inbound"] = sk
        changes["last_in_at"] = max(at_ms, head.last_in_at if head else 0)
        changes["inbound_count"] = (head.inbound_count if head else 0) + 1
    if event.handle:
        changes["handle"] = event.handle
    if event.contact_name:
        changes["contact_name"] = event.contact_name[:200]
    if window is not None and event.kind in OPENS_THE_WINDOW:
        changes["window_until"] = max(at_ms + _ms(window), head.window_until if head else 0)
    if disposition.handoff:
        changes |= _opening(head, disposition, now_ms)
    if "due_at" in changes:
        changes["urgent_at"] = urgent_at(
            changes["due_at"],
            priority,
            tags=head.tags if head else (),
            reasons=changes["handoff_reasons"],
            window_until=changes.get("window_until", 0),
        )
    return changes


def gone_stale(head: ThreadHead, fence: int, decided_ms: int, now_ms: int) -> str | None:
    """Why an automatic reply that was planned must not be sent any more; None while it may."""
    if head.fence != fence or head.human_at > decided_ms:
        return "human_has_it"
    if head.opted_out_at > decided_ms:
        return "opted_out"
    if now_ms - decided_ms > _ms(STALE_AFTER):
        return "stale"
    return None


def _opening(head: ThreadHead | None, disposition: Disposition, now_ms: int) -> dict[str, Any]:
    known = head.handoff_reasons if head and head.status is ThreadStatus.OPEN else ()
    merged = tuple(dict.fromkeys((*known, *disposition.handoff)))
    if head and head.status is ThreadStatus.OPEN:
        pressing = disposition.due_at < head.due_at  # a danger waits for no opening, and in no line
        due = {"due_at": disposition.due_at, "warn_at": disposition.warn_at, "opened_at": head.opened_at}
        return {"handoff_reasons": merged, **(due if pressing else {})}
    goes_on = head is not None and head.status in (ThreadStatus.WAITING, ThreadStatus.SNOOZED)
    episode = head.episode if head else 0
    opened = {
        "status": ThreadStatus.OPEN,
        "episode": episode if goes_on else episode + 1,
        "handoff_reasons": merged,
        "opened_at": now_ms,
        "due_at": disposition.due_at,
        "warn_at": disposition.warn_at,
        "sla_stage": 0,
        "csat_until": 0,
    }
    if not goes_on:
        opened["episode_at"] = now_ms
    if head and head.kept_for:
        opened["kept_until"] = now_ms + _ms(KEEP_FOR_LAST_OWNER)
    return opened


def _ms(length: timedelta) -> int:
    return length // timedelta(milliseconds=1)
