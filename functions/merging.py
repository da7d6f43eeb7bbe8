"""What is stored and never answered: receipts, echoes, reactions, edits, deletions, standby, and what is not ours.

Part of the worker. Receipts move delivery forward and nothing else; an echo that is not ours is a person in the
platform's own app and silences automation.
"""

import hashlib
import json
import re
import uuid
from datetime import UTC, datetime
from typing import Any, NamedTuple

from afterhours import channels, settings
from afterhours.counts import count
from afterhours.models import Attachment, Event, Kind, SendState, ThreadHead, ThreadStatus
from afterhours.stores import queues, unmatched
from afterhours.stores.dynamo import Item
from afterhours.stores.erasure import is_behind
from afterhours.stores.private_replies import PrivateReplies
from afterhours.stores.sending import FAILED_RANK, Sending
from afterhours.stores.threads import HEAD, KEPT_DAYS, Threads, Tombstone, expiry, inbound_key, thread_key, thread_name
from aws_lambda_powertools import Logger
from sends import Place, RetryLater

logger = Logger(service="worker")

ADMINISTRATIVE = {Kind.ACCOUNT, Kind.ERROR, Kind.IGNORED, Kind.UNKNOWN}
RECEIPTS = {Kind.STATUS, Kind.READ, Kind.DELIVERY}
ADMINISTRATIVE_REASONS = {f"kind_{kind}" for kind in (Kind.ACCOUNT, Kind.ERROR, Kind.IGNORED)}
MERGED = {
    *RECEIPTS,
    Kind.ECHO,
    Kind.REACTION,
    Kind.MESSAGE_EDIT,
    Kind.MESSAGE_DELETED,
    Kind.FEED_REACTION,
    Kind.FEED_POST,
}

TEXT_KEPT = 16_000  # characters; no platform's message is longer
NAME_KEPT = 200
URL_KEPT = 4_000
QUARANTINE_DAYS = 14
TITLE_SHOWN = 40  # the longest title that a platform shows, and the longest on a small button
TITLE_CUTS = (TITLE_SHOWN, 20)
BODY_KEPT = 300_000  # bytes; an item holds 400 KB
ECHO_WAIT_S = 10
ECHO_WAIT_LIMIT_MS = 60_000
RANK = {"sent": 1, "delivered": 2, "read": 3, "played": 3, "failed": FAILED_RANK}
_LINK = re.compile(r"(?:https?://|www\.)\S+", re.IGNORECASE)
_NAMED = re.compile(r"^(?:\s*@\w{1,15}\s)+", re.ASCII)
_CORRELATOR = re.compile(r"([a-z2-7]{26})/(E#\d{13}#[IO]#[0-9A-Za-z]{26})")


def merge(event: Event, place: Place) -> None:
    """Put an event where it belongs without an answer. Raises RetryLater for an echo that comes too early."""
    if event.kind is Kind.STATUS:
        _status(event, place)
    elif event.kind in RECEIPTS:
        _watermark(event, place)
    elif not event.contact_ids:
        _put(event, f"T#{event.channel}#{event.account_id}#{'0' * 26}", place)
    elif event.kind is Kind.ECHO and not event.standby:
        _echo(event, place)
    else:
        pk = find(event, place).pk
        if event.kind is Kind.MESSAGE_DELETED:
            _forget_text(event, pk, place)
        elif event.kind is Kind.MESSAGE_EDIT and "public" in channels.channel(event.channel).CAPABILITIES:
            _follow(event, pk, place)
        _put(event, pk, place)


class Erased(Exception):
    """The event comes from before its thread was erased: nothing of it is stored."""


class Found(NamedTuple):
    """The contact's thread: its head, what to commit against, and the head's `aliases` where an id of the contact was
    new to it."""

    pk: str
    head: ThreadHead | None
    as_read: ThreadHead | Tombstone | None
    aliases: dict[str, Any]


def find(event: Event, place: Place) -> Found:
    """Raises Erased."""
    pks = [thread_key(place.pepper, event.channel, place.account.id, contact) for contact in event.contact_ids]
    pk, found = place.threads.find(pks)
    if found and is_behind(found.erased_at, place.said_ms, settings.now_ms()):
        raise Erased(pk)
    head = found if isinstance(found, ThreadHead) else None
    known = head.aliases if head else ()
    new = [other for other in pks if other != pk and other not in known]
    ttl = expiry(settings.now_ms()) if event.channel in channels.DIRECT else None  # there each comment is one
    for other in new:
        place.threads.add_alias(other, pk, ttl)
    return Found(pk, head, found, {"aliases": (*known, *new)[-8:]} if new else {})


