"""Accounts, inboxes, playbooks and agents' permissions, from the config table.

pk `ACCOUNT` sk `<channel>#<id>`; `INBOX` `<id>`; `AGENT` `<sub>`; `PLAYBOOK#<id>` sk `CURRENT` or `V#<8 digits>`
(zlib-compressed JSON); `EPOCH` sk `CURRENT`; `ERASED`, the log of erasures (erasure.py). Each record is read at most
once per 60 s per container; one that cannot be read or loaded leaves the last good one in force.
"""

import contextlib
import logging
import zlib
from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import ValidationError

from afterhours import settings
from afterhours.counts import count
from afterhours.models import Account, Agent, Inbox
from afterhours.playbook import Playbook
from afterhours.stores import aws
from afterhours.stores.dynamo import Item, expression, from_item, to_item

FRESH_MS = 60_000
OLDER_TRIED = 5
MAX_ENTRIES = 1_000

T = TypeVar("T")


class NotConfigured(LookupError):
    """Something names an inbox or a playbook that the configuration does not have: our own trouble."""


class AnswerCut(Exception):
    """An answer without what every whole one has: whether there is such a record is not known."""


logger = logging.getLogger("afterhours.config")
_cache: dict[tuple[str, str], tuple[int, object]] = {}


def clear() -> None:
    _cache.clear()


def account(channel: str, account_id: str) -> Account | None:
    """The account of ours with this id on the channel, None where we have none (or it is switched off)."""
    found = _cached("ACCOUNT", f"{channel}#{account_id}", lambda item: Account.model_validate(_fields(item)))
    return found if found and found.enabled else None


def inbox(inbox_id: str) -> Inbox | None:
    return _cached("INBOX", inbox_id, lambda item: Inbox.model_validate(_fields(item)))


def known_inbox(inbox_id: str) -> Inbox:
    """The inbox that a thread or an account names. Raises NotConfigured."""
    found = inbox(inbox_id)
    if found is None:
        raise NotConfigured(f"inbox {inbox_id}")
    return found


def playbook(playbook_id: str) -> Playbook | None:
    """The playbook in force: the current version, or the newest before it that can be loaded."""
    return _cached(f"PLAYBOOK#{playbook_id}", "CURRENT", _loadable)


def known_playbook(inbox: Inbox) -> Playbook:
    """The playbook that an inbox names. Raises NotConfigured."""
    found = playbook(inbox.playbook)
    if found is None:
        raise NotConfigured(f"playbook {inbox.playbook}")
    return found


def _loadable(current: Item) -> Playbook:
    """Raises what the current version's body raises, where no older one can be loaded either."""
    try:
        return _unpacked(current)
    except (ValidationError, zlib.error) as error:
        _not_loaded(current["pk"], error)
        for version in range(current["version"] - 1, max(0, current["version"] - 1 - OLDER_TRIED), -1):
            older = _read(current["pk"], f"V#{version:08d}")
            with contextlib.suppress(ValidationError, zlib.error):
                if older:
                    return _unpacked(older)
        raise


def _unpacked(item: Item) -> Playbook:
    return Playbook.model_validate_json(zlib.decompress(item["body"]))


def epoch() -> int:
    """Since when this table is in use (epoch ms), 0 for ever: after a restore nothing from before it is sent."""
    return _cached("EPOCH", "CURRENT", lambda item: int(item["at"]), missing=0) or 0


def agent(sub: str) -> Agent | None:
    """An agent's permissions, read anew each time: taking them away works at once."""
    item = _read("AGENT", sub)
    return Agent(id=sub, email=item["email"], inboxes=item["inboxes"]) if item else None


def inboxes() -> list[Inbox]:
    """All inboxes (few; one page)."""
    return [Inbox.model_validate(_fields(item)) for item in _all("INBOX")]


def accounts() -> list[Account]:
    """All accounts (few; one page)."""
    return [Account.model_validate(_fields(item)) for item in _all("ACCOUNT")]


def agents() -> list[Agent]:
    """All agents (hundreds at most; one page)."""
    return [Agent(id=item["sk"], email=item["email"], inboxes=item["inboxes"]) for item in _all("AGENT")]


def _all(pk: str) -> list[Item]:
    answer = aws.client("dynamodb").query(
        TableName=settings.load().config_table, **expression(values={"pk": pk}, KeyConditionExpression="#pk = :pk")
    )
    return [from_item(item) for item in answer["Items"]]


def _cached(pk: str, sk: str, load: Callable[[Item], T], missing: T | None = None) -> T | None:
    now_ms = settings.now_ms()
    held: tuple[int, T | None] | None = _cache.get((pk, sk))  # type: ignore[assignment]
    if held and now_ms - held[0] < FRESH_MS:
        return held[1]
    try:
        item = _read(pk, sk)
        value = load(item) if item else missing
    except (AnswerCut, BotoCoreError, ClientError, ValidationError, zlib.error) as error:
        if held is None or held[1] is None:
            raise
        _not_loaded(pk, error)
        value = held[1]
    if len(_cache) >= MAX_ENTRIES:
        _cache.pop(next(iter(_cache)))
    _cache[(pk, sk)] = (now_ms, value)
    return value


def _not_loaded(pk: str, error: Exception) -> None:
    """For the alarm: somebody has to look, although the service goes on."""
    logger.error("config_not_loaded", extra={"record": pk, "error": type(error).__name__})
    count("config", "NotLoaded")


def _read(pk: str, sk: str) -> Item | None:
    """None only where the table has said so: botocore takes an answer cut inside its headers for an empty 200, and an
    account taken for unknown would have its customers' messages set aside. Raises AnswerCut."""
    answer = aws.client("dynamodb").get_item(
        TableName=settings.load().config_table, Key=to_item({"pk": pk, "sk": sk}), ReturnConsumedCapacity="TOTAL"
    )
    if "ConsumedCapacity" not in answer:
        raise AnswerCut(pk)
    return from_item(answer["Item"]) if "Item" in answer else None


def _fields(item: Item) -> Item:
    return {name: value for name, value in item.items() if name not in ("pk", "sk")}
