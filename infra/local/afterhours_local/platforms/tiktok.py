"""A strict fake of TikTok's Business API: direct messages and comments of business accounts, and their tokens.

Written from the contract. Everything is answered 200 and its `code` says what; a conversation takes ten messages within
48 hours of the customer's last one. What stands in a webhook's `content` is a text with JSON in it.
"""

import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from enum import StrEnum
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from afterhours_local.platforms.fake import Deliver, FakeAccount, FakePlatform, Said, Sent
from afterhours_local.platforms.faults import Reply, as_json
from afterhours_local.platforms.signed_files import SignedFiles
from afterhours_local.platforms.spoilt import Spoilt, spoil

BASE = "/open_api/v1.3/"
WINDOW_MS = 48 * 3_600_000
PER_WINDOW = 10
PER_SECOND = 10
TEXT_LIMIT, REPLY_LIMIT = 6_000, 1_200
EVENT_TYPES = {"DIRECT_MESSAGE": "tiktok", "COMMENT": "tiktok_comments"}
OWN = "hotel.jadran"  # the account's own unique_identifier
TOKEN_LIFE_S = 86_400
FILES, FILE_MS = "/tos-alisg-im/", 86_400_000  # the address of a file is good for a day
_NOT_FOUND = Reply(404, b"404 page not found", {"Content-Type": "text/plain"})
_BIG = 7_300_000_000_000_000_000  # ids of comments and videos, beyond what a float holds

Body = dict[str, Any]


class Trouble(StrEnum):
    """What the next call meets, beside what any platform does (spoilt.py)."""

    TOO_MANY_40016 = "40016"
    TOO_MANY_40064 = "40064"
    TOO_MANY_40100 = "40100"
    TOKEN_40105 = "40105"  # noqa: S105 - a platform's code, not a secret
    PERMISSION_40001 = "40001"
    BAD_PARAMETER_40002 = "40002"
    SERVER_50000 = "50000"
    SERVER_51010 = "51010"


_WORDS = {
    Trouble.TOO_MANY_40016: "Requests made too frequently",
    Trouble.TOO_MANY_40064: "Too many requests",
    Trouble.TOO_MANY_40100: "Requests made too frequently",
    Trouble.TOKEN_40105: "Access token is incorrect or has been revoked.",
    Trouble.PERMISSION_40001: "No permission to operate this business account",
    Trouble.BAD_PARAMETER_40002: "conversation_id is invalid",
    Trouble.SERVER_50000: "System error",
    Trouble.SERVER_51010: "Internal service timed out",
}