def stored(event: Event, pk: str, now_ms: int) -> Item:
    """What an event leaves in its thread. `at` is for display and windows: the event's time, never ahead of ours."""
    at = min(event.timestamp_ms or now_ms, now_ms)
    return {
        "pk": pk,
        "sk": inbound_key(event.key_ms, event.event_id),
        "kind": event.kind,
        "subkind": event.subkind,
        "at": at,
        "contact_id": event.contact_ids[0] if event.contact_ids else None,
        "contact_name": event.contact_name[:NAME_KEPT] if event.contact_name else None,
        "message_id": event.message_id,
        "text": event.text[:TEXT_KEPT] if event.text else None,
        "attachments": [_short(entry) for entry in event.attachments[:30]] or None,
        "payload": event.payload[:1000] if event.payload else None,
        "emoji": event.emoji[:NAME_KEPT] if event.emoji else None,
        "target_id": event.target_id,
        "reply_to_id": event.reply_to_id,
        "handle": event.handle,
        "post_id": event.post_id,
        "standby": event.standby or None,
        "mail_key": event.mail_key,
        "ttl": expiry(now_ms, channels.KEPT_DAYS.get(event.channel, KEPT_DAYS)),
    }


def tapped(event: Event, place: Place) -> Event:
    """Where a tap comes back as nothing but a title: the event with what the button of that title carries, of those
    that the contact was shown last."""
    said = (event.text or "").strip()
    shows_titles = "taps_as_text" in channels.channel(event.channel).CAPABILITIES
    if not shows_titles or event.kind is not Kind.MESSAGE or event.payload or not 0 < len(said) <= TITLE_SHOWN:
        return event
    offered = [
        item["quick_replies"] for item in place.threads.recent(find(event, place).pk, 10) if item.get("quick_replies")
    ]
    buttons = offered[0] if offered else []
    meant = [one["id"] for one in buttons if said in {one["title"][:cut].strip() for cut in TITLE_CUTS}]
    return event.model_copy(update={"payload": meant[0]}) if meant else event


def _short(attachment: Attachment) -> Item:
    """An attachment that fits: a cut name still says something, a cut address or id leads nowhere."""
    kept = attachment.model_dump(exclude_none=True)
    leading = {field: kept.pop(field) for field in ("url", "id") if field in kept}
    cut = {field: value[:NAME_KEPT] if isinstance(value, str) else value for field, value in kept.items()}
    return {**cut, **{field: value for field, value in leading.items() if len(value) <= URL_KEPT}}


def quarantine(message: dict[str, Any], reason: str) -> None:
    """Keep a verified body that belongs to no thread of ours for 14 days; the same bytes are kept once."""
    body = json.dumps(message.get("piece", message.get("body_b64")), separators=(",", ":")).encode()
    day = datetime.fromtimestamp(message["received_ms"] / 1000, UTC).date().isoformat()
    item: Item = {
        "pk": f"Q#{message['source']}#{day}",
        "sk": hashlib.sha256(body).hexdigest(),
        "app": message["app"],
        "reason": reason,
        "at": message["received_ms"],
        "ttl": expiry(message["received_ms"], channels.KEPT_DAYS.get(message["source"], QUARANTINE_DAYS)),
    }
    if len(body) <= BODY_KEPT:
        item["body"] = body
    else:
        item["overflow"] = message.get("key", "")
    Threads(settings.load().threads_table).put_once(item)
    logger.info("set aside", extra={"source": message["source"], "app": message["app"], "reason": reason})
    count("worker", "Administrative" if reason in ADMINISTRATIVE_REASONS else "Quarantined")


def _put(event: Event, pk: str, place: Place) -> None:
    """Store an event beside the thread's messages, once. It moves nothing."""
    now_ms = settings.now_ms()
    item = {
        **stored(event, pk, now_ms), "type": "event", "reply": SendState.NONE, "ring": "none", "rule": "not_answerable",
        "reason": "standby" if event.standby else f"kind_{event.kind}",
    }  # fmt: skip
    place.threads.add(item, pk, item["at"])


