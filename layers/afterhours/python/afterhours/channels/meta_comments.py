"""What Page and Instagram comments have in common: a `changes[]` item, read as an event, and how one is answered."""

import json
from typing import Any, NamedTuple

from afterhours.channels import graph, meta_messaging, untrusted
from afterhours.channels.contract import MalformedPayload, Piece
from afterhours.channels.http import Limits
from afterhours.channels.meta_source import part_of
from afterhours.models import Account, Event, Kind, Outcome, Outgoing, Result, event_key


class Change(NamedTuple):
    """One change on an account of ours: which field, and its value (empty where it is no object)."""

    object_name: str
    account_id: str | None
    field: str | None
    value: dict[str, Any]
    time_ms: int | None
    identity: str  # of a change that has no id of its own: the change itself

    def event(
        self,
        channel: str,
        kind: Kind,
        *identity: object,
        sender: str | None = None,
        own: bool = False,
        contacts: tuple[str | None, ...] | None = None,
        **fields: Any,
    ) -> Event:
        """The event, keyed by the account and `identity`. `contacts`, where it is not the sender alone: the ids
        that find its thread, as that of the comment which it is, changes or answers."""
        is_own = own or self.is_own(sender)
        contacts = ((None if is_own else sender),) if contacts is None else contacts
        named = [str(one) for one in identity] or [self.identity]
        return Event(
            channel=channel,
            account_id=self.account_id,
            kind=kind,
            event_id=event_key(channel, self.account_id or "", *named),
            sender_id=sender,
            recipient_id=self.account_id,
            contact_ids=tuple(one for one in contacts if one),
            from_page_itself=is_own,
            timestamp_ms=self.time_ms,
            **fields,
        )

    def is_own(self, sender: str | None) -> bool:
        return sender is not None and sender == self.account_id

    def foreign(self, channel: str) -> Event:
        """The event of an object that no channel of ours reads."""
        return self.event(channel, Kind.IGNORED, subkind=f"{self.object_name}.{self.field}")


def answer_below(account: Account, token: str, outgoing: Outgoing, *, host: str, edge: str, limits: Limits) -> Outcome:
    """Answer once beneath the comment that the handle names, for all to read."""
    if not outgoing.handle:  # without one there is nothing that could be answered
        return Outcome(result=Result.REFUSED, reason="nothing_to_answer")
    payload = {"message": outgoing.text}
    outcome = graph.post_message(
        account, token, host=host, node=outgoing.handle, payload=payload, limits=limits, edge=edge
    )
    if outcome.code == "100/33":  # it is the comment that is not there, not the account
        return outcome.model_copy(update={"reason": "comment_gone", "account_problem": False})
    return outcome


def private_message(outgoing: Outgoing) -> dict[str, Any]:
    """The request of the one answer to the author alone."""
    return {"recipient": {"comment_id": outgoing.handle}, "message": meta_messaging.message(outgoing)}


def change_of(piece: Piece) -> Change:
    """The change of a piece. Raises MalformedPayload where there is none."""
    part = part_of(piece)
    if part.place != "changes":
        raise MalformedPayload("no change")
    value = untrusted.mapping(part.item.get("value"))
    moment = untrusted.time_ms(value.get("created_time")) or untrusted.time_ms(part.entry.get("time"))
    return Change(
        object_name=part.object_name,
        account_id=untrusted.identifier(part.entry.get("id")),
        field=untrusted.identifier(part.item.get("field")),
        value=value,
        time_ms=moment,
        identity=json.dumps([part.item, moment], sort_keys=True),
    )
