"""A strict fake of LINE: official accounts, their friends and groups, reply tokens, retry keys and the monthly limit.

Written from the contract. A reply token is good once and for a minute. A push to somebody who has blocked the account
is answered 200 and never arrives.
"""

import dataclasses
import hashlib
import hmac
import json
import re
import uuid
from base64 import b64encode
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple

from afterhours_local.platforms.fake import Deliver, FakeAccount, FakePlatform, Said, Sent
from afterhours_local.platforms.faults import Reply, as_json
from afterhours_local.platforms.spoilt import Spoilt, spoil

TOKEN_LIFE_MS = 60_000
TEXT_LIMIT = 5_000  # UTF-16 units
PER_SECOND = 2_000
_CONTENT = re.compile(r"/v2/bot/message/([0-9]+)/content")
_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"

Body = dict[str, Any]


class Trouble(StrEnum):
    """What the next reply or push meets, beside what any platform does (spoilt.py)."""

    RATE_429 = "429"
    UNAUTHORIZED_401 = "401"
    FORBIDDEN_403 = "403"
    BAD_REQUEST_400 = "400"


class LineError(Exception):
    """A refusal in LINE's words."""

    def __init__(self, status: int, message: str, *details: tuple[str, str]) -> None:
        super().__init__(message)
        listed = [{"message": text, "property": where} for where, text in details]
        self.reply = _json(status, {"message": message, **({"details": listed} if listed else {})})


class Call(NamedTuple):
    """A reply or push that was read, and how it was answered; status 0: not at all."""

    way: str
    status: int
    retry_key: str | None


