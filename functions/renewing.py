"""Renewing the tokens that live for hours, before they run out, or at once when a platform refuses one early: part of
the sweeper, one account at a time.

Whoever has the lease asks the platform once and stores the new pair before anybody uses it. A pair that the platform
gave and we could not store is lost, because the old one is worth nothing any more: a person has to authorise again.
"""

import uuid
from collections.abc import Iterator
from typing import Any, cast

from afterhours import channels
from afterhours.channels.contract import NotRenewed, Renewed, Renewing
from afterhours.counts import count
from afterhours.models import Account
from afterhours.stores import config, secrets, tokens
from afterhours.stores.dynamo import Item
from afterhours.stores.tokens import State
from aws_lambda_powertools import Logger

logger = Logger(service="sweeper")

STORE_TRIES = 3  # each of several attempts; beyond that the pair is lost
AGAIN = "authorise the account again and push the new pair"


def renewable() -> Iterator[Account]:
    """One account for each token that a platform lets run out."""
    seen = set()
    for account in config.accounts():
        if not account.enabled or account.channel not in channels.CHANNELS:
            continue
        holder = channels.token_holder(account.channel)
        if channels.renews(account.channel) and (holder, account.id) not in seen:
            seen.add((holder, account.id))
            yield account


def renew(account: Account, now_ms: int) -> dict[str, int]:
    """What was done about the account's token, if anything was due."""
    source = channels.token_holder(account.channel)
    seen = tokens.standing(source, account.id)
    due = tokens.is_due(seen, now_ms) or tokens.ended(seen)
    refused = None if due else tokens.refused_early(source, account.id, seen)
    if not due and refused is None:
        return {}
    record = secrets.read_token(source, account.id)
    if record is None or not record.get("client_id"):
        return {}  # nothing that could be renewed
    if not due and refused != tokens.mark_of({"token": record["token"]}):
        return {}  # it was another
    if tokens.ended(seen) and seen is not None and seen.get("mark") == tokens.mark_of(record):
        return _failed(account, str(seen["state"]), str(seen.get("reason", "")))  # until somebody does something
    by = uuid.uuid4().hex
    if not tokens.lease(source, account.id, by, seen, now_ms):
        return {}
    return _Turn(account, source, by, seen, now_ms, refused).take()


class _Turn:
    """The way of one renewal under its lease. The pair is read once more: another may have been at it."""

    def __init__(
        self, account: Account, source: str, by: str, seen: Item | None, now_ms: int, refused: str | None
    ) -> None:
        self.account, self.source, self.by, self.now_ms, self.refused = account, source, by, now_ms, refused
        # Whoever had the turn before and did not give it back may have been given a pair.
        self.unsure = bool(seen) and ("lease_by" in (seen or {}) or (seen or {}).get("state") == State.UNSURE)

    def take(self) -> dict[str, int]:
        record = secrets.read_token(self.source, self.account.id)
        if record is None:
            self._settle()
            return {}
        is_refused = self.refused == tokens.mark_of({"token": record["token"]})
        if not (is_refused or tokens.is_due(record, self.now_ms)):  # stored, but not recorded; or another was refused
            self._settle_good(record)
            return {}
        answer = cast(Renewing, channels.channel(self.account.channel)).renew(self.account, record)
        if isinstance(answer, NotRenewed):
            return self._not_renewed(answer, record)
        return self._renewed(answer, record)

    def _renewed(self, answer: Renewed, record: dict[str, Any]) -> dict[str, int]:
        expires_at = self.now_ms + answer.lives_s * 1000
        pair = {"token": answer.token, **({"refresh": answer.refresh} if answer.refresh else {})}
        new = {**record, **pair, "renewed_at": self.now_ms, "expires_at": expires_at}
        if not self._stored(new):
            self._settle(state=State.LOST, mark=tokens.mark_of(record), reason="not_stored")
            return _failed(self.account, State.LOST, "not_stored")
        self._settle_good(new)
        count("sweeper", "TokenRenewed")
        logger.info("token renewed", extra={"channel": self.account.channel, "account": self.account.id})
        return {"renewed": 1}

    def _stored(self, record: dict[str, Any]) -> bool:
        for _ in range(STORE_TRIES):
            try:
                secrets.write_token(self.source, self.account.id, record)
            except secrets.SecretsUnavailable:
                continue
            return True
        return False

    def _not_renewed(self, answer: NotRenewed, record: dict[str, Any]) -> dict[str, int]:
        unsure = self.unsure or answer.taken
        state = State.UNSURE if unsure else State.GOOD
        if answer.final:
            state = State.LOST if self.unsure else State.REFUSED
        self._settle(state=state, mark=tokens.mark_of(record), reason=answer.reason)
        return _failed(self.account, state, answer.reason)

    def _settle_good(self, record: dict[str, Any]) -> None:
        times = {"renewed_at": record["renewed_at"], "expires_at": record["expires_at"]}
        self._settle(state=State.GOOD, mark=tokens.mark_of(record), reason=None, **times)

    def _settle(self, **changes: Any) -> None:
        tokens.settle(self.source, self.account.id, self.by, **changes)


def _failed(account: Account, state: str, reason: str) -> dict[str, int]:
    """For the alarm, each minute anew."""
    said: dict[str, Any] = {"channel": account.channel, "account": account.id, "state": state, "reason": reason}
    if State(state).ended:
        said["to_do"] = AGAIN
    logger.error("token not renewed", extra=said)
    count("sweeper", "TokenRenewFailed")
    return {"not_renewed": 1}
