"""What goes with the private reply to a public comment.

note  an outbound item as an agent's reply is one: `via` public_note, its key out of the comment's id, `after` it
mark  pk `P#<channel>#<account>#<text, hashed>`, sk `#`: {until}; what tells that a text which comes back is ours where
      nothing else does. Written before the text leaves, and in no transaction: many comments may be answered alike
"""

import hashlib
from dataclasses import dataclass
from typing import Any

from afterhours.models import SendState
from afterhours.stores.dynamo import Item, expression, to_item
from afterhours.stores.sending import FIRST_CHECK_MS, TRIES, Sending, unsettled_values
from afterhours.stores.threads import HeadMoved, Threads, expiry, make_ulid, outbound_key

VIA = "public_note"
ECHOES_UNTIL_MS = 24 * 3_600_000


def note_key(pk: str, comment_id: str) -> str:
    """The same for one comment, whoever works it out."""
    digest = hashlib.sha256(f"{pk}\x1f{comment_id}".encode("utf-8", "surrogatepass")).digest()
    return outbound_key(make_ulid(0, digest[:10]))


@dataclass(frozen=True)
class PrivateReplies:
    threads: Threads

    def note(self, comment: Item, inbox: str, text: str, now_ms: int) -> Item:
        """The write that composes the note to a stored comment."""
        item: dict[str, Any] = {
            "pk": comment["pk"],
            "sk": comment["note"],
            "type": "outbound",
            "kind": VIA,
            "via": VIA,
            "inbox": inbox,
            "contact_id": comment["contact_id"],
            "handle": comment["handle"],
            "after": comment["sk"],
            "at": now_ms,
            "reply": SendState.PLANNED,
            "reply_text": text,
            "check_ms": FIRST_CHECK_MS,
            "ttl": expiry(now_ms),
        }
        index = unsettled_values(item, now_ms + FIRST_CHECK_MS)
        put = to_item({**item, "work_pk": index["unsettled"], "work_sk": index["next"]})
        return {"Put": {"Item": put, **expression(values={}, ConditionExpression="attribute_not_exists(#pk)")}}

    def mark(self, channel: str, account: str, text: str, now_ms: int) -> None:
        """Let a text be known by its words when it comes back."""
        until = now_ms + ECHOES_UNTIL_MS
        self.threads.put({**_mark_key(channel, account, text), "until": until, "ttl": expiry(until, 1)})

    def is_marked(self, channel: str, account: str, text: str, now_ms: int) -> bool:
        key = _mark_key(channel, account, text)
        mark = self.threads.get(key["pk"], key["sk"])
        return mark is not None and now_ms < mark["until"]

    def not_noted(self, item: Item, attempt: str | None, state: SendState, reason: str, now_ms: int) -> bool:
        """A note that did not get through, which is no news for anybody. False when it was settled before."""
        write = Sending(self.threads).failure(item, attempt, state, reason, now_ms)
        for _ in range(TRIES):
            codes = self.threads.transact(write)
            if codes is None or codes[0] == "ConditionalCheckFailed":
                return codes is None
        raise HeadMoved


def _mark_key(channel: str, account: str, text: str) -> dict[str, str]:
    digest = hashlib.sha256(" ".join(text.split()).encode("utf-8", "surrogatepass")).hexdigest()
    return {"pk": f"P#{channel}#{account}#{digest}", "sk": "#"}
