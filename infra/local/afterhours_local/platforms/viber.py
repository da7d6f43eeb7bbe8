"""A strict fake of Viber: bots, who has subscribed, welcomes in the answer to conversation_started, receipts.

Written from the contract. Failures come as a status inside HTTP 200. Whoever writes has subscribed by that.
"""

import hashlib
import hmac
import html
import json
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any
from urllib.parse import urlsplit

from afterhours_local.platforms.fake import Deliver, Delivered, FakeAccount, FakePlatform, Said, Sent
from afterhours_local.platforms.faults import Reply, as_json
from afterhours_local.platforms.signed_files import SignedFiles
from afterhours_local.platforms.spoilt import Spoilt, spoil

TEXT_LIMIT = 7_000
BODY_LIMIT = 30_000
NAME_LIMIT = 28
FILES = "/5/media/2/short/any/sig/image/0x0/"
FILE_MS = 3_600_000  # the address of a file is good for
EVENTS = ("delivered", "seen", "failed", "subscribed", "unsubscribed", "conversation_started")

Body = dict[str, Any]


class Trouble(StrEnum):
    """What the next send meets, beside what any platform does (spoilt.py): the statuses of Viber's own list."""

    BAD_TOKEN_2 = "2"  # noqa: S105 - a platform's code, not a secret
    BAD_DATA_3 = "3"
    NOT_REGISTERED_5 = "5"
    NOT_SUBSCRIBED_6 = "6"
    BLOCKED_7 = "7"
    NO_WEBHOOK_10 = "10"
    DEVICE_11 = "11"
    TOO_FAST_12 = "12"
    OLD_CLIENT_13 = "13"
    NOT_AUTHORISED_15 = "15"
    THRESHOLD_23 = "23"
    NO_BALANCE_24 = "24"
    TOMORROW_99 = "99"


