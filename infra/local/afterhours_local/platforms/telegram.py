"""A strict fake of Telegram: bots and their customers in private, business and group chats.

Written from the contract. A customer has to start the bot first; updates that are not answered 2xx are delivered again;
what a bot says in a business chat comes back, as what the owner types there does.
"""

import itertools
import json
import re
from collections import deque
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

from afterhours_local.platforms.fake import Deliver, FakeAccount, FakePlatform, Said, Sent
from afterhours_local.platforms.faults import Reply, as_json
from afterhours_local.platforms.spoilt import Spoilt, spoil

HEADER = "X-Telegram-Bot-Api-Secret-Token"
OWNER = 777000001  # the person whose business account a bot is connected to
TEXT_LIMIT = 4096
RETRY_AFTER_S = 17
BURST = 5  # texts that one chat takes at once; then one a second
DAY_MS = 24 * 3_600_000
KNOWN_KEYS = {
    *("chat_id", "text", "reply_parameters", "reply_markup", "business_connection_id", "link_preview_options"),
}
_PATH = re.compile(r"/bot([0-9]+:[A-Za-z0-9_-]+)/([A-Za-z]+)")
_FILE_PATH = re.compile(r"/file/bot([0-9]+:[A-Za-z0-9_-]+)/(photos/[a-z0-9_]+\.jpg)")
_SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")

Body = dict[str, Any]


class Trouble(StrEnum):
    """What the next sendMessage meets, beside what any platform does (spoilt.py)."""

    RATE_429 = "429"
    UNAUTHORIZED_401 = "401"
    BLOCKED_403 = "403"
    BAD_REQUEST_400 = "400"


class TelegramError(Exception):
    """A refusal in Telegram's words."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.reply = _json(
            code,
            {
                "ok": False,
                "error_code": code,
                "description": description,
                **({"parameters": parameters} if parameters else {}),
            },
        )


class Chat(NamedTuple):
    """A chat of a bot's, and how it came to be one."""

    account: str
    id: int
    business: bool = False


