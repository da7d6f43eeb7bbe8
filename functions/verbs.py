"""What agents do, from pull to resolve. Part of agent_api.

Each verb is one conditional write, then an audit item. What the customer shall read is only put on the queue here.
"""

import re
import unicodedata
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any, Literal

import access
import pulling
import reading
from access import Problem
from afterhours import channels, csat, deadlines, hours
from afterhours.models import RatingQuestion, SendState, ThreadHead, ThreadStatus
from afterhours.playbook import Playbook
from afterhours.stores import config, records, search, secrets
from afterhours.stores.claims import StaleFence
from afterhours.stores.desk import NOT_RESOLVED, Desk
from afterhours.stores.ratings import question_key
from afterhours.stores.sending import Sending
from afterhours.stores.threads import open_keys, outbound_key, thread_name
from afterhours.timeline import noted
from calls import Body, Call, Response, answer, logger
from pydantic import AfterValidator, Field

LONGEST_WAIT_S = 5
ULID = "^[0-7][0-9A-HJKMNP-TV-Z]{25}$"
KEPT_FOR = timedelta(hours=1)  # business time in which an assigned or reopened thread is one agent's alone
LONGEST_SNOOZE = timedelta(days=366)
TAGS = 20
NOTE_LIMIT = 10_000


def _tag(word: str) -> str:
    """Small letters, one spelling of accented ones."""
    tag = unicodedata.normalize("NFC", word.strip().casefold())
    if not re.fullmatch(r"[\w.:-]{1,40}", tag):
        raise ValueError("a tag is 1 to 40 letters, digits and - _ . : without blanks")
    return tag


Key = Annotated[str, Field(pattern=ULID, description="A ULID made once per composed text; the same key is taken once")]
Tag = Annotated[str, Field(max_length=200), AfterValidator(_tag)]
Seen = Annotated[str | None, Field(max_length=200, description="`last_inbound` of the thread as the agent saw it")]


class NoBody(Body):
    """Nothing is asked."""


class PullBody(Body):
    wait_s: int = Field(default=0, ge=0, le=LONGEST_WAIT_S)


class FenceBody(Body):
    fence: int = Field(ge=1, le=2**53)


class ResolveBody(FenceBody):
    last_inbound: Seen


class ReplyBody(ResolveBody):
    key: Key
    text: str = Field(max_length=50_000)
    answer: str | None = Field(default=None, max_length=40, description="The canned answer that the text came from")


class NoteBody(Body):
    key: Key
    text: str = Field(max_length=NOTE_LIMIT)


class TagBody(Body):
    add: list[Tag] = Field(default=[], max_length=TAGS)
    remove: list[Tag] = Field(default=[], max_length=TAGS)


class AssignBody(Body):
    agent: str = Field(min_length=1, max_length=128)
    fence: int | None = Field(default=None, ge=1, le=2**53)


class TransferBody(Body):
    inbox: str = Field(min_length=1, max_length=64)
    fence: int | None = Field(default=None, ge=1, le=2**53)


class SnoozeBody(ResolveBody):
    until: Annotated[int, Field(ge=0, le=2**53)] | Literal["next_opening"]


class ApproveBody(Body):
    key: Key


class RejectBody(ApproveBody):
    reason: str = Field(min_length=1, max_length=NOTE_LIMIT)


def pull(call: Call, asked: PullBody) -> Response:
    """Claim the most urgent thread that waits; 204 when none does."""
    claimed = pulling.pull(call.threads, call.inbox(), call.agent, asked.wait_s)
    if claimed is None:
        return {"statusCode": HTTPStatus.NO_CONTENT, "headers": {"cache-control": "no-store"}, "body": ""}
    pk, head = claimed
    call.audit("pulled", pk, fence=head.fence)
    return answer(reading.thread_with_timeline(call, pk, head))


def claim(call: Call, asked: NoBody) -> Response:
    """Take a thread by name, or take one's own again."""
    pk, head = call.thread()
    head = call.claims.claim(pk, head.inbox, call.agent.id, call.now_ms)
    if head is None:
        detail = "Another agent has it, or it is resolved. Look again, or pull."
        raise Problem(HTTPStatus.CONFLICT, "not_claimable", detail)
    call.audit("claimed", pk, fence=head.fence)
    return answer({"thread": call.shown(pk, head)})


def heartbeat(call: Call, asked: FenceBody) -> Response:
    """Lengthen one's claim; every 40 s while the thread is being worked on."""
    pk, _ = call.thread()
    until = call.claims.heartbeat(pk, call.agent.id, asked.fence, call.now_ms)
    if until is None:
        raise Problem(HTTPStatus.CONFLICT, "lease_over", "The claim has run out. Claim the thread again.")
    return answer({"lease_until": until})


