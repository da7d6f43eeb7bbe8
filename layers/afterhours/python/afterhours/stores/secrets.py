"""Secrets out of SSM SecureStrings, cached per process.

`/{stack}/app/{source}/{app}`         JSON {"secrets": [current, previous?], "verify_token"?, "origins"?}
`/{stack}/token/{channel}/{account}`  JSON {"token": str}; where it is renewed, under the source's name and also with
                                      "refresh"?, "client_id", "client_secret"?, "expires_at"?, "renewed_at"?, "pushed"
`/{stack}/notify/{inbox}`             JSON {"slack": the URL of an incoming webhook, which is the secret}
`/{stack}/pepper`                     64 hex digits
"""

import json
import re
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from afterhours import settings
from afterhours.stores import aws

FRESH_MS = 300_000
STALE_MS = 3_600_000
UNKNOWN_MS = 30_000  # how long a name that SSM does not know is taken for unknown
PAUSE_MS = 30_000  # between two forced readings, and between two attempts while SSM is down
LIMIT = 256

_FIRST = re.compile(r"[a-z0-9_]{1,32}")  # a source or channel
_SECOND = re.compile(r"[A-Za-z0-9_-]{1,64}")  # an app or account


class SecretsUnavailable(Exception):
    """SSM gave no usable answer and nothing is cached: our own trouble, never a refusal."""


@dataclass
class _Reading:
    value: str | None  # None: SSM does not know the name
    read_ms: int
    failed_ms: int | None = None
    forced_ms: int | None = None


_known: dict[str, _Reading] = {}
_unknown: dict[str, _Reading] = {}  # apart, so that invented names cannot push out real ones


def app_credentials(source: str, app: str) -> dict[str, Any] | None:
    """The record of an app; None for an unknown one. Raises SecretsUnavailable."""
    name = _name("app", source, app)
    return None if name is None else _record(name, _get(name))


def usable(record: dict[str, Any]) -> list[str]:
    """The secrets of an app's record, current first. No secret, no service: raises SecretsUnavailable."""
    given = record.get("secrets")
    found = [secret for secret in given if isinstance(secret, str) and secret] if isinstance(given, list) else []
    if not found:
        raise SecretsUnavailable("no secret")
    return found


def refetch(source: str, app: str) -> dict[str, Any] | None:
    """The record read anew after a mismatch, if it has changed; None otherwise, and within 30 s of the last time."""
    return _read_anew(_name("app", source, app), pause_ms=PAUSE_MS)


def _read_anew(name: str | None, *, pause_ms: int = 0) -> dict[str, Any] | None:
    reading = None if name is None else _known.get(name)
    now = settings.now_ms()
    if name is None or reading is None or (reading.forced_ms is not None and now - reading.forced_ms < pause_ms):
        return None
    reading.forced_ms = now
    try:
        value = _fetch(name)
    except SecretsUnavailable:
        return None
    if value == reading.value:
        reading.read_ms = now
        return None
    _remember(name, _Reading(value, now, forced_ms=now))
    return _record(name, value)


def token(channel: str, account: str) -> str | None:
    """What an account sends with; None where there is none. Raises SecretsUnavailable."""
    name = _name("token", channel, account)
    record = None if name is None else _record(name, _get(name))
    if record is None:
        return None
    if not isinstance(record.get("token"), str) or not record["token"]:
        raise SecretsUnavailable(f"token of {channel}")
    return str(record["token"])


def token_anew(channel: str, account: str) -> bool:
    """Whether the token that a platform took for run out is another one by now; `token` has it then. Read each time: no
    stranger can make a platform refuse a token."""
    return _read_anew(_name("token", channel, account)) is not None


def read_token(channel: str, account: str) -> dict[str, Any] | None:
    """All that belongs to a token, as it is at this moment. Raises SecretsUnavailable."""
    name = _name("token", channel, account)
    return None if name is None else _record(name, _fetch(name))


def write_token(channel: str, account: str, record: dict[str, Any]) -> None:
    """Store a renewed token. Raises SecretsUnavailable where it may not be stored."""
    name = _name("token", channel, account)
    ssm = aws.client("ssm", read_timeout_s=1.5, attempts=2)
    try:
        ssm.put_parameter(Name=name, Value=json.dumps(record), Type="SecureString", Overwrite=True)
    except (BotoCoreError, ClientError) as error:
        raise SecretsUnavailable(str(name)) from error


def slack_webhook(inbox: str) -> str | None:
    """Where the inbox's notices go; None where there is none. Raises SecretsUnavailable."""
    if not _SECOND.fullmatch(inbox):
        return None
    name = f"/{settings.load().stack}/notify/{inbox}"
    record = _record(name, _get(name))
    return str(record["slack"]) if record and record.get("slack") else None


def pepper() -> bytes:
    """The key of the thread ids. Raises SecretsUnavailable, also before the first config push."""
    value = _get(f"/{settings.load().stack}/pepper")
    if value is None or not re.fullmatch(r"[0-9a-f]{64}", value):
        raise SecretsUnavailable("pepper")
    return bytes.fromhex(value)


def clear() -> None:
    """Forget everything read (tests)."""
    _known.clear()
    _unknown.clear()


def _name(kind: str, first: str, second: str) -> str | None:
    """The parameter's name; None where a part has characters that no name of ours has."""
    if not _FIRST.fullmatch(first) or not _SECOND.fullmatch(second):
        return None
    return f"/{settings.load().stack}/{kind}/{first}/{second}"


def _record(name: str, value: str | None) -> dict[str, Any] | None:
    if value is None:
        return None
    try:
        record = json.loads(value)
    except ValueError as error:
        raise SecretsUnavailable("not JSON") from error
    if not isinstance(record, dict):
        raise SecretsUnavailable("not an object")
    return record


def _get(name: str) -> str | None:
    now = settings.now_ms()
    if (unknown := _unknown.get(name)) and now - unknown.read_ms < UNKNOWN_MS:
        return None
    known = _known.get(name)
    if known and now - known.read_ms < FRESH_MS:
        return known.value
    servable = known is not None and now - known.read_ms < STALE_MS
    if known and servable and known.failed_ms is not None and now - known.failed_ms < PAUSE_MS:
        return known.value
    try:
        value = _fetch(name)
    except SecretsUnavailable:
        if known and servable:
            known.failed_ms = now
            return known.value
        raise
    _remember(name, _Reading(value, now, forced_ms=known.forced_ms if known else None))
    return value


def _fetch(name: str) -> str | None:
    # Two short attempts: the webhook (8 s) must have time left to serve its stale copy.
    ssm = aws.client("ssm", read_timeout_s=1.5, attempts=2)
    try:
        answer = ssm.get_parameter(Name=name, WithDecryption=True)
    except ssm.exceptions.ParameterNotFound:
        return None
    except (BotoCoreError, ClientError) as error:
        raise SecretsUnavailable(name) from error
    try:
        return str(answer["Parameter"]["Value"])
    except KeyError as error:  # botocore takes an answer cut inside its headers for an empty 200
        raise SecretsUnavailable(name) from error


def _remember(name: str, reading: _Reading) -> None:
    for readings in (_known, _unknown):
        readings.pop(name, None)
    readings = _unknown if reading.value is None else _known
    readings[name] = reading
    if len(readings) > LIMIT:
        del readings[next(iter(readings))]