def _status(event: Event, place: Place) -> None:
    """A receipt of a text of ours: one write; a failed agents' reply reopens its thread: two."""
    rank = RANK.get(event.subkind or "")
    text = _text_of(event, place)
    if text is None or rank is None:
        logger.info("receipt ignored", extra={"reason": "no text of ours" if text is None else "unknown status"})
        return
    pk, sk = text
    sending = Sending(place.threads)
    if rank < FAILED_RANK:
        sending.merge_receipt(pk, sk, rank, event.message_id)
        return
    code = str(event.error_codes[0]) if event.error_codes else "failed"
    if event.mail_key:  # a bounce names the contact, too: whoever erases the text finds it
        place.threads.update(pk, sk, "SET #bounce_key = :key", when="attribute_exists(#pk)", key=event.mail_key)
    inbox = sending.merge_failure_of_agents(pk, sk, code, settings.now_ms()) if "#O#" in sk else None
    if inbox or sending.merge_failure(pk, sk, code):
        logger.warning("delivery failed", extra={"thread_id": thread_name(pk), "event": sk, "code": code})
        count("worker", "DeliveryFailed")
        if inbox:
            queues.ring(inbox.queue_url, inbox.id, pk)


def _text_of(event: Event, place: Place) -> tuple[str, str] | None:
    """The text that a receipt speaks of: by our correlator; where the platform carries none, by its id, as one of the
    contact's last. Raises RetryLater where that id may not be known yet."""
    if match := _CORRELATOR.fullmatch(event.correlator or ""):
        return f"T#{event.channel}#{place.account.id}#{match[1]}", match[2]
    if "correlator" in channels.channel(event.channel).CAPABILITIES or not (event.message_id and event.contact_ids):
        return None
    pk, now_ms = find(event, place).pk, settings.now_ms()
    recent = place.threads.recent(pk)
    sk = next((item["sk"] for item in recent if item.get("platform_id") == event.message_id), None)
    sending = [item for item in recent if item.get("reply") == SendState.CLAIMED]
    if sk is None and any(now_ms - item["attempt_at"] < ECHO_WAIT_LIMIT_MS for item in sending):
        raise RetryLater(ECHO_WAIT_S, "a send of ours is not settled")
    return (pk, sk) if sk else None


def _watermark(event: Event, place: Place) -> None:
    """Everything up to a time was delivered or read; kept on the head, one write, forward only."""
    until = event.watermark_ms or event.timestamp_ms
    if not event.contact_ids or not until:
        return
    pk = thread_key(place.pepper, event.channel, place.account.id, event.contact_ids[0])
    field = "read_until" if event.kind is Kind.READ else "delivered_until"
    place.threads.update(
        pk, HEAD, f"SET #{field} = :until",
        when=f"attribute_exists(#contact_id) AND (attribute_not_exists(#{field}) OR #{field} < :until)", until=until,
    )  # fmt: skip


def _echo(event: Event, place: Place) -> None:
    """What left our account: ours by its correlator, its id or its text; otherwise a person's."""
    match = _CORRELATOR.fullmatch(event.correlator or "")
    if match:
        _arrived(event, match[1], match[2], place)
        return
    found = find(event, place)
    pk = found.pk
    if event.app_id and event.app_id == place.account.app_id:
        _put(event, pk, place)
        return
    now_ms = settings.now_ms()
    sends = [item for item in place.threads.recent(pk) if item.get("attempt") and item["reply"] != SendState.NONE]
    if event.message_id in {item["platform_id"] for item in sends if item.get("platform_id")}:
        return
    # A private reply has no echo where the comment is.
    open_sends = [
        item
        for item in sends
        if item["reply"] in (SendState.CLAIMED, SendState.UNKNOWN) and not item.get("private_reply")
    ]
    for item in open_sends:
        if _same(item, event.text):
            Sending(place.threads).merge_receipt(pk, item["sk"], RANK["sent"], event.message_id)
            return
    if _left_us(event, place, now_ms):
        if event.channel in channels.COMMENTS:
            _put(event, pk, place)
        return
    if found.head is None and event.channel in channels.DIRECT:
        _put(event, pk, place)  # under a comment that never reached us
        return
    if any(now_ms - item["attempt_at"] < ECHO_WAIT_LIMIT_MS for item in open_sends):
        raise RetryLater(ECHO_WAIT_S, "a send of ours is not settled")
    _human_spoke(event, found, place, now_ms)


def _arrived(event: Event, tid: str, sk: str, place: Place) -> None:
    """The echo of a text of ours: of this thread, or of a private reply that begins it. The comment's thread has that
    one; here it is stored as well, for whoever goes on."""
    sending, account = Sending(place.threads), place.account.id
    if sending.merge_receipt(f"T#{event.channel}#{account}#{tid}", sk, RANK["sent"], event.message_id):
        return
    comments = channels.COMMENTS.get(event.channel)
    if comments and place.threads.get(f"T#{comments}#{account}#{tid}", sk):
        sending.merge_receipt(f"T#{comments}#{account}#{tid}", sk, RANK["sent"], event.message_id)
        _put(event, find(event, place).pk, place)