class FakeTelegram(FakePlatform):
    NAME = "telegram"

    def __init__(self, now_ms: Callable[[], int], deliver: Deliver) -> None:
        super().__init__(now_ms, deliver)
        self._clear()

    def _clear(self) -> None:
        self._updates = itertools.count(4_300_000_001)  # beyond 32 bits
        self._written: dict[Chat, int] = {}  # when the customer last wrote
        self._names: dict[int, str] = {}
        self._blocked: set[Chat] = set()
        self._moved: dict[int, int] = {}
        self._keyboards: dict[Chat, Body] = {}  # the last message with buttons
        self._spinning: dict[str, str] = {}
        self._said_at: dict[Chat, list[int]] = {}
        self._files: dict[str, bytes] = {}
        self._pending: deque[tuple[FakeAccount, Body]] = deque()

    def forget(self) -> None:
        with self._lock:
            super().forget()
            self._clear()

    @property
    def spinning(self) -> list[str]:
        """The pressed buttons that nobody has answered, by what stands on them."""
        with self._lock:
            return list(self._spinning.values())

    @staticmethod
    def connection(account: str) -> str:
        """The id of the bot's connection to the owner's business account."""
        return f"bizconn_{account}"

    # Customers

    def say(
        self, channel: str, account: str, contact: str, text: str, *, name: str | None = None, business: bool = False
    ) -> Said:
        """A customer writes to the bot, or with `business` to the owner of the connected account."""
        return self._message(account, contact, {"text": text}, name, business=business)

    def send_photo(self, account: str, contact: str, data: bytes, caption: str = "") -> Said:
        with self._lock:
            file_id = f"AgACAgQAAxkBAAI{self.next_number():06d}"
            self._files[file_id] = data
        sizes = [{"file_id": f"{file_id}s", "file_unique_id": "a", "width": 90, "height": 51, "file_size": 9}]
        sizes.append({"file_id": file_id, "file_unique_id": "b", "width": 1280, "height": 720, "file_size": len(data)})
        return self._message(account, contact, {"photo": sizes, **({"caption": caption} if caption else {})})

    def _message(
        self, account: str, contact: str, content: Body, name: str | None = None, *, business: bool = False
    ) -> Said:
        chat = Chat(account, int(contact), business)
        with self._lock:
            self._written[chat] = self._now_ms()
            self._names[chat.id] = name or self._names.get(chat.id, "Customer")
            message = self._new(chat, self._user(chat.id), content)
        status = self.deliver(account, {"business_message" if business else "message": message})
        return Said(str(message["message_id"]), status)

    def tap(self, account: str, contact: str, title: str) -> int:
        """The customer presses a button under the bot's last message that has some. The webhook's status."""
        chat = Chat(account, int(contact))
        with self._lock:
            message = self._keyboards[chat]
            buttons = [button for row in message["reply_markup"]["inline_keyboard"] for button in row]
            data = next(button["callback_data"] for button in buttons if button["text"] == title)
            query_id = str(4_382_742_342_309_929_000 + self.next_number())
            self._spinning[query_id] = title
        query = {"id": query_id, "from": self._user(chat.id), "message": message, "chat_instance": "-8"}
        return self.deliver(account, {"callback_query": {**query, "data": data}})

    def block(self, account: str, contact: str, *, again: bool = False) -> int:
        """The customer blocks the bot, or with `again` lets it write again."""
        chat = Chat(account, int(contact))
        with self._lock:
            (self._blocked.discard if again else self._blocked.add)(chat)
        states = ["kicked", "member"] if again else ["member", "kicked"]
        old, new = ({"status": state, "user": self._bot(account), "until_date": 0} for state in states)
        for member in (old, new):
            if member["status"] == "member":
                del member["until_date"]
        change = {"chat": self._chat(chat), "from": self._user(chat.id), "date": self._now_ms() // 1000}
        return self.deliver(account, {"my_chat_member": {**change, "old_chat_member": old, "new_chat_member": new}})

    def owner_writes(self, account: str, contact: str, text: str) -> int:
        """The owner of the connected account answers by hand."""
        chat = Chat(account, int(contact), business=True)
        owner = {"id": OWNER, "is_bot": False, "first_name": "Owner"}
        return self.deliver(account, {"business_message": self._new(chat, owner, {"text": text})})

    def say_in_group(self, account: str, group: int, contact: str, text: str, *, is_bot: bool = False) -> int:
        """Somebody writes in a group that the bot is in."""
        with self._lock:
            self._written[Chat(account, group)] = self._now_ms()
            sender = {**self._user(int(contact)), "is_bot": is_bot}
        chat = Chat(account, group)
        return self.deliver(account, {"message": self._new(chat, sender, {"text": text})})

    def move(self, group: int, supergroup: int) -> None:
        """A group becomes a supergroup, with another id."""
        with self._lock:
            self._moved[group] = supergroup
            for chat in [chat for chat in self._written if chat.id == group]:
                self._written[Chat(chat.account, supergroup)] = self._written.pop(chat)

    # Webhooks

    def deliver(self, account: str, update: Body) -> int:
        """One update, with its number and the secret. What is not answered 2xx comes again with the pending ones."""
        known = self.account(self.NAME, account)
        numbered = {"update_id": next(self._updates), **update}
        return self._post(known, numbered)

    def deliver_pending(self) -> int:
        with self._lock:
            waiting, self._pending = list(self._pending), deque()
        return sum(200 <= self._post(account, update) < 300 for account, update in waiting)

    def _post(self, account: FakeAccount, update: Body) -> int:
        headers = {"Content-Type": "application/json", HEADER: account.secret}
        status = self._deliver("POST", account.webhook_url, headers, json.dumps(update).encode()).status
        if not 200 <= status < 300:
            with self._lock:
                self._pending.append((account, update))
        return status

    # The Bot API

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply | None:
        try:
            if found := _FILE_PATH.fullmatch(unquote(path)):
                return self._file(*found.groups())
            known = _PATH.fullmatch(unquote(path))
            if known is None:
                raise TelegramError(404, "Not Found")
            account = self._account_of(known[1])
            calls = {
                "sendMessage": self._send,
                "answerCallbackQuery": self._answer_callback,
                "getFile": self._get_file,
                "getMe": self._get_me,
                "setWebhook": self._set_webhook,
                "getWebhookInfo": self._webhook_info,
            }
            if known[2] not in calls:
                raise TelegramError(404, "Not Found")
            with self._lock:
                return calls[known[2]](account, _read(headers, body))
        except TelegramError as error:
            return error.reply

    def _account_of(self, token: str) -> FakeAccount:
        account = next((one for one in self.accounts() if one.token == token), None)
        if account is None:
            raise TelegramError(401, "Unauthorized")
        return account

    def _send(self, account: FakeAccount, body: Body) -> Reply | None:
        fault = self.next_fault()
        match fault:
            case Trouble.RATE_429:
                text = f"Too Many Requests: retry after {RETRY_AFTER_S}"
                raise TelegramError(429, text, retry_after=RETRY_AFTER_S)
            case Trouble.UNAUTHORIZED_401:
                raise TelegramError(401, "Unauthorized")
            case Trouble.BLOCKED_403:
                raise TelegramError(403, "Forbidden: bot was blocked by the user")
            case Trouble.BAD_REQUEST_400:
                raise TelegramError(400, "Bad Request: can't parse entities")
        spoilt = Spoilt(fault) if fault else None
        if spoilt and not spoilt.taken:
            return spoil(spoilt, _json(200, {}), b"")
        good = _json(200, {"ok": True, "result": self._take(account, body)})
        return spoil(spoilt, good, b'{"ok":true,"result":{"message_id":null}}') if spoilt else good

    def _take(self, account: FakeAccount, body: Body) -> Body:
        """Judge a text and, if it is right, keep it. The message that it has become."""
        for key in body:
            if key not in KNOWN_KEYS:
                raise TelegramError(400, f"Bad Request: unexpected parameter {key}")
        text, markup = _text(body.get("text")), _markup(body.get("reply_markup"))
        chat = self._addressed(account, body)
        self._slow_down(chat)
        message = self._new(chat, self._bot(account.id), {"text": text, **({"reply_markup": markup} if markup else {})})
        choices = [button["text"] for row in markup.get("inline_keyboard", ()) for button in row]
        if markup:
            self._keyboards[chat] = message
        if chat.business:  # Telegram tells the bot of everything that is said there
            echo = {**message, "from": {"id": OWNER, "is_bot": False, "first_name": "Owner"}}
            echo["sender_business_bot"] = self._bot(account.id)
            self._pending.append((account, {"update_id": next(self._updates), "business_message": echo}))
        number, now = str(message["message_id"]), self._now_ms()
        self.keep(Sent(self.NAME, account.id, str(chat.id), text, now, number, tuple(choices)))
        return message

    def _addressed(self, account: FakeAccount, body: Body) -> Chat:
        chat_id, connection = body.get("chat_id"), body.get("business_connection_id")
        if isinstance(chat_id, bool) or not isinstance(chat_id, int):
            raise TelegramError(400, "Bad Request: chat_id is empty")
        if connection is not None and connection != self.connection(account.id):
            raise TelegramError(400, "Bad Request: BUSINESS_CONNECTION_INVALID")
        if chat_id in self._moved:
            text = "Bad Request: group chat was upgraded to a supergroup chat"
            raise TelegramError(400, text, migrate_to_chat_id=self._moved[chat_id])
        chat = Chat(account.id, chat_id, connection is not None)
        if chat not in self._written:
            raise TelegramError(400, "Bad Request: chat not found")
        if chat in self._blocked:
            raise TelegramError(403, "Forbidden: bot was blocked by the user")
        if chat.business and self._now_ms() - self._written[chat] > DAY_MS:
            raise TelegramError(400, "Bad Request: BUSINESS_PEER_USAGE_MISSING")
        return chat

    def _slow_down(self, chat: Chat) -> None:
        now = self._now_ms()
        recent = [at for at in self._said_at.get(chat, ()) if now - at < BURST * 1000]
        if len(recent) >= BURST:
            raise TelegramError(429, "Too Many Requests: retry after 1", retry_after=1)
        self._said_at[chat] = [*recent, now]

    def _answer_callback(self, account: FakeAccount, body: Body) -> Reply:
        if self._spinning.pop(str(body.get("callback_query_id")), None) is None:
            text = "Bad Request: query is too old and response timeout expired or query ID is invalid"
            raise TelegramError(400, text)
        return _json(200, {"ok": True, "result": True})

    def _get_file(self, account: FakeAccount, body: Body) -> Reply:
        data = self._files.get(str(body.get("file_id")))
        if data is None:
            raise TelegramError(400, "Bad Request: invalid file_id")
        file_id = str(body["file_id"])
        found = {"file_id": file_id, "file_unique_id": "b", "file_size": len(data), "file_path": _path_of(file_id)}
        return _json(200, {"ok": True, "result": found})

    def _file(self, token: str, path: str) -> Reply:
        self._account_of(token)
        with self._lock:
            data = next((data for file_id, data in self._files.items() if _path_of(file_id) == path), None)
        if data is None:
            raise TelegramError(404, "Not Found")
        return Reply(200, data, {"Content-Type": "application/octet-stream"})

    def _get_me(self, account: FakeAccount, body: Body) -> Reply:
        rights = {"can_join_groups": True, "can_read_all_group_messages": False, "supports_inline_queries": False}
        return _json(200, {"ok": True, "result": {**self._bot(account.id), **rights}})

    def _set_webhook(self, account: FakeAccount, body: Body) -> Reply:
        url, secret = str(body.get("url", "")), str(body.get("secret_token", account.secret))
        if not url.startswith(("https://", "http://127.0.0.1")):
            raise TelegramError(400, "Bad Request: bad webhook: An HTTPS URL must be provided for webhook")
        if not _SECRET.fullmatch(secret):
            raise TelegramError(400, "Bad Request: secret token contains unallowed characters")
        self.register(FakeAccount(account.channel, account.id, account.token, secret, url))
        return _json(200, {"ok": True, "result": True, "description": "Webhook was set"})

    def _webhook_info(self, account: FakeAccount, body: Body) -> Reply:
        found = {
            "url": account.webhook_url,
            "has_custom_certificate": False,
            "pending_update_count": len(self._pending),
        }
        return _json(200, {"ok": True, "result": found})

    # What Telegram writes

    def _new(self, chat: Chat, sender: Body, content: Body) -> Body:
        head = {"message_id": self.next_number(), "from": sender, "chat": self._chat(chat)}
        business = {"business_connection_id": self.connection(chat.account)} if chat.business else {}
        return {**business, **head, "date": self._now_ms() // 1000, **content}

    def _chat(self, chat: Chat) -> Body:
        if chat.id < 0:
            return {"id": chat.id, "title": "Guests", "type": "supergroup" if chat.id < -(10**12) else "group"}
        return {"id": chat.id, "first_name": self._names.get(chat.id, "Customer"), "type": "private"}

    def _user(self, user_id: int) -> Body:
        name = self._names.get(user_id, "Customer")
        return {"id": user_id, "is_bot": False, "first_name": name, "language_code": "en"}

    def _bot(self, account: str) -> Body:
        number = int(self.account(self.NAME, account).token.partition(":")[0])
        return {"id": number, "is_bot": True, "first_name": account, "username": f"{account.replace('-', '_')}_bot"}


def _path_of(file_id: str) -> str:
    return f"photos/file_{file_id[-6:]}.jpg"


def _json(status: int, body: Body) -> Reply:
    return as_json(status, json.dumps(body).encode())


def _read(headers: Mapping[str, str], raw: bytes) -> Body:
    """JSON, or a form with JSON in its fields."""
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if not raw:
        return {}
    if kind == "application/x-www-form-urlencoded":
        fields = parse_qsl(raw.decode("utf-8", "replace"), keep_blank_values=True)
        return {name: value if name == "text" else _value(value) for name, value in fields}
    if kind != "application/json":
        raise TelegramError(400, "Bad Request: content type is not supported here")
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise TelegramError(400, "Bad Request: can't parse JSON object") from error
    if not isinstance(body, dict):
        raise TelegramError(400, "Bad Request: can't parse JSON object")
    return body


def _value(field: str) -> Any:
    try:
        return json.loads(field)
    except ValueError:
        return field


def _text(text: Any) -> str:
    if not isinstance(text, str) or not text.strip():
        raise TelegramError(400, "Bad Request: message text is empty")
    if len(text) > TEXT_LIMIT:
        raise TelegramError(400, "Bad Request: message is too long")
    return text


def _markup(markup: Any) -> Body:
    if markup is None:
        return {}
    rows = markup.get("inline_keyboard") if isinstance(markup, dict) and len(markup) == 1 else None
    if not isinstance(rows, list) or not rows or not all(isinstance(row, list) and row for row in rows):
        raise TelegramError(400, "Bad Request: can't parse reply keyboard markup JSON object")
    for button in itertools.chain.from_iterable(rows):
        if (
            not isinstance(button, dict)
            or button.keys() != {"text", "callback_data"}
            or not str(button["text"]).strip()
        ):
            raise TelegramError(400, "Bad Request: can't parse inline keyboard button")
        if not isinstance(button["callback_data"], str) or not 1 <= len(button["callback_data"].encode()) <= 64:
            raise TelegramError(400, "Bad Request: BUTTON_DATA_INVALID")
    return dict(markup)


FAKE = FakeTelegram