class FakeLine(FakePlatform):
    NAME = "line"

    def __init__(self, now_ms: Callable[[], int], deliver: Deliver) -> None:
        super().__init__(now_ms, deliver)
        self._clear()

    def _clear(self) -> None:
        self.monthly_limit: int | None = None
        self.undelivered: list[str] = []  # texts to people who had blocked the account
        self._pushed = 0
        self._tokens: dict[str, tuple[str, str, int]] = {}  # unused ones: account, place, when
        self._friends: set[tuple[str, str]] = set()
        self._blocked: set[tuple[str, str]] = set()
        self._accepted: dict[str, tuple[str, list[Body]]] = {}  # by retry key: request id, messages
        self._choices: dict[tuple[str, str], list[Body]] = {}
        self._files: dict[str, bytes] = {}
        self._second = (0, 0)
        self._calls: list[Call] = []

    def forget(self) -> None:
        with self._lock:
            super().forget()
            self._clear()

    @property
    def calls(self) -> list[Call]:
        with self._lock:
            return list(self._calls)

    # Customers

    def say(
        self,
        channel: str,
        account: str,
        contact: str,
        text: str,
        *,
        name: str | None = None,
        group: str | None = None,
        mode: str = "active",
    ) -> Said:
        """A friend writes, or somebody in a group. LINE tells no names."""
        message = {"type": "text", "text": text, "quoteToken": "q3Plxr4AgKd"}
        return self._message(account, contact, message, group=group, mode=mode)

    def send_picture(self, account: str, contact: str, data: bytes) -> Said:
        message = {"type": "image", "contentProvider": {"type": "line"}, "quoteToken": "q3Plxr4AgKd"}
        return self._message(account, contact, message, data=data)

    def _message(
        self,
        account: str,
        contact: str,
        message: Body,
        *,
        group: str | None = None,
        mode: str = "active",
        data: bytes = b"",
    ) -> Said:
        with self._lock:
            number = str(465_000_000_000_000_000 + self.next_number())  # beyond what a float holds
            if data:
                self._files[number] = data
        content = {"type": "message", "message": {"id": number, **message}}
        event = self.event(account, contact, content, group=group, mode=mode)
        return Said(number, self.deliver(account, event))

    def tap(self, account: str, contact: str, title: str) -> int:
        """The customer taps a quick reply under the last message. The webhook's status."""
        with self._lock:
            actions = self._choices[account, contact]
            data = next(action["data"] for action in actions if action["label"] == title)
        return self.deliver(account, self.event(account, contact, {"type": "postback", "postback": {"data": data}}))

    def block(self, account: str, contact: str, *, again: bool = False) -> int:
        """The customer blocks the account, or with `again` unblocks it."""
        with self._lock:
            (self._blocked.discard if again else self._blocked.add)((account, contact))
        content: Body = {"type": "follow", "follow": {"isUnblocked": True}} if again else {"type": "unfollow"}
        return self.deliver(account, self.event(account, contact, content))

    def unsend(self, account: str, contact: str, message_id: str) -> int:
        """The customer takes a message back."""
        content = {"type": "unsend", "unsend": {"messageId": message_id}}
        return self.deliver(account, self.event(account, contact, content))

    # Webhooks

    def event(
        self, account: str, contact: str, content: Body, *, group: str | None = None, mode: str = "active"
    ) -> Body:
        """An event as LINE writes it, with a reply token where it has one."""
        place = group or contact
        source = {"type": "group", "groupId": group} if group else {"type": "user"}
        with self._lock:
            event: Body = {
                **content,
                "webhookEventId": self._ulid(),
                "deliveryContext": {"isRedelivery": False},
                "timestamp": self._now_ms(),
                "source": {**source, "userId": contact},
                "mode": mode,
            }
            if content["type"] not in ("unfollow", "unsend") and mode == "active":
                event["replyToken"] = hashlib.sha256(f"{account} {self.next_number()}".encode()).hexdigest()[:32]
                self._tokens[event["replyToken"]] = (account, place, self._now_ms())
            if content["type"] != "unfollow":
                self._friends.add((account, place))
        return event

    def deliver(self, account: str, *events: Body) -> int:
        """Sign and post events together; none is what "Verify" in the console sends."""
        known = self.account(self.NAME, account)
        destination = "U" + hashlib.sha256(account.encode()).hexdigest()[:32]
        body = json.dumps({"destination": destination, "events": events}, ensure_ascii=False).encode()
        digest = hmac.digest(known.secret.encode(), body, hashlib.sha256)
        headers = {"Content-Type": "application/json; charset=utf-8", "x-line-signature": b64encode(digest).decode()}
        return self._deliver("POST", known.webhook_url, headers, body).status

    def _ulid(self) -> str:
        value, letters = (self._now_ms() << 80) | self.next_number(), ""
        for _ in range(26):
            value, rest = divmod(value, 32)
            letters = _CROCKFORD[rest] + letters
        return letters

    # The Messaging API

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply | None:
        with self._lock:
            try:
                account = self._account_of(headers.get("authorization", ""))
                if found := _CONTENT.fullmatch(path):
                    return self._file(found[1])
                match method, path:
                    case ("POST", "/v2/bot/message/reply" | "/v2/bot/message/push"):
                        return self._send(account, path.rpartition("/")[2], headers, body)
                    case ("GET", "/v2/bot/info"):
                        name = {"userId": f"U{account.id}", "basicId": f"@{account.id}", "displayName": account.id}
                        return _json(200, {**name, "chatMode": "bot", "markAsReadMode": "auto"})
                    case ("GET", "/v2/bot/channel/webhook/endpoint"):
                        return _json(200, {"endpoint": account.webhook_url, "active": True})
                    case ("PUT", "/v2/bot/channel/webhook/endpoint"):
                        return self._set_endpoint(account, _read(headers, body))
                raise LineError(404, "Not found")
            except LineError as error:
                return error.reply

    def _set_endpoint(self, account: FakeAccount, body: Body) -> Reply:
        url = body.get("endpoint")
        if not isinstance(url, str) or not url.startswith(("https://", "http://127.0.0.1")) or len(url) > 500:
            raise _wrong("endpoint", "Must be a valid HTTPS URL")
        self.register(dataclasses.replace(account, webhook_url=url))
        return _json(200, {})

    def _account_of(self, authorization: str) -> FakeAccount:
        account = next((one for one in self.accounts() if f"Bearer {one.token}" == authorization), None)
        if account is None:
            text = "Authentication failed. Confirm that the access token in the authorization header is valid."
            raise LineError(401, text)
        return account

    def _send(self, account: FakeAccount, way: str, headers: Mapping[str, str], raw: bytes) -> Reply | None:
        key = headers.get("x-line-retry-key")
        try:
            reply = self._misbehaving(account, way, key, _read(headers, raw))
        except LineError as error:
            reply = error.reply
        self._calls.append(Call(way, reply.status if reply else 0, key))
        return reply

    def _misbehaving(self, account: FakeAccount, way: str, key: str | None, body: Body) -> Reply | None:
        fault = self.next_fault()
        match fault:
            case Trouble.RATE_429:
                raise LineError(429, "The API rate limit has been exceeded. Try again later.")
            case Trouble.UNAUTHORIZED_401:
                raise LineError(401, "Authentication failed. Confirm that the access token is valid.")
            case Trouble.FORBIDDEN_403:
                raise LineError(403, "Access to this API is not available for your account")
            case Trouble.BAD_REQUEST_400:
                raise LineError(400, "The request body has 1 error(s)", ("messages[0].text", "May not be empty"))
        spoilt = Spoilt(fault) if fault else None
        if spoilt and not spoilt.taken:
            return spoil(spoilt, _json(200, {}), b"")
        good = self._take(account, way, key, body)
        return spoil(spoilt, good, b'{"sentMessages":[{"id":null}]}') if spoilt else good

    def _take(self, account: FakeAccount, way: str, key: str | None, body: Body) -> Reply:
        """Judge a reply or push and, if it is right, deliver it."""
        self._slow_down()
        texts = _texts(body.get("messages"))
        if way == "reply":
            if key is not None:
                raise LineError(400, "The retry key is not supported in this API")
            place = self._redeem(account, body)
            return self._deliver_to(account, place, body["messages"], texts)
        if key is not None and not _is_uuid(key):
            raise LineError(400, "The retry key is invalid")
        if key is not None and key in self._accepted:
            request_id, sent = self._accepted[key]
            again = _json(409, {"message": "The retry key is already accepted", "sentMessages": sent})
            return Reply(again.status, again.body, {**again.headers, "x-line-accepted-request-id": request_id})
        if body.keys() - {"to", "messages", "notificationDisabled"} or not isinstance(body.get("to"), str):
            raise LineError(400, "The property, 'to', in the request body is invalid (line: -, column: -)")
        place = body["to"]
        if (account.id, place) not in self._friends:
            raise LineError(400, "Failed to send messages")
        if self.monthly_limit is not None and self._pushed >= self.monthly_limit:
            raise LineError(429, "You have reached your monthly limit.")
        self._pushed += 1
        reply = self._deliver_to(account, place, body["messages"], texts)
        if key is not None:
            self._accepted[key] = (reply.headers["x-line-request-id"], json.loads(reply.body)["sentMessages"])
        return reply

    def _slow_down(self) -> None:
        second, asked = self._second
        now = self._now_ms() // 1000
        self._second = (now, asked + 1 if second == now else 1)
        if self._second[1] > PER_SECOND:
            raise LineError(429, "The API rate limit has been exceeded. Try again later.")

    def _redeem(self, account: FakeAccount, body: Body) -> str:
        token = body.get("replyToken")
        if body.keys() - {"replyToken", "messages", "notificationDisabled"} or not isinstance(token, str):
            raise LineError(400, "The request body has 1 error(s)", ("replyToken", "May not be empty"))
        owner, place, at = self._tokens.pop(token, ("", "", 0))
        if owner != account.id or self._now_ms() - at > TOKEN_LIFE_MS:
            raise LineError(400, "Invalid reply token")
        return place

    def _deliver_to(self, account: FakeAccount, place: str, messages: list[Body], texts: list[str]) -> Reply:
        sent = []
        for message, text in zip(messages, texts, strict=True):
            number = str(461_230_966_842_064_000 + self.next_number())
            sent.append({"id": number, "quoteToken": "IStG5h1Tz7b"})
            actions = [item["action"] for item in message.get("quickReply", {}).get("items", ())]
            if (account.id, place) in self._blocked:
                self.undelivered.append(text)
                continue
            self._choices[account.id, place] = actions
            choices = tuple(action["label"] for action in actions)
            self.keep(Sent(self.NAME, account.id, place, text, self._now_ms(), number, choices))
        reply = _json(200, {"sentMessages": sent})
        return Reply(reply.status, reply.body, {**reply.headers, "x-line-request-id": str(uuid.UUID(int=int(number)))})

    def _file(self, message_id: str) -> Reply:
        if message_id not in self._files:
            raise LineError(404, "Not found")
        return Reply(200, self._files[message_id], {"Content-Type": "image/jpeg"})