def _left_us(event: Event, place: Place, now_ms: int) -> bool:
    """Whether the text is one of what we answered comments with of late."""
    if not event.text or event.channel not in {*channels.COMMENTS, *channels.DIRECT}:
        return False
    return PrivateReplies(place.threads).is_marked(event.channel, place.account.id, event.text, now_ms)


def recognised(event: Event, place: Place) -> Event:
    """The event; an echo where a reply to a comment is our own, which Instagram may tell under another id of ours."""
    is_comment = event.kind is Kind.COMMENT and event.channel in channels.DIRECT
    answers = event.parent_id not in (None, event.post_id)
    if not is_comment or not answers or not _left_us(event, place, settings.now_ms()):
        return event
    said = {"kind": Kind.ECHO, "from_page_itself": True, "contact_ids": (event.parent_id,), "contact_name": None}
    return event.model_copy(update=said)


def _human_spoke(event: Event, found: Found, place: Place, now_ms: int) -> None:
    pk, head = found.pk, found.head
    item = {
        **stored(event, pk, now_ms), "type": "echo", "attempt": uuid.uuid4().hex, "reply": SendState.NONE,
        "rule": "not_answerable", "reason": "human_in_app",
    }  # fmt: skip
    changes: dict[str, Any] = {
        "human_at": max(item["at"], head.human_at if head else 0),
        "last_out_at": max(item["at"], head.last_out_at if head else 0),
        "ttl": expiry(now_ms),
        **found.aliases,
    }
    if head is None:
        changes |= {"inbox": place.inbox.id, "contact_id": event.contact_ids[0], "status": ThreadStatus.AUTOMATED}
    if place.threads.commit(item, found.as_read, changes) is None:
        logger.info("person in app", extra={"thread_id": thread_name(pk)})


def _forget_text(event: Event, pk: str, place: Place) -> None:
    """The contact took a message back: its words leave the table, that it was there stays."""
    threads = place.threads
    for item in _meant(event, pk, place):
        threads.update(
            pk, item["sk"], "SET #deleted_at = :now REMOVE #text, #attachments, #payload",
            when="attribute_exists(#pk)", now=settings.now_ms(),
        )  # fmt: skip
        if place.playbook.faq and item.get("text"):
            unmatched.forget(threads, place.inbox.id, item)


def _follow(event: Event, pk: str, place: Place) -> None:
    """What stood in public is changed or hidden there: what nobody can read any more does not stay here either."""
    now_ms = settings.now_ms()
    for item in _meant(event, pk, place):
        values: dict[str, Any] = {"now": now_ms}
        if event.subkind == "unhide":
            change, values = "REMOVE #hidden_at", {}
        elif event.subkind == "hide":
            change = "SET #hidden_at = :now"
        elif event.text:
            change, values = "SET #text = :text, #edited_at = :now", {**values, "text": event.text[:TEXT_KEPT]}
        else:
            change = "SET #edited_at = :now REMOVE #text"
        place.threads.update(
            pk, item["sk"], change, when="attribute_exists(#pk) AND attribute_not_exists(#deleted_at)", **values
        )


def _meant(event: Event, pk: str, place: Place) -> list[Item]:
    """What is stored of the message that an event changes. Raises RetryLater for a comment that may be on its way."""
    threads = place.threads
    stored = threads.recent(pk, 100)
    if event.channel in channels.DIRECT:
        stored += threads.newest(pk, inbound_key(None, ""), 100)  # their keys have no time, and stand last
    meant = {
        item["sk"]: item
        for item in stored
        if event.target_id and item.get("message_id") == event.target_id and item["kind"] != Kind.MESSAGE_DELETED
    }
    age_ms = settings.now_ms() - (event.timestamp_ms or 0)
    if not meant and event.channel in channels.DIRECT and age_ms < ECHO_WAIT_LIMIT_MS:
        raise RetryLater(ECHO_WAIT_S, "the comment is not here yet")
    return list(meant.values())


def _same(item: Item, theirs: str | None) -> bool:
    """Is it the item's text? X puts whom it answers in front and its own links in; choices may stand below it."""
    said = _LINK.sub("*", _NAMED.sub("", theirs or "")).split()
    text = _LINK.sub("*", item["reply_text"])
    listed = "\n".join([text, *(f"• {each['title']}" for each in item.get("quick_replies") or ())])
    return said in (text.split(), listed.split())
