"""A strict fake of LinkedIn: pages of organizations, what members write below their posts, and the Comments API.

Written from the contract. A version of the API lives a year; the URN in a path has to be encoded completely; the page's
own comments come back as ADMIN_COMMENT, once for each subscriber.
"""

import hashlib
import hmac
import json
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlencode, urlsplit

from afterhours_local.platforms.fake import Deliver, Delivered, FakeAccount, FakePlatform, Said, Sent
from afterhours_local.platforms.faults import Reply, as_json
from afterhours_local.platforms.spoilt import Spoilt, spoil

TEXT_LIMIT = 1_250
PER_SECOND = 5
ACTIVITY = "7090000000000000001"
_PATH = re.compile(r"/rest/socialActions/([^/]+)/comments")
_COMMENT = re.compile(r"urn:li:comment:\(urn:li:activity:(\d+),(\d+)\)")
_POST = re.compile(r"urn:li:(?:activity|share|ugcPost):\d+")

Body = dict[str, Any]


class Trouble(StrEnum):
    """What the next call meets, beside what any platform does (spoilt.py)."""

    UNAUTHORIZED_401 = "401"
    FORBIDDEN_403 = "403"
    GONE_404 = "404"
    DUPLICATE_422 = "422"
    VERSION_426 = "426"
    RATE_429 = "429"


_WORDS = {
    401: ("EXPIRED_ACCESS_TOKEN", "The token used in the request has expired"),
    403: ("ACCESS_DENIED", "Not enough permissions to access: socialActions.CREATE"),
    404: ("NOT_FOUND", "Could not find the entity"),
    422: ("UNPROCESSABLE_ENTITY", "Content is a duplicate"),
    426: ("NONEXISTENT_VERSION", "Requested version is not active"),
    429: ("TOO_MANY_REQUESTS", "Resource level throttle limit for calls to this resource is reached."),
}


class LinkedInError(Exception):
    """A refusal in LinkedIn's words."""

    def __init__(self, status: int, message: str | None = None) -> None:
        code, words = _WORDS.get(status, ("VALIDATION_ERROR", ""))
        super().__init__(message or words)
        body = {"status": status, "serviceErrorCode": 100, "code": code, "message": message or words}
        self.reply = as_json(status, json.dumps(body).encode())