def _json(status: int, body: Body) -> Reply:
    return as_json(status, json.dumps(body).encode())


def _is_uuid(key: str) -> bool:
    return re.fullmatch(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", key) is not None


def _read(headers: Mapping[str, str], raw: bytes) -> Body:
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise LineError(415, "Unsupported media type")
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise LineError(400, "The request body could not be parsed as JSON") from error
    if not isinstance(body, dict):
        raise LineError(400, "The request body could not be parsed as JSON")
    return body


def _texts(messages: Any) -> list[str]:
    """The texts of one to five messages that are right."""
    if not isinstance(messages, list) or not 1 <= len(messages) <= 5:
        raise _wrong("messages", "Size must be between 1 and 5")
    for number, message in enumerate(messages):
        where = f"messages[{number}]"
        if not isinstance(message, dict) or message.get("type") != "text":
            raise _wrong(f"{where}.type", "Must be one of the following values: [text]")
        if message.keys() - {"type", "text", "quickReply", "quoteToken"}:
            raise _wrong(where, "Unknown property")
        text = message.get("text")
        if not isinstance(text, str) or not text:
            raise _wrong(f"{where}.text", "May not be empty")
        if _units(text) > TEXT_LIMIT:
            raise _wrong(f"{where}.text", "Length must be between 0 and 5000")
        if "quickReply" in message:
            _quick_reply(f"{where}.quickReply", message["quickReply"])
    return [message["text"] for message in messages]


def _quick_reply(where: str, part: Any) -> None:
    items = part.get("items") if isinstance(part, dict) else None
    if not isinstance(items, list) or not 1 <= len(items) <= 13:
        raise _wrong(f"{where}.items", "Size must be between 1 and 13")
    for item in items:
        action = item.get("action") if isinstance(item, dict) and item.get("type") == "action" else None
        if not isinstance(action, dict) or action.get("type") != "postback":
            raise _wrong(f"{where}.items.action", "Must be a postback action")
        for key, most in (("label", 20), ("data", 300), ("displayText", 300)):
            value = action.get(key)
            if not isinstance(value, str) or not 1 <= _units(value) <= most:
                raise _wrong(f"{where}.items.action.{key}", f"Length must be between 1 and {most}")


def _wrong(where: str, text: str) -> LineError:
    return LineError(400, "The request body has 1 error(s)", (where, text))


def _units(text: str) -> int:
    return sum(2 if ord(letter) > 0xFFFF else 1 for letter in text)


FAKE = FakeLine