def reply(call: Call, asked: ReplyBody) -> Response:
    """Take a composed text; the worker sends it. The same key again gives the stored state, whatever else is asked."""
    pk, head = call.thread()
    item = call.threads.get(pk, outbound_key(asked.key))
    if item is None:
        text = asked.text.strip()
        access.check_key(asked.key, call.now_ms)
        parts = access.parts_of_reply(pk, head, text=text, now_ms=call.now_ms)
        playbook = _playbook(head)
        _check_canned(call, head, playbook, asked.answer)
        held = _needs_approval(call, pk, head, playbook)
        item = call.claims.compose(
            pk, call.agent.id, asked.fence, asked.key, parts, asked.last_inbound, call.now_ms, held=held
        )
        call.audit("replied", pk, key=asked.key, answer=asked.answer, held=held or None)
        head = call.threads.head(pk) or head
    elif item.get("owner") != call.agent.id:
        raise Problem(HTTPStatus.CONFLICT, "already", "This key belongs to another agent's text; make a new ULID.")
    if item["reply"] == SendState.PLANNED:
        call.enqueue(pk, item["sk"])
    return _composed(call, pk, item, head)


def note(call: Call, asked: NoteBody) -> Response:
    """Keep a remark for colleagues; no customer ever reads it. The same key again gives the note as it is kept."""
    pk, _ = call.thread()
    item = call.threads.get(pk, records.note_key(asked.key))
    if item is None:
        text = asked.text.strip()
        access.check_text(text)
        access.check_key(asked.key, call.now_ms)
        item = records.add_note(call.threads, pk, asked.key, call.agent.id, text, call.now_ms)
        call.audit("noted", pk, key=asked.key)
    if item["by"] != call.agent.id:
        raise Problem(HTTPStatus.CONFLICT, "already", "This key belongs to another agent's note; make a new ULID.")
    return answer({"note": noted(item)})


def tag(call: Call, asked: TagBody) -> Response:
    """Add tags and take tags off; the due time follows where a service level or the priority goes by a tag."""
    pk, head = call.thread()
    tags = tuple(dict.fromkeys((*(each for each in head.tags if each not in asked.remove), *asked.add)))
    if len(tags) > TAGS:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "too_many", f"A thread has at most {TAGS} tags; take one off.")
    if tags != head.tags:
        changes: dict[str, Any] = {"tags": list(tags)}
        if head.status is ThreadStatus.OPEN:
            playbook = _playbook(head)
            due = _due(pk, head.model_copy(update={"tags": tags}), playbook, head.opened_at)
            stage = min(head.sla_stage, deadlines.sla_stage(playbook, due["due_at"], due["warn_at"], call.now_ms))
            due["urgent_at"] = deadlines.escalated_urgent_at(
                due["urgent_at"], playbook.priority, before=0, stage=stage
            )  # fmt: skip
            due["sla_stage"] = stage
            inbox = config.known_inbox(head.inbox)
            changes |= {**due, **open_keys(pk, head.inbox, inbox.shards, due["urgent_at"], head.opened_at)}
        added = [each for each in tags if each not in head.tags]
        rows = search.Writer(secrets.pepper(), head.inbox, pk, search.began(head), call.now_ms).tagged(added)
        head = Desk(call.threads).tag(pk, head, changes, rows)
        head = head.model_copy(update={"tags": tags})
        call.audit("tagged", pk, added=asked.add or None, removed=asked.remove or None)
    return answer({"thread": call.shown(pk, head)})


def assign(call: Call, asked: AssignBody) -> Response:
    """Give a thread to a colleague of the inbox; who does not hold it must lead."""
    pk, head = call.thread()
    _may_give_away(call, head, asked.fence)
    colleague = config.agent(asked.agent)
    if colleague is None or head.inbox not in colleague.inboxes:
        raise Problem(HTTPStatus.NOT_FOUND, "unknown_agent", "No such colleague works in this inbox.")
    until = _business_time_from(call, _playbook(head))
    head = Desk(call.threads).assign(pk, head, colleague.id, call.now_ms, until)
    call.audit("assigned", pk, to=colleague.id)
    _ring_if_open(call, pk, head)
    return answer({"thread": call.shown(pk, head)})


def transfer(call: Call, asked: TransferBody) -> Response:
    """Give a thread to another inbox; who does not hold it must lead."""
    pk, head = call.thread()
    _may_give_away(call, head, asked.fence)
    inbox = config.inbox(asked.inbox)
    if inbox is None or inbox.id == head.inbox:
        raise Problem(HTTPStatus.NOT_FOUND, "unknown_inbox", "There is no other inbox of that name.")
    _check_none_held(call, pk)
    source = head.inbox
    writer = search.Writer(secrets.pepper(), inbox.id, pk, search.began(head), call.now_ms)
    rows = writer.opened(head.contact_name, head.tags)
    head = Desk(call.threads).transfer(pk, head, inbox.id, inbox.shards, rows)
    call.audit("transferred", pk, source=source, to=inbox.id)
    _ring_if_open(call, pk, head)
    return answer({"thread": call.shown(pk, head)})