class FakeLinkedIn(FakePlatform):
    NAME = "linkedin"

    def __init__(self, now_ms: Callable[[], int], deliver: Deliver) -> None:
        super().__init__(now_ms, deliver)
        self._clear()

    def _clear(self) -> None:
        self.subscribers = 1  # administrators whose grants each bring a copy
        self.prefixed = False  # whether the header's value begins with hmacsha256=
        self._comments: dict[str, str] = {}  # comment or post: the page's id
        self._texts: set[tuple[str, str]] = set()
        self._pending: list[tuple[str, Body]] = []
        self._second = (0, 0)

    def forget(self) -> None:
        with self._lock:
            super().forget()
            self._clear()

    # Members

    def say(self, channel: str, account: str, contact: str, text: str, *, name: str | None = None) -> Said:
        """A member comments below a post of the page. LinkedIn tells no names."""
        with self._lock:
            comment = self._urn(self.next_number())
            self._comments[comment] = account
        return self.act(account, "COMMENT", comment, contact, text)

    def mention(self, account: str, contact: str, text: str) -> Said:
        """A member's post names the page."""
        with self._lock:
            share = f"urn:li:share:{7_090_000_000_000_000_000 + self.next_number()}"
            self._comments[share] = account
        return self.act(account, "SHARE_MENTION", share, contact, text)

    def act(self, account: str, action: str, about: str, contact: str, text: str | None = None) -> Said:
        """Anything that LinkedIn tells of; one copy a subscriber, all in one delivery."""
        return Said(about, self.deliver(account, *self.notifications(account, action, about, contact, text)))

    def notifications(self, account: str, action: str, about: str, contact: str, text: str | None) -> list[Body]:
        page, owner = f"urn:li:organization:{account}", f"urn:li:person:{contact}"
        is_comment = "COMMENT" in action
        written: Body = {"owner": page if action == "ADMIN_COMMENT" else owner, "entity": about}
        written |= {"text": text} if text is not None else {}
        short = about.replace("(urn:li:activity:", "(activity:")  # as captured: not the form of `entity`
        with self._lock:
            return [
                {
                    "notificationId": 4_406_000 + self.next_number(),
                    "organizationalEntity": page,
                    "action": action,
                    "sourcePost": f"urn:li:activity:{ACTIVITY}",
                    "generatedActivity": short,
                    "decoratedGeneratedActivity": {"comment" if is_comment else "share": written},
                    "lastModifiedAt": self._now_ms(),
                    "subscriber": f"urn:li:person:admin{number}",
                }
                for number in range(self.subscribers)
            ]

    def _urn(self, number: int) -> str:
        return f"urn:li:comment:(urn:li:activity:{ACTIVITY},{7_090_000_000_000_100_000 + number})"

    # Webhooks

    def deliver(self, account: str, *notifications: Body) -> int:
        """Sign and post notifications together, at most ten of them."""
        if len(notifications) > 10:
            raise ValueError("more than LinkedIn delivers together")
        known = self.account(self.NAME, account)
        body = {"type": "ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS", "notifications": notifications}
        raw = json.dumps(body, ensure_ascii=False).encode()
        digest = hmac.new(known.secret.encode(), b"hmacsha256=" + raw, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-LI-Signature": ("hmacsha256=" * self.prefixed) + digest}
        return self._deliver("POST", known.webhook_url, headers, raw).status

    def validate(self, account: str, *, challenge: str | None = None) -> tuple[Delivered, bool]:
        """Ask for the challenge as LinkedIn does every two hours: the answer, and whether it is the right one."""
        known = self.account(self.NAME, account)
        code = challenge or str(uuid.UUID(int=self.next_number()))
        said = self._deliver("GET", f"{known.webhook_url}?{urlencode({'challengeCode': code})}", {}, b"")
        digest = hmac.new(known.secret.encode(), code.encode(), hashlib.sha256).hexdigest()
        right = {"challengeCode": code, "challengeResponse": digest}
        return said, said.status == 200 and json.loads(said.body) == right

    def deliver_pending(self) -> int:
        with self._lock:
            waiting, self._pending = self._pending, []
        taken = 0
        for account, notification in waiting:
            if self.deliver(account, notification) == 200:
                taken += 1
            else:
                self._pending.append((account, notification))
        return taken

    # The API

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply | None:
        with self._lock:
            try:
                return self._misbehaving(method, path, headers, body)
            except LinkedInError as error:
                return error.reply

    def _misbehaving(self, method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Reply | None:
        fault = self.next_fault()
        if fault in set(Trouble):
            raise LinkedInError(int(fault))
        spoilt = Spoilt(fault) if fault else None
        if spoilt and not spoilt.taken:
            return spoil(spoilt, as_json(201, b"{}"), b"")
        good = self._take(method, path, headers, raw)
        reply = spoil(spoilt, good, b"{}") if spoilt else good
        if reply is None or not spoilt or spoilt in (Spoilt.ERROR_500, Spoilt.HUGE_BODY):
            return reply
        return Reply(201, reply.body, reply.headers)  # spoilt with its id: that stands in a header

    def _take(self, method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Reply:
        if method == "GET":
            return self._tell(self._account_of(headers), urlsplit(path).path, parse_qs(urlsplit(path).query))
        found = _PATH.fullmatch(path)
        if method != "POST" or found is None:
            raise LinkedInError(404)
        account = self._account_of(headers)
        below = unquote(found[1])
        if quote(below, safe="") != found[1]:
            raise LinkedInError(400, "Syntax exception in path variables")
        return self._comment(account, below, _read(headers, raw))

    def _tell(self, account: FakeAccount, path: str, query: Mapping[str, list[str]]) -> Reply:
        """Of its own page, and where its notifications go."""
        if path.startswith("/rest/organizations/"):
            if path != f"/rest/organizations/{account.id}":
                raise LinkedInError(403)
            return as_json(200, json.dumps({"id": int(account.id), "localizedName": "Hotel Jadran"}).encode())
        kind = ["ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS"]
        if path != "/rest/eventSubscriptions" or query != {"q": ["subscriberAndEventType"], "eventType": kind}:
            raise LinkedInError(404)
        about = {"entity": f"urn:li:organization:{account.id}", "eventType": kind[0], "user": "urn:li:person:admin0"}
        elements = [{**about, "webhook": account.webhook_url}] if account.webhook_url else []
        return as_json(200, json.dumps({"elements": elements}).encode())

    def _account_of(self, headers: Mapping[str, str]) -> FakeAccount:
        account = next((one for one in self.accounts() if f"Bearer {one.token}" == headers.get("authorization")), None)
        if account is None:
            raise LinkedInError(401)
        now = datetime.fromtimestamp(self._now_ms() / 1000, UTC)
        version = headers.get("linkedin-version", "")
        if not f"{now.year - 1}{now.month:02d}" <= version <= f"{now:%Y%m}":
            raise LinkedInError(426)
        if headers.get("x-restli-protocol-version") != "2.0.0":
            raise LinkedInError(400, "Invalid protocol version")
        second, asked = self._second
        self._second = (self._now_ms() // 1000, asked + 1 if second == self._now_ms() // 1000 else 1)
        if self._second[1] > PER_SECOND:
            raise LinkedInError(429)
        return account

    def _comment(self, account: FakeAccount, below: str, body: Body) -> Reply:
        parent, post = _COMMENT.fullmatch(below), _POST.fullmatch(below)
        if self._comments.get(below) != account.id:
            raise LinkedInError(404)
        if body.get("actor") != f"urn:li:organization:{account.id}":
            raise LinkedInError(403)
        expected = f"urn:li:activity:{parent[1]}" if parent else below if post else None
        if body.get("object") != expected or body.get("parentComment") != (below if parent else None):
            raise LinkedInError(422, "object and parentComment do not belong together")
        text = body["message"].get("text") if isinstance(body.get("message"), dict) else None
        if not isinstance(text, str) or not 0 < len(text.encode("utf-16-le")) // 2 <= TEXT_LIMIT:
            raise LinkedInError(422, "text is too long or missing")
        if (below, text) in self._texts:
            raise LinkedInError(422)
        self._texts.add((below, text))
        comment = self._urn(self.next_number())
        self.keep(Sent(self.NAME, account.id, below, text, self._now_ms(), comment, public=True))
        for copy in self.notifications(account.id, "ADMIN_COMMENT", comment, "", text):
            self._pending.append((account.id, copy))
        good = as_json(201, json.dumps({"$URN": comment, "actor": body["actor"]}).encode())
        return Reply(good.status, good.body, {**good.headers, "x-restli-id": comment})


def _read(headers: Mapping[str, str], raw: bytes) -> Body:
    if headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise LinkedInError(415, "Content-Type is not supported")
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise LinkedInError(400, "The request body is not JSON") from error
    if not isinstance(body, dict) or body.keys() - {"actor", "object", "message", "parentComment"}:
        raise LinkedInError(422, "Unknown field")
    return body


FAKE = FakeLinkedIn
