"""What is kept of each resolution of a thread, and of the question to the customer how it was.

resolution  `R#<episode>`, six digits: {episode, opened_at, resolved_at, by, tags, answered, csat, csat_reason,
            csat_score, csat_at}; `csat` is asked, answered or not_asked (then with the reason)
question    an outbound item as an agent's reply is one: `via` csat, `episode`, `until`

A thread that a colleague reopens and resolves again is the same ticket: its customer is asked once.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from afterhours.models import RatingQuestion, SendState, ThreadHead
from afterhours.stores.dynamo import Item, assignments, expression, to_item
from afterhours.stores.sending import FIRST_CHECK_MS, TRIES, Sending, unsettled_values
from afterhours.stores.threads import HEAD, HeadMoved, Threads, expiry, make_ulid, outbound_key

VIA = "csat"
_NEVER_ASKED = "(attribute_not_exists(#csat) OR #csat = :never)"


def resolution_key(episode: int) -> str:
    return f"R#{episode:06d}"


def question_key(pk: str, episode: int, resolved_ms: int) -> str:
    """The same for one resolution, whoever works it out."""
    digest = hashlib.sha256(f"{pk}\x1f{episode}\x1f{resolved_ms}".encode()).digest()
    return outbound_key(make_ulid(resolved_ms, digest[:10]))


@dataclass(frozen=True)
class Ratings:
    threads: Threads

    def resolution(
        self, pk: str, head: ThreadHead, by: str, now_ms: int, rating: RatingQuestion | str | None
    ) -> list[Item]:
        """The writes that go with a resolution: its item, and the question or (a word) why there is none. None: what
        is known of the question stays. Else the first write fails where this ticket's customer was asked before."""
        told: dict[str, Any] = {
            "type": "resolution",
            "episode": head.episode,
            "opened_at": head.episode_at or head.opened_at,
            "resolved_at": now_ms,
            "by": by,
            "tags": list(head.tags),
            "answered": head.answered,
            "ttl": expiry(now_ms),
        }
        if rating is None:
            return [self._update(pk, head.episode, told)]
        if isinstance(rating, str):
            told |= {"csat": "not_asked", "csat_reason": rating}
            return [self._update(pk, head.episode, told, when=_NEVER_ASKED, never="not_asked")]
        told |= {"csat": "asked", "csat_reason": None}
        question = self._question(pk, head, rating, now_ms)
        return [self._update(pk, head.episode, told, when=_NEVER_ASKED, never="not_asked"), question]

    def _question(self, pk: str, head: ThreadHead, question: RatingQuestion, now_ms: int) -> Item:
        item: Item = {
            "pk": pk,
            "sk": question_key(pk, head.episode, now_ms),
            "type": "outbound",
            "kind": VIA,
            "via": VIA,
            "inbox": head.inbox,
            "contact_id": head.contact_id,
            "episode": head.episode,
            "until": question.until,
            "after": head.last_outbound,
            "at": now_ms,
            "reply": SendState.PLANNED,
            "reply_text": question.text,
            "quick_replies": [each.model_dump() for each in question.quick_replies] or None,
            "check_ms": FIRST_CHECK_MS,
            "ttl": expiry(now_ms),
        }
        index = unsettled_values(item, now_ms + FIRST_CHECK_MS)
        put = to_item({**item, "work_pk": index["unsettled"], "work_sk": index["next"]})
        return {"Put": {"Item": put, **expression(values={}, ConditionExpression="attribute_not_exists(#pk)")}}

    def answer(self, pk: str, episode: int, score: int, now_ms: int) -> Item:
        """The write that keeps a rating; the head, which goes with it, lets it through once."""
        rated = {"csat": "answered", "csat_score": score, "csat_at": now_ms}
        return self._update(pk, episode, rated)

    def not_asked(self, item: Item, attempt: str | None, state: SendState, reason: str, now_ms: int) -> bool:
        """A question that did not get through: no answer is waited for, unless it may have arrived all the same. False
        when it was settled before."""
        pk, unasked = item["pk"], {"csat": "not_asked", "csat_reason": reason}
        writes = [
            Sending(self.threads).failure(item, attempt, state, reason, now_ms),
            self._update(pk, item["episode"], unasked, when="#csat = :asked", asked="asked"),
            self.threads.writing(
                pk, HEAD, "SET #version = #version + :one REMOVE #csat_until", when="#csat_until = :until",
                one=1, until=item["until"],
            ),
        ]  # fmt: skip
        if state is SendState.UNKNOWN:
            writes = writes[:1]
        for _ in range(TRIES):
            codes = self.threads.transact(*writes)
            if codes is None or codes[0] == "ConditionalCheckFailed":
                return codes is None
            # What has changed since (opened again, asked anew) stays; a mere conflict is tried again.
            kept = zip(writes, codes, strict=True)
            writes = [write for write, code in kept if code != "ConditionalCheckFailed"]
        raise HeadMoved

    def _update(self, pk: str, episode: int, changes: Mapping[str, Any], *, when: str = "", **values: Any) -> Item:
        change, given = assignments(changes)
        return self.threads.writing(pk, resolution_key(episode), change, when=when, **given, **values)
