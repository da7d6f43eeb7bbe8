"""What Page and Instagram comments have in common: a `changes[]` item, read as an event."""

import json
from typing import Any, NamedTuple

from afterhours.channels import untrusted
from afterhours.channels.contract import MalformedPayload, Piece
from afterhours.channels.meta import part_of
from afterhours.models import Event, Kind, event_key


class Change(NamedTuple):
    """One change on an account of ours: which field, and its value (empty where it is no object)."""

    object_name: str
    account_id: str | None
    field: str | None
    value: dict[str, Any]
    time_ms: int | None
    identity: str  # of a change that has no id of its own: the change itself

    def event(
        self, channel: str, kind: Kind, *identity: object, sender: str | None = None, own: bool = False, **fields: Any
    ) -> Event:
        """The event, keyed by the account and `identity`."""
        is_own = own or (sender is not None and sender == self.account_id)
        named = [str(one) for one in identity] or [self.identity]
        return Event(
            channel=channel,
            account_id=self.account_id,
            kind=kind,
            event_id=event_key(channel, self.account_id or "", *named),
            sender_id=sender,
            recipient_id=self.account_id,
            contact_ids=() if sender is None or is_own else (sender,),
            from_page_itself=is_own,
            timestamp_ms=self.time_ms,
            **fields,
        )

    def foreign(self, channel: str) -> Event:
        """The event of an object that no channel of ours reads."""
        return self.event(channel, Kind.IGNORED, subkind=f"{self.object_name}.{self.field}")


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