class TikTokError(Exception):
    """A refusal in TikTok's words."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message


class FakeTikTok(FakePlatform):
    NAME = "tiktok"

    def __init__(self, now_ms: Callable[[], int], deliver: Deliver) -> None:
        super().__init__(now_ms, deliver)
        self._tokens: dict[str, tuple[str, str]] = {}  # renewed ones, as lasting as the accounts: token, refresh
        self._clear()

    def _clear(self) -> None:
        self.grants = 0  # how often a token was renewed
        self._windows: dict[tuple[str, str], tuple[int, int]] = {}  # conversation: the customer's last, ours since
        self._people: dict[str, str] = {}  # conversation: contact
        self._comments: dict[tuple[str, str], str] = {}  # account and comment: its video
        self._pending: list[tuple[str, str, str, Body]] = []
        self._second = (0, 0)
        self._files, self._named = SignedFiles(self._now_ms), dict[str, Body]()  # what has to be named for a file

    def forget(self) -> None:
        with self._lock:
            super().forget()
            self._clear()

    def register(self, account: FakeAccount) -> None:
        with self._lock:
            super().register(account)
            self._tokens.pop(account.id, None)

    # Customers

    def say(self, channel: str, account: str, contact: str, text: str, *, name: str | None = None) -> Said:
        """A customer writes a direct message, or a comment below a video."""
        if channel == "tiktok_comments":
            return self.comment(account, contact, text)
        return self._write(account, contact, f"tt-{self.next_number()}", name or contact, text={"body": text})

    def send_file(self, account: str, contact: str, data: bytes, *, kind: str = "image", name: str = "Luca") -> Said:
        """A customer sends a picture or a video: the event has an id of it."""
        with self._lock:
            number, media_id = f"tt-{self.next_number()}", f"v0{self.next_number():030d}"
            ids = {"conversation_id": self.conversation(account, contact), "message_id": number, "media_id": media_id}
            self._named[media_id] = {"business_id": account, **ids, "media_type": kind.upper()}
            self._files.keep(media_id, data)
        return self._write(account, contact, number, name, **{kind: {"media_id": media_id}})

    def _write(self, account: str, contact: str, number: str, name: str, **what: Body) -> Said:
        """`what` is one thing, under the name of its type."""
        with self._lock:
            conversation = self.conversation(account, contact)
            self._windows[account, conversation] = (self._now_ms(), 0)
            self._people[conversation] = contact
            content = {**self._message(account, contact, conversation, number, **what), "from": name}
        return Said(number, self.deliver("tiktok", account, "im_receive_msg", content))

    def tap(self, account: str, contact: str, title: str) -> Said:
        """A tap on a button comes as its title and nothing more."""
        return self.say("tiktok", account, contact, title)

    def conversation(self, account: str, contact: str) -> str:
        """Its id, with the characters that have to be taken care of in a query."""
        return hashlib.sha256(f"{account} {contact}".encode()).hexdigest()[:24] + "+/8="

    def _message(self, account: str, contact: str, conversation: str, number: str, **what: Body) -> Body:
        return {
            "conversation_id": conversation,
            "message_id": number,
            "timestamp": self._now_ms(),
            "type": next(iter(what)),
            "from": contact,
            "to": OWN,
            "from_user": {"id": contact, "role": "personal_account"},
            "to_user": {"id": account, "role": "business_account"},
            "unique_identifier": contact,
            **what,
        }

    def read(self, account: str, contact: str) -> int:
        """The customer has read everything until now."""
        conversation = self.conversation(account, contact)
        content = {
            "conversation_id": conversation, "timestamp": self._now_ms(), "from": contact, "to": OWN,
            "unique_identifier": contact, "read": {"last_read_timestamp": self._now_ms()},
        }  # fmt: skip
        return self.deliver("tiktok", account, "im_mark_read_msg", content)

    def comment(self, account: str, contact: str, text: str, *, action: str = "insert", about: str = "") -> Said:
        """A comment is written, or with another action what became of the one it is `about`."""
        with self._lock:
            number = about or str(_BIG + self.next_number())
            self._comments[account, number] = video = str(_BIG - 1)
            content = self._comment(contact, number, video, text, action)
        return Said(number, self.deliver("tiktok_comments", account, "comment.update", content))

    def _comment(self, author: str, number: str, video: str, text: str, action: str, parent: str = "") -> Body:
        below = {"parent_comment_id": int(parent)} if parent else {}
        return {
            "comment_id": int(number), "video_id": int(video), **below,
            "comment_type": "reply" if parent else "comment", "comment_action": action, "timestamp": self._now_ms(),
            "unique_identifier": author, "text": text,
        }  # fmt: skip

    def revoke(self, account: str) -> int:
        """The account's owner takes our access back."""
        return self.deliver("tiktok", account, "authorization.removed", {"reason": 1})

    # Webhooks

    def deliver(self, channel: str, account: str, event: str, content: Body) -> int:
        """Sign and post one event."""
        known, seconds = self.account(channel, account), self._now_ms() // 1000
        envelope = {"client_key": "aw123", "event": event, "create_time": seconds, "user_openid": account}
        body = json.dumps({**envelope, "content": json.dumps(content, ensure_ascii=False)}, ensure_ascii=False).encode()
        digest = hmac.new(known.secret.encode(), f"{seconds}.".encode() + body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "TikTok-Signature": f"t={seconds},s={digest}"}
        return self._deliver("POST", known.webhook_url, headers, body).status

    def deliver_pending(self) -> int:
        with self._lock:
            waiting, self._pending = self._pending, []
        taken = 0
        for one in waiting:
            if self.deliver(*one) == 200:
                taken += 1
            else:
                self._pending.append(one)
        return taken

    # The API

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply | None:
        with self._lock:
            try:
                return self._misbehaving(method, path, headers, body)
            except TikTokError as error:
                return _json(error.code, error.message, {})

    def _misbehaving(self, method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Reply | None:
        fault = self.next_fault()
        if fault in set(Trouble):
            raise TikTokError(int(fault), _WORDS[Trouble(fault)])
        spoilt = Spoilt(fault) if fault else None
        if spoilt and not spoilt.taken:
            return spoil(spoilt, _json(0, "OK", {}), b"")
        good = self._take(method, path, headers, raw)
        return spoil(spoilt, good, b'{"code":0,"message":"OK","data":{}}') if spoilt else good

    def _take(self, method: str, path: str, headers: Mapping[str, str], raw: bytes) -> Reply:
        if method == "GET" and path.startswith(FILES):
            return self._file(path, headers)
        if method == "GET" and path.startswith(BASE):
            return self._tell(urlsplit(path.removeprefix(BASE)).path, headers, dict(parse_qsl(urlsplit(path).query)))
        called = method == "POST" and path.startswith(BASE) and headers.get("content-type") == "application/json"
        body = _read(raw) if called else {}
        match path.removeprefix(BASE) if called else None:
            case "business/message/send/":
                return self._send(self._account_of("tiktok", headers, body), body)
            case "business/message/media/download/":
                return self._download(self._account_of("tiktok", headers, body), body)
            case "business/comment/reply/create/":
                return self._reply(self._account_of("tiktok_comments", headers, body), body)
            case "tt_user/oauth2/refresh_token/":
                return self._renew(body)
            case "business/webhook/update/":
                return self._deliver_to(body)
        return _NOT_FOUND

    def _tell(self, path: str, headers: Mapping[str, str], query: Body) -> Reply:
        if path == "business/webhook/list/":
            [registered, *_] = [one.webhook_url for one in self._of_app(query)] or [""]
            return _json(0, "OK", {"callback_url": registered} if registered else {})
        if path != "business/get/":
            return _NOT_FOUND
        self._opened(headers, query)
        if query.get("fields") != '["username"]':
            raise TikTokError(40002, "fields is invalid")
        return _json(0, "OK", {"username": OWN})

    def _of_app(self, asked: Body) -> list[FakeAccount]:
        """The accounts of the app that says who it is, on the channel of its kind of event."""
        kind, app = EVENT_TYPES.get(asked.get("event_type", "")), (asked.get("app_id"), asked.get("secret"))
        of_app = [one for one in self.accounts() if one.client_id and (one.client_id, one.client_secret) == app]
        if not of_app or kind is None:
            raise TikTokError(40001, "app_id or secret is wrong")
        return [one for one in of_app if one.channel == kind]

    def _deliver_to(self, body: Body) -> Reply:
        if body.keys() != {"app_id", "secret", "event_type", "callback_url"}:
            raise TikTokError(40002, "app_id, secret, event_type and callback_url are required")
        for account in self._of_app(body):
            super().register(replace(account, webhook_url=body["callback_url"]))
        return _json(0, "OK", {"callback_url": body["callback_url"]})

    def _account_of(self, channel: str, headers: Mapping[str, str], body: Body) -> FakeAccount:
        known = self._opened(headers, body)
        if channel not in known:
            raise TikTokError(40001, "No permission to operate this business account")
        second, asked = self._second
        now = self._now_ms() // 1000
        self._second = (now, asked + 1 if second == now else 1)
        if self._second[1] > PER_SECOND:
            raise TikTokError(40016, "Requests made too frequently")
        return known[channel]

    def _opened(self, headers: Mapping[str, str], body: Body) -> dict[str, FakeAccount]:
        """What the token opens, by channel."""
        token = headers.get("access-token", "")
        if not token:
            raise TikTokError(40104, "Access token is missing.")
        known = {one.channel: one for one in self.accounts() if one.id == body.get("business_id")}
        renewed = self._tokens.get(str(body.get("business_id")))
        good = {renewed[0]} if renewed else {one.token for one in known.values() if one.token != one.secret}
        if token not in good:
            raise TikTokError(40105, "Access token is incorrect or has been revoked.")
        return known

    def _send(self, account: FakeAccount, body: Body) -> Reply:
        if body.keys() - {"business_id", "recipient_type", "recipient", "message_type", "text", "template"}:
            raise TikTokError(40002, "unknown field")
        if body.get("recipient_type") != "CONVERSATION":
            raise TikTokError(40002, "recipient_type is invalid")
        conversation = str(body.get("recipient"))
        if conversation not in self._people:
            raise TikTokError(40002, "conversation_id is invalid")
        text, titles = _content(body)
        last, since = self._windows.get((account.id, conversation), (0, 0))
        if self._now_ms() - last > WINDOW_MS:
            raise TikTokError(40002, "The messaging window of 48 hours is closed")
        if since >= PER_WINDOW:
            raise TikTokError(40002, "The number of messages in this window is used up until the user replies")
        self._windows[account.id, conversation] = (last, since + 1)
        number, contact = f"tt-{self.next_number()}", self._people[conversation]
        self.keep(Sent("tiktok", account.id, contact, text, self._now_ms(), number, titles))
        echo = self._message(account.id, contact, conversation, number, text={"body": text})
        echo |= {"from": OWN, "to": contact, "from_user": echo["to_user"], "to_user": echo["from_user"]}
        self._pending.append(("tiktok", account.id, "im_send_msg", echo))
        return _json(0, "OK", {"message": {"message_id": number}})

    def _download(self, account: FakeAccount, body: Body) -> Reply:
        media_id = str(body.get("media_id"))
        if self._named.get(media_id) != body:
            raise TikTokError(40002, "media_id is invalid")
        url = f"https://p16-im-sign-sg.tiktokcdn.com{FILES}{media_id}?{self._files.query(media_id, FILE_MS)}"
        return _json(0, "OK", {"download_url": url})

    def _file(self, target: str, headers: Mapping[str, str]) -> Reply:
        """The bytes behind an address of `_download`, for whoever has the account's token."""
        parts = urlsplit(target)
        media_id = parts.path.removeprefix(FILES)
        try:
            self._account_of("tiktok", {"access-token": headers.get("x-user", "")}, self._named.get(media_id, {}))
        except TikTokError:
            return Reply(403, b"", {})
        return self._files.open(media_id, parts.query)

    def _reply(self, account: FakeAccount, body: Body) -> Reply:
        if body.keys() != {"business_id", "video_id", "comment_id", "text"}:
            raise TikTokError(40002, "business_id, video_id, comment_id and text are required")
        if not all(isinstance(value, str) for value in body.values()):
            raise TikTokError(40002, "ids are strings")
        if self._comments.get((account.id, body["comment_id"])) != body["video_id"]:
            raise TikTokError(40002, "The comment does not exist")
        if not 0 < len(body["text"]) <= REPLY_LIMIT:
            raise TikTokError(40002, "text: length must be between 1 and 1200")
        number = str(_BIG + self.next_number())
        self.keep(
            Sent("tiktok_comments", account.id, body["comment_id"], body["text"], self._now_ms(), number, public=True)
        )
        own = self._comment(OWN, number, body["video_id"], body["text"], "insert", parent=body["comment_id"])
        self._pending.append(("tiktok_comments", account.id, "comment.update", own))
        return _json(0, "OK", {"comment_id": number})

    def _renew(self, body: Body) -> Reply:
        if body.keys() != {"client_id", "client_secret", "grant_type", "refresh_token"}:
            raise TikTokError(40002, "client_id, client_secret, grant_type and refresh_token are required")
        app = (body["client_id"], body["client_secret"])
        holders = [one for one in self.accounts() if one.refresh and (one.client_id, one.client_secret) == app]
        if not holders or body["grant_type"] != "refresh_token":
            raise TikTokError(40101, "client_id or client_secret is wrong")
        account = next((one for one in holders if self._refresh_of(one) == body["refresh_token"]), None)
        if account is None:
            raise TikTokError(40107, "Refresh token is invalid")
        self.grants += 1
        number = 1 + int(body["refresh_token"].rpartition("-")[2]) if account.id in self._tokens else 1
        pair = (f"renewed-access-{number}", f"renewed-refresh-{number}")
        self._tokens[account.id] = pair
        data = {"access_token": pair[0], "refresh_token": pair[1], "expires_in": TOKEN_LIFE_S, "open_id": account.id}
        return _json(0, "OK", {**data, "token_type": "Bearer", "refresh_token_expires_in": 31_536_000})

    def _refresh_of(self, account: FakeAccount) -> str:
        renewed = self._tokens.get(account.id)
        return renewed[1] if renewed else account.refresh


def _json(code: int, message: str, data: Body) -> Reply:
    return as_json(200, json.dumps({"code": code, "message": message, "request_id": "2026", "data": data}).encode())


def _read(raw: bytes) -> Body:
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise TikTokError(40002, "The request body is not JSON") from error
    if not isinstance(body, dict):
        raise TikTokError(40002, "The request body is no object")
    return body


def _content(body: Body) -> tuple[str, tuple[str, ...]]:
    """The text of a message that is right, and what its buttons say."""
    kind, part = body.get("message_type"), body.get("text") or body.get("template")
    if kind == "TEXT" and isinstance(part, dict) and part.keys() == {"body"} and isinstance(part["body"], str):
        if not 0 < len(part["body"]) <= TEXT_LIMIT:
            raise TikTokError(40002, "text.body: length must be between 1 and 6000")
        return part["body"], ()
    if kind != "TEMPLATE" or not isinstance(part, dict) or part.keys() != {"type", "title", "buttons"}:
        raise TikTokError(40002, "message_type is invalid")
    longest = {"QA_BUTTON_CARD": 20, "QA_LINK_CARD": 40}.get(part["type"], 0)
    right = 0 < len(part["title"]) <= 40 and 1 <= len(part["buttons"]) <= 3
    right &= all(one.keys() == {"type", "title", "id"} and one["type"] == "REPLY" for one in part["buttons"])
    right &= all(0 < len(one["title"]) <= longest and 0 < len(one["id"]) <= 40 for one in part["buttons"])
    if not right:
        raise TikTokError(40002, "template is invalid")
    return part["title"], tuple(one["title"] for one in part["buttons"])


FAKE = FakeTikTok