class ViberError(Exception):
    """A refusal in Viber's words."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.reply = _json({"status": status, "status_message": message})


class FakeViber(FakePlatform):
    NAME = "viber"

    def __init__(self, now_ms: Callable[[], int], deliver: Deliver) -> None:
        super().__init__(now_ms, deliver)
        self._clear()

    def _clear(self) -> None:
        self._subscribed: set[tuple[str, str]] = set()
        self._buttons: dict[tuple[str, str], list[Body]] = {}
        self._waiting: list[tuple[str, Body]] = []  # receipts not yet delivered
        self.welcomes: list[Sent] = []
        self.unusable: list[bytes] = []  # answers to conversation_started that were no message
        self._files = SignedFiles(self._now_ms)

    def forget(self) -> None:
        with self._lock:
            super().forget()
            self._clear()

    # Customers

    def say(self, channel: str, account: str, contact: str, text: str, *, name: str | None = None) -> Said:
        return self.send(account, contact, {"type": "text", "text": text}, name=name)

    def send(self, account: str, contact: str, message: Body, *, name: str | None = None) -> Said:
        """A customer writes, and has subscribed by that."""
        with self._lock:
            self._subscribed.add((account, contact))
        sender = {"id": contact, "name": name or "Viber user", "language": "en", "country": "HR", "api_version": 10}
        event = self.event("message", {"sender": sender, "message": message, "silent": False})
        status = self.deliver(account, event)
        return Said(str(event["message_token"]), status)

    def send_file(self, account: str, contact: str, data: bytes, *, kind: str = "picture", name: str = "") -> Said:
        """A customer sends a picture, a video or a file, whose address lives for an hour."""
        with self._lock:
            path = f"{FILES}95e0/{self.next_number():064x}.jpg"
            self._files.keep(path, data)
            url = f"https://dl-media.viber.com{path}?{self._files.query(path, FILE_MS)}"
        return self.send(account, contact, {"type": kind, "media": url, "file_name": name, "size": len(data)})

    def open_chat(
        self, account: str, contact: str, *, name: str = "Petra", context: str = "", token: int | None = None
    ) -> bytes:
        """A customer opens the chat with the bot; what was answered. A welcome is shown to them."""
        subscribed = (account, contact) in self._subscribed
        user = {"id": contact, "name": name, "language": "en", "country": "HR", "api_version": 10}
        event = self.event(
            "conversation_started", {"type": "open", "context": context, "user": user, "subscribed": subscribed}
        )
        if token is not None:
            event["message_token"] = token
        answered = self._post(account, event)
        if answered.status == 200 and answered.body:
            self._welcome(account, contact, answered.body)
        return answered.body

    def _welcome(self, account: str, contact: str, body: bytes) -> None:
        try:
            message = json.loads(body)
            if not isinstance(message, dict) or "receiver" in message:
                raise ViberError(3, "badData")
            text = _text(message)
        except (ValueError, ViberError):
            self.unusable.append(body)
            return
        with self._lock:
            self._keep_buttons(account, contact, message)
            token = str(self._token())
            self.welcomes.append(Sent(self.NAME, account, contact, text, self._now_ms(), token, _choices(message)))

    def subscribe(self, account: str, contact: str) -> int:
        with self._lock:
            self._subscribed.add((account, contact))
        return self.deliver(account, self.event("subscribed", {"user": {"id": contact, "name": "Petra"}}))

    def unsubscribe(self, account: str, contact: str) -> int:
        with self._lock:
            self._subscribed.discard((account, contact))
        return self.deliver(account, self.event("unsubscribed", {"user_id": contact}))

    def tap(self, account: str, contact: str, title: str) -> int:
        """The customer presses a button of the last keyboard: its action comes as a message of theirs."""
        shown = html.escape(title)
        action = next(one["ActionBody"] for one in self._buttons[account, contact] if one["Text"] == shown)
        return self.send(account, contact, {"type": "text", "text": action}).status

    def fail(self, account: str, contact: str, sent: Sent) -> int:
        """The message could not be delivered after all."""
        event = self.event("failed", {"user_id": contact, "desc": "failure description"})
        return self.deliver(account, {**event, "message_token": int(sent.platform_id)})

    # Webhooks

    def event(self, name: str, content: Body) -> Body:
        with self._lock:
            return {"event": name, "timestamp": self._now_ms(), "message_token": self._token(), **content}

    def _token(self) -> int:
        return 4_912_661_846_655_238_145 + self.next_number()  # beyond what a float holds

    def deliver(self, account: str, event: Body) -> int:
        return self._post(account, event).status

    def _post(self, account: str, event: Body) -> Delivered:
        known = self.account(self.NAME, account)
        body = json.dumps(event, ensure_ascii=False).encode()
        digest = hmac.new(known.secret.encode(), body, hashlib.sha256).hexdigest()
        headers = {"Content-Type": "application/json", "X-Viber-Content-Signature": digest}
        return self._deliver("POST", known.webhook_url, headers, body)

    def deliver_pending(self) -> int:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        return sum(self.deliver(account, event) == 200 for account, event in waiting)

    # The REST API

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply | None:
        if method == "GET":
            return self._file(path, headers)
        try:
            with self._lock:
                asked = _read(body)
                # Viber's own library puts it into the body.
                account = self._account_of(headers.get("x-viber-auth-token") or str(asked.pop("auth_token", "")))
                if (method, path) == ("POST", "/pa/send_message"):
                    return self._send(account, asked, len(body))
                if (method, path) == ("POST", "/pa/get_account_info"):
                    about = {"id": f"pa:{account.id}", "name": account.id, "webhook": account.webhook_url}
                    return _json({"status": 0, "status_message": "ok", **about, "event_types": EVENTS})
            if (method, path) == ("POST", "/pa/set_webhook"):  # posts itself, so not under the lock
                return self._set_webhook(account, asked)
            return Reply(404, b"", {})
        except ViberError as error:
            return error.reply

    def _file(self, target: str, headers: Mapping[str, str]) -> Reply:
        """Stricter than the platform: a token has no business here."""
        if "x-viber-auth-token" in headers:
            return Reply(400, b"", {})
        parts = urlsplit(target)
        with self._lock:
            return self._files.open(parts.path, parts.query)

    def _account_of(self, token: str) -> FakeAccount:
        account = next((one for one in self.accounts() if one.token == token), None)
        if account is None:
            raise ViberError(2, "invalidAuthToken")
        return account

    def _set_webhook(self, account: FakeAccount, asked: Body) -> Reply:
        """The URL must answer a check while the call lasts."""
        if asked.get("url") != account.webhook_url or set(asked.get("event_types", ())) - set(EVENTS):
            raise ViberError(1, "invalidUrl")
        # Sic: the two values come swapped.
        check = {"event": "webhook", "timestamp": self._token(), "message_token": self._now_ms()}
        if self.deliver(account.id, check) != 200:
            raise ViberError(1, "invalidUrl")
        return _json({"status": 0, "status_message": "ok", "event_types": EVENTS})

    def _send(self, account: FakeAccount, asked: Body, size: int) -> Reply | None:
        fault = self.next_fault()
        if fault in set(Trouble):
            raise ViberError(int(str(fault)), Trouble(str(fault)).name)
        spoilt = Spoilt(fault) if fault else None
        if spoilt and not spoilt.taken:
            return spoil(spoilt, _json({}), b"")
        good = self._take(account, asked, size)
        return spoil(spoilt, good, b'{"status":0,"status_message":"ok","message_token":null}') if spoilt else good

    def _take(self, account: FakeAccount, asked: Body, size: int) -> Reply:
        contact = asked.get("receiver")
        if not isinstance(contact, str) or not contact:
            raise ViberError(4, "missingData")
        text = _text(asked)
        if size > BODY_LIMIT:
            raise ViberError(3, "badData")
        if (account.id, contact) not in self._subscribed:
            raise ViberError(6, "receiverNotSubscribed")
        token = self._token()
        self._keep_buttons(account.id, contact, asked)
        choices = _choices(asked)
        self.keep(Sent(self.NAME, account.id, contact, text, self._now_ms(), str(token), choices))
        for name in ("delivered", "seen"):
            event = {"event": name, "timestamp": self._now_ms(), "message_token": token, "user_id": contact}
            self._waiting.append((account.id, event))
        return _json({"status": 0, "status_message": "ok", "message_token": token})

    def _keep_buttons(self, account: str, contact: str, message: Body) -> None:
        self._buttons[account, contact] = message.get("keyboard", {}).get("Buttons", [])


def _json(body: Body) -> Reply:
    return as_json(200, json.dumps(body).encode())


def _read(raw: bytes) -> Body:
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise ViberError(3, "badData") from error
    if not isinstance(body, dict):
        raise ViberError(3, "badData")
    return body


def _text(message: Body) -> str:
    """The text of a message that is right."""
    sender, text = message.get("sender"), message.get("text")
    if not isinstance(sender, dict) or not isinstance(sender.get("name"), str) or not sender["name"]:
        raise ViberError(4, "missingData")
    if message.get("type") != "text" or not isinstance(text, str) or not text:
        raise ViberError(4, "missingData")
    known = {"receiver", "min_api_version", "sender", "tracking_data", "type", "text", "keyboard", "chat_id"}
    if message.keys() - known or len(sender["name"]) > NAME_LIMIT or len(text) > TEXT_LIMIT:
        raise ViberError(3, "badData")
    if "keyboard" in message:
        _keyboard(message["keyboard"])
    return text


def _keyboard(keyboard: Any) -> None:
    buttons = keyboard.get("Buttons") if isinstance(keyboard, dict) and keyboard.get("Type") == "keyboard" else None
    if not isinstance(buttons, list) or not buttons:
        raise ViberError(3, "badData")
    for button in buttons:
        right = isinstance(button, dict) and button.get("ActionType") == "reply" and button.get("ActionBody")
        if not right or not 1 <= button.get("Columns", 0) <= 6 or not 1 <= button.get("Rows", 0) <= 2:
            raise ViberError(3, "badData")
        if html.escape(html.unescape(button.get("Text", ""))) != button.get("Text"):
            raise ViberError(3, "badData")  # markup: to customers it would look like what nobody wrote


def _choices(message: Body) -> tuple[str, ...]:
    return tuple(html.unescape(each["Text"]) for each in message.get("keyboard", {}).get("Buttons", ()))


FAKE = FakeViber
