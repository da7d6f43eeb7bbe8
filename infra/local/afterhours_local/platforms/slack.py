"""A strict fake of Slack's incoming webhooks: takes what Slack takes, answers in its words, keeps what it was sent."""

import json
import re
import threading
from collections import deque
from collections.abc import Callable, Iterable
from enum import StrEnum
from typing import NamedTuple
from urllib.parse import urlsplit

from afterhours_local.platforms.faults import Reply

LONGEST_TEXT = 40_000
RETRY_AFTER_S = 90
KNOWN_KEYS = {"text", "blocks", "attachments", "thread_ts", "response_type", "mrkdwn", "unfurl_links", "unfurl_media"}
_PATH = re.compile(r"/services/(T[A-Z0-9]+)/(B[A-Z0-9]+)/([A-Za-z0-9]+)", re.ASCII)


class Trouble(StrEnum):
    """What the next post meets."""

    RATE_429 = "rate_limited"
    ERROR_500 = "server_error"
    CHANNEL_IS_ARCHIVED = "channel_is_archived"
    ACTION_PROHIBITED = "action_prohibited"
    HTML = "html"  # with status 200
    RESET = "reset"  # when the post has been read, and taken


class Received(NamedTuple):
    hook: str  # its path
    text: str
    at_ms: int


class FakeSlack:
    """Knows the webhooks with these addresses. Safe under threads."""

    def __init__(self, webhooks: Iterable[str] = (), now_ms: Callable[[], int] = lambda: 0) -> None:
        self._hooks = {urlsplit(webhook).path for webhook in webhooks}
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._received: list[Received] = []
        self._troubles: deque[Trouble] = deque()
        self._asked = 0

    @property
    def received(self) -> list[Received]:
        with self._lock:
            return list(self._received)

    @property
    def asked(self) -> int:
        """How many posts there were, whatever became of them."""
        with self._lock:
            return self._asked

    def misbehave(self, trouble: Trouble, times: int = 1) -> None:
        with self._lock:
            self._troubles.extend([trouble] * times)

    def forget(self) -> None:
        """What was sent, and the troubles that nobody has met."""
        with self._lock:
            self._received.clear()
            self._troubles.clear()
            self._asked = 0

    def take(self, path: str, content_type: str, raw: bytes) -> Reply | None:
        """The answer to a post; None where the connection is reset instead."""
        with self._lock:
            self._asked += 1
            trouble = self._troubles.popleft() if self._troubles else None
            wrong = self._wrong_address(path) or _wrong_body(content_type, raw)
            if wrong:
                return _plain(*wrong)
            match trouble:
                case Trouble.RATE_429:
                    return _plain(429, "rate_limited", {"Retry-After": str(RETRY_AFTER_S)})
                case Trouble.ERROR_500:
                    return _plain(500, "server_error")
                case Trouble.CHANNEL_IS_ARCHIVED:
                    return _plain(410, "channel_is_archived")
                case Trouble.ACTION_PROHIBITED:
                    return _plain(403, "action_prohibited")
            self._received.append(Received(path, json.loads(raw)["text"], self._now_ms()))
            if trouble is Trouble.RESET:
                return None
            if trouble is Trouble.HTML:
                return Reply(200, b"<!DOCTYPE html><html></html>", {"Content-Type": "text/html; charset=utf-8"})
            return _plain(200, "ok")

    def _wrong_address(self, path: str) -> tuple[int, str] | None:
        if path in self._hooks:
            return None
        asked = _PATH.fullmatch(path)
        known = [found for hook in self._hooks if (found := _PATH.fullmatch(hook))]
        if asked is None or asked[1] not in {each[1] for each in known}:
            return 404, "no_team"
        if asked[2] not in {each[2] for each in known}:
            return 404, "no_service"
        return 403, "invalid_token"


def _wrong_body(content_type: str, raw: bytes) -> tuple[int, str] | None:
    if content_type.partition(";")[0].strip().lower() != "application/json":
        return 400, "invalid_payload"
    try:
        message = json.loads(raw)
    except ValueError:
        return 400, "invalid_payload"
    if not isinstance(message, dict) or not message.keys() <= KNOWN_KEYS:
        return 400, "invalid_payload"
    text = message.get("text")
    if not isinstance(text, str) or not text.strip():
        return 400, "no_text"
    return (400, "invalid_payload") if len(text) > LONGEST_TEXT else None


def _plain(status: int, word: str, headers: dict[str, str] | None = None) -> Reply:
    return Reply(status, word.encode(), {"Content-Type": "text/html", **(headers or {})})