def release(call: Call, asked: FenceBody) -> Response:
    """Give the thread back for anybody."""
    pk, _ = call.thread()
    head = call.claims.release(pk, call.agent.id, asked.fence)
    call.audit("released", pk)
    _ring_if_open(call, pk, head)
    return answer({"thread": call.shown(pk, head)})


def snooze(call: Call, asked: SnoozeBody) -> Response:
    """Put the thread aside until a time or the next opening; it comes back by itself, sooner if the customer writes."""
    pk, head = call.thread()
    playbook, inbox = _playbook(head), config.known_inbox(head.inbox)
    until = _waking(call, playbook, asked.until)
    due = _due(pk, head, playbook, until)
    head = Desk(call.threads).snooze(pk, call.agent.id, asked.fence, asked.last_inbound, until, due, inbox.shards)
    call.audit("snoozed", pk, until=until)
    return answer({"thread": call.shown(pk, head)})


def resolve(call: Call, asked: ResolveBody) -> Response:
    """Close the thread, unless something reached it that this agent has not seen. The customer may be asked how it
    was."""
    pk, head = call.thread()
    rating = _rating(call, pk, head)
    head = call.claims.resolve(pk, call.agent.id, asked.fence, asked.last_inbound, call.now_ms, rating)
    is_asked = isinstance(rating, RatingQuestion) and head.csat_until == rating.until
    call.audit("resolved", pk, episode=head.episode, csat="asked" if is_asked else "not_asked")
    if is_asked:
        call.enqueue(pk, question_key(pk, head.episode, call.now_ms))
    return answer({"thread": call.shown(pk, head)})


def reopen(call: Call, asked: NoBody) -> Response:
    """Take a resolved thread up again; it is kept for this agent for a while."""
    pk, head = call.thread()
    if head.status is not ThreadStatus.RESOLVED:
        raise Problem(HTTPStatus.CONFLICT, "already", "The thread is not resolved; claim it.")
    playbook, inbox = _playbook(head), config.known_inbox(head.inbox)
    due, until = _due(pk, head, playbook, call.now_ms), _business_time_from(call, playbook)
    head = Desk(call.threads).reopen(pk, head, call.agent.id, due, call.now_ms, until, inbox.shards)
    call.audit("reopened", pk)
    _ring_if_open(call, pk, head)
    return answer({"thread": call.shown(pk, head)})


JUDGED = Problem(HTTPStatus.CONFLICT, "already", "A colleague decided on this reply meanwhile. Look again.")


def approve(call: Call, asked: ApproveBody) -> Response:
    """Let a colleague's held reply go; a lead does, and never for a text of their own."""
    pk, head, item = _held(call, asked.key)
    if not Desk(call.threads).approve(item, call.agent.id, call.now_ms):
        raise JUDGED
    call.audit("approved", pk, key=asked.key)
    item = {**item, "reply": SendState.PLANNED}
    call.enqueue(pk, item["sk"])
    return _composed(call, pk, item, head)


def reject(call: Call, asked: RejectBody) -> Response:
    """Do not let a held reply go, and say why; the thread is open again with that as its news."""
    pk, head, item = _held(call, asked.key)
    reason = asked.reason.strip()
    access.check_text(reason)
    inbox = Sending(call.threads).record_failed(item, None, SendState.DROPPED, "rejected", call.now_ms)
    if inbox is None:
        raise JUDGED
    call.audit("rejected", pk, key=asked.key)
    records.add_note(call.threads, pk, asked.key, call.agent.id, reason, call.now_ms)
    call.ring(inbox, pk)
    return _composed(call, pk, {**item, "reply": SendState.DROPPED, "reply_reason": "rejected"}, head)


def _composed(call: Call, pk: str, item: dict[str, Any], head: ThreadHead) -> Response:
    state = {"key": item["sk"].rpartition("#")[2], "state": item["reply"], "reason": item.get("reply_reason")}
    state["parts"] = 1 + len(item.get("later") or ())
    return answer({**state, "thread": call.shown(pk, head)}, HTTPStatus.ACCEPTED)


