"""Tokens that are renewed: whose turn it is, and how the last time ended. The pair itself is a secret (secrets.py).

config pk `TOKEN` sk `<source>#<account>`: `expires_at`, `renewed_at`, `state`, `mark` (of the pair, see `mark_of`),
`reason`, and while somebody renews it `lease_by`, `lease_until`. No secret stands here.
threads pk `TOKEN#<source>#<account>` sk `early`: `refused` (mark of the token that a platform refused before its time),
`at`, `ttl`. The worker leaves it for the sweeper, in the table that both may write: the configuration it may only read.
"""

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from afterhours import settings
from afterhours.stores import aws
from afterhours.stores.dynamo import Item, assignments, expression, from_item, to_item

LEASE_MS = 120_000  # longer than the sweeper may run
LEFT = 5  # a token is renewed when a fifth of its life is left
EARLY_MS = 3_600_000  # in which one token of an account is renewed before its time, not more


class State(StrEnum):
    """`unsure`: the platform may have used up the refresh token without our learning the new one. `refused` and `lost`
    are the end of it until a person authorises the account anew; lost is what we ourselves are to blame for."""

    GOOD = "good"
    UNSURE = "unsure"
    REFUSED = "refused"
    LOST = "lost"

    @property
    def ended(self) -> bool:
        return self in (State.REFUSED, State.LOST)


def standing(source: str, account: str) -> Item | None:
    """What is known of the account's token; None where it was never renewed."""
    answer = aws.client("dynamodb").get_item(
        TableName=settings.load().config_table, Key=_key(source, account), ConsistentRead=True
    )
    return from_item(answer["Item"]) if "Item" in answer else None


def is_due(times: Mapping[str, Any] | None, now_ms: int) -> bool:
    """Whether a fifth or less of the life is left; unknown times are due."""
    if not times or "expires_at" not in times or "renewed_at" not in times:
        return True
    expires_at, renewed_at = int(times["expires_at"]), int(times["renewed_at"])
    return now_ms >= expires_at - (expires_at - renewed_at) // LEFT


def ended(seen: Mapping[str, Any] | None) -> bool:
    return bool(seen) and State((seen or {}).get("state", State.GOOD)).ended


def will_be_renewed(source: str, account: str, token: str, now_ms: int) -> bool:
    """Whether waiting for a new token is of use where the platform refuses this one: one is due, or the sweeper is
    asked for one now. It is asked once in an hour: who refuses what they have just given have another reason."""
    seen = standing(source, account)
    if seen is None or ended(seen):
        return False
    return is_due(seen, now_ms) or _ask_early(source, account, token, now_ms)


def _ask_early(source: str, account: str, token: str, now_ms: int) -> bool:
    dynamodb = aws.client("dynamodb")
    refused = mark_of({"token": token})
    item = {**_early_key(source, account), "refused": refused, "at": now_ms, "ttl": (now_ms + EARLY_MS) // 1000}
    asked_of_another = "#refused <> :refused AND #at > :long_ago"
    condition = f"attribute_not_exists(#pk) OR NOT ({asked_of_another})"
    try:
        dynamodb.put_item(
            TableName=settings.load().threads_table,
            Item=to_item(item),
            **expression(values={"refused": refused, "long_ago": now_ms - EARLY_MS}, ConditionExpression=condition),
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def refused_early(source: str, account: str, seen: Mapping[str, Any] | None) -> str | None:
    """The mark of the token that was refused before its time since the last renewal; None where none was."""
    key = to_item(_early_key(source, account))
    answer = aws.client("dynamodb").get_item(TableName=settings.load().threads_table, Key=key)
    asked = from_item(answer["Item"]) if "Item" in answer else None
    return str(asked["refused"]) if asked and asked["at"] >= int((seen or {}).get("renewed_at", 0)) else None


def _early_key(source: str, account: str) -> Item:
    return {"pk": f"TOKEN#{source}#{account}", "sk": "early"}


def mark_of(record: Mapping[str, Any]) -> str:
    """Tells one pair from another without telling anything of it."""
    secret = str(record.get("refresh") or record.get("token") or "")
    return hashlib.sha256(f"mark {secret}".encode("utf-8", "surrogatepass")).hexdigest()[:16]


def lease(source: str, account: str, by: str, seen: Item | None, now_ms: int) -> bool:
    """Take the turn, if nobody has it and nobody has had it since `seen` was read."""
    nobody_has_it = "(attribute_not_exists(#lease_until) OR #lease_until < :now)"
    renewed_at = (seen or {}).get("renewed_at")
    unmoved = "attribute_not_exists(#renewed_at)" if renewed_at is None else "#renewed_at = :renewed_at"
    before = {} if renewed_at is None else {"renewed_at": renewed_at}
    return _update(
        source,
        account,
        "SET #lease_by = :by, #lease_until = :until",
        when=f"{nobody_has_it} AND {unmoved}",
        by=by,
        until=now_ms + LEASE_MS,
        now=now_ms,
        **before,
    )


def settle(source: str, account: str, by: str, **changes: Any) -> bool:
    """Record how it ended and give the turn back; refused when it is somebody else's by now."""
    update, values = assignments({**changes, "lease_by": None, "lease_until": None})
    return _update(source, account, update, when="#lease_by = :holder", holder=by, **values)


def _update(source: str, account: str, update: str, *, when: str, **values: Any) -> bool:
    dynamodb = aws.client("dynamodb")
    try:
        dynamodb.update_item(
            TableName=settings.load().config_table,
            Key=_key(source, account),
            **expression(values=values, UpdateExpression=update, ConditionExpression=when),
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def _key(source: str, account: str) -> Item:
    return to_item({"pk": "TOKEN", "sk": f"{source}#{account}"})
