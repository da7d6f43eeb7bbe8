"""Webhooks on their way: signed, posted, and delivered again while they are not answered 200."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

import requests

from afterhours_local.platforms.graph_webhooks import sign

TIMEOUT_S = 20

Post = Callable[[str, str, bytes], int]  # url, app secret, body -> HTTP status
LONGEST_PAUSE_MS = 600_000


@dataclass(frozen=True)
class Webhook:
    """A delivery that waits until `due_ms`, and is given up after `until_ms`."""

    url: str
    app_secret: str
    body: bytes
    due_ms: int
    until_ms: int
    tries: int = 0


class Deliveries:
    """The queue of webhooks. Nothing is posted while the lock is held, nothing by itself: `deliver_pending` does."""

    def __init__(self, now_ms: Callable[[], int], post: Post) -> None:
        self._now_ms = now_ms
        self._post = post
        self._lock = threading.Lock()
        self._pending: list[Webhook] = []
        self._dropped: list[Webhook] = []

    @property
    def pending(self) -> list[Webhook]:
        with self._lock:
            return list(self._pending)

    @property
    def dropped(self) -> list[Webhook]:
        """What was given up because the webhook did not take it for too long."""
        with self._lock:
            return list(self._dropped)

    def add(self, webhook: Webhook) -> None:
        with self._lock:
            self._pending.append(webhook)

    def deliver_pending(self) -> int:
        """Post what is due, in order. How many were taken."""
        with self._lock:
            now = self._now_ms()
            due = [webhook for webhook in self._pending if webhook.due_ms <= now]
            self._pending = [webhook for webhook in self._pending if webhook.due_ms > now]
        return sum(self.deliver(webhook) == 200 for webhook in due)

    def deliver(self, webhook: Webhook) -> int:
        """Post one now; if it is not taken it waits, longer each time. The HTTP status, 0 where nobody answered."""
        status = self._post(webhook.url, webhook.app_secret, webhook.body)
        if status == 200:
            return status
        now = self._now_ms()
        pause = min(1000 * 2**webhook.tries, LONGEST_PAUSE_MS)
        with self._lock:
            if now >= webhook.until_ms:
                self._dropped.append(webhook)
            else:
                self._pending.append(replace(webhook, due_ms=now + pause, tries=webhook.tries + 1))
        return status


def post_signed(url: str, app_secret: str, body: bytes) -> int:
    """Sign and post once. The HTTP status, 0 where nobody answered."""
    headers = {"Content-Type": "application/json", "X-Hub-Signature-256": sign(body, app_secret)}
    with requests.Session() as session:
        session.trust_env = False  # a proxy of the machine is not for 127.0.0.1
        try:
            return session.post(url, data=body, headers=headers, timeout=TIMEOUT_S, allow_redirects=False).status_code
        except requests.RequestException:
            return 0