def _held(call: Call, key: str) -> tuple[str, ThreadHead, dict[str, Any]]:
    pk, head = call.thread()
    access.must_lead(call.agent, head.inbox)
    item = call.threads.get(pk, outbound_key(key))
    if item and "part_of" in item:  # a text is judged whole, whichever part is named
        item = call.threads.get(pk, item["part_of"])
    if item is None or item.get("via") != "agent":
        raise Problem(HTTPStatus.NOT_FOUND, "unknown_reply", "There is no reply of that key in this thread.")
    if item["owner"] == call.agent.id:
        raise Problem(HTTPStatus.FORBIDDEN, "not_allowed", "Nobody approves their own reply; ask another lead.")
    if item["reply"] != SendState.HELD:
        raise Problem(HTTPStatus.CONFLICT, "already", f"The reply is not held any more; it is {item['reply']}.")
    return pk, head, item


def _rating(call: Call, pk: str, head: ThreadHead) -> RatingQuestion | str:
    """The question how it was, or why there is none."""
    channel = channels.channel(pk.split("#")[1])
    rating = csat.question(
        head, _playbook(head), datetime.fromtimestamp(call.now_ms / 1000, UTC), window=channel.WINDOW,
        can_send="public" not in channel.CAPABILITIES and access.can_write(pk),
        buttons="quick_replies" in channel.CAPABILITIES,
    )  # fmt: skip
    if isinstance(rating, str):
        logger.info("rating not asked", extra={"thread_id": thread_name(pk), "reason": rating})
    return rating


def _check_canned(call: Call, head: ThreadHead, playbook: Playbook, used: str | None) -> None:
    canned = next((entry for entry in playbook.canned if entry.id == used), None)
    if used is not None and canned is None:
        raise Problem(HTTPStatus.NOT_FOUND, "unknown_answer", "There is no such canned answer any more; look again.")
    if canned and not canned.approved and call.agent.inboxes[head.inbox] not in access.LEADING:
        detail = "This canned answer is not approved yet; write your own words, or ask a lead."
        raise Problem(HTTPStatus.FORBIDDEN, "not_approved", detail)


def _needs_approval(call: Call, pk: str, head: ThreadHead, playbook: Playbook) -> bool:
    if call.agent.inboxes[head.inbox] in access.LEADING or playbook.four_eyes == "never":
        return False
    return playbook.four_eyes == "always" or "public" in channels.channel(pk.split("#")[1]).CAPABILITIES


def _check_none_held(call: Call, pk: str) -> None:
    """A thread does not go away from a reply that waits for its leads."""
    if any(item.get("reply") == SendState.HELD for item in call.threads.recent(pk)):
        detail = "A reply waits for approval; have it approved or rejected first."
        raise Problem(HTTPStatus.CONFLICT, "held", detail)


def _may_give_away(call: Call, head: ThreadHead, fence: int | None) -> None:
    if head.status not in NOT_RESOLVED:
        raise Problem(HTTPStatus.CONFLICT, "already", "The thread is not open; reopen it first.")
    if fence is None:
        access.must_lead(call.agent, head.inbox)
    elif (head.owner, head.fence) != (call.agent.id, fence):
        raise StaleFence


def _waking(call: Call, playbook: Playbook, until: int | str) -> int:
    now = datetime.fromtimestamp(call.now_ms / 1000, UTC)
    if isinstance(until, str):
        opening = hours.next_opening(playbook.hours, now)
        if opening is None:
            detail = "This inbox does not open within a year; give a time instead."
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "past", detail)
        return int(opening.timestamp() * 1000)
    if not call.now_ms < until <= call.now_ms + LONGEST_SNOOZE // timedelta(milliseconds=1):
        detail = "Give a time that is to come, within a year, in epoch milliseconds."
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "past", detail)
    return until


def _due(pk: str, head: ThreadHead, playbook: Playbook, since_ms: int) -> dict[str, int]:
    """The deadlines of what waits for a person since then."""
    since = datetime.fromtimestamp(since_ms / 1000, UTC)
    due = deadlines.deadlines(
        playbook, pk.split("#")[1], since, tags=head.tags, reasons=head.handoff_reasons
    )  # fmt: skip
    urgent = deadlines.urgent_at(
        due.due_at,
        playbook.priority,
        tags=head.tags,
        reasons=head.handoff_reasons,
        window_until=head.window_until,
    )
    return {"due_at": due.due_at, "warn_at": due.warn_at, "urgent_at": urgent}


def _business_time_from(call: Call, playbook: Playbook) -> int:
    now = datetime.fromtimestamp(call.now_ms / 1000, UTC)
    try:
        until = hours.add_business_time(playbook.hours, now, KEPT_FOR / timedelta(minutes=1))
    except hours.NeverOpens:
        until = now + KEPT_FOR
    return int(until.timestamp() * 1000)


def _playbook(head: ThreadHead) -> Playbook:
    return config.known_playbook(config.known_inbox(head.inbox))


def _ring_if_open(call: Call, pk: str, head: ThreadHead) -> None:
    if head.status is ThreadStatus.OPEN:
        call.ring(config.inbox(head.inbox), pk)
