"""A strict fake of WeChat: Official Accounts, passive replies within the delivery, three attempts, messages of the
customer service.

Written from the contract. An account with an AES key delivers sealed and takes nothing else. Failures of the API are an
errcode inside HTTP 200.
"""

import base64
import hashlib
import json
import re
import struct
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import parse_qs, urlencode, urlsplit
from xml.etree import ElementTree

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from afterhours_local.platforms.fake import Deliver, Delivered, FakeAccount, FakePlatform, Said, Sent
from afterhours_local.platforms.faults import Reply, as_json
from afterhours_local.platforms.spoilt import Spoilt, spoil

ATTEMPTS = 3
TEXT_LIMIT = 2_048  # bytes
WINDOW_MS = 48 * 3_600_000
TOKEN_LIFE_S = 7_200
MEDIA_MS = 3 * 86_400_000
OUR_ID = "gh_4d00ed8d6399"

Body = dict[str, Any]


class Trouble(StrEnum):
    """What the next message of the customer service meets, beside what any platform does (spoilt.py)."""

    BUSY = "-1"
    BAD_TOKEN_40001 = "40001"  # noqa: S105 - a platform's code, not a secret
    BAD_OPENID_40003 = "40003"
    EXPIRED_42001 = "42001"
    IP_40164 = "40164"
    NOT_FOLLOWING_43004 = "43004"
    DAILY_45009 = "45009"
    PER_MINUTE_45011 = "45011"
    WINDOW_45015 = "45015"
    TOO_MANY_45047 = "45047"
    NOT_GRANTED_48001 = "48001"
    TOMORROW_99999 = "99999"


class WechatError(Exception):
    """A refusal in WeChat's words."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.reply = _json({"errcode": code, "errmsg": message})


class Unusable(Exception):
    """What the webhook answered is no reply: the customer reads that the account is out of service."""


class Attempt(NamedTuple):
    status: int
    body: bytes


class FakeWechat(FakePlatform):
    NAME = "wechat"

    def __init__(self, now_ms: Callable[[], int], deliver: Deliver) -> None:
        super().__init__(now_ms, deliver)
        self._clear()

    def _clear(self) -> None:
        self.attempts: list[Attempt] = []
        self.out_of_service = 0  # how often a customer read that
        self._last: dict[tuple[str, str], int] = {}
        self._tokens: dict[str, tuple[str, int]] = {}  # account and until when
        self._media: dict[str, tuple[str, bytes, int]] = {}  # by id: account, bytes, until when
        self._asked = 0

    def forget(self) -> None:
        with self._lock:
            super().forget()
            self._clear()

    # Customers

    def say(self, channel: str, account: str, contact: str, text: str, *, name: str | None = None) -> Said:
        """A follower writes. WeChat tells no names."""
        return self.send(account, contact, {"MsgType": "text", "Content": text})

    def send(self, account: str, contact: str, message: Body, *, lost: int = 0, number: str | None = None) -> Said:
        """The first `lost` answers do not reach WeChat in time; it asks three times in all."""
        with self._lock:
            message_id = number or str(23_000_000_000_000_000 + self.next_number())
            self._last[account, contact] = self._now_ms()
        status = self.deliver(account, self.document(contact, {**message, "MsgId": message_id}), lost=lost)
        return Said(message_id, status)

    def send_picture(self, account: str, contact: str, data: bytes) -> Said:
        """A follower sends a picture, which WeChat keeps for three days."""
        with self._lock:
            media_id = f"media-{self.next_number():060d}"
            self._media[media_id] = (account, data, self._now_ms() + MEDIA_MS)
        return self.send(
            account, contact, {"MsgType": "image", "PicUrl": "http://mmbiz.example/a", "MediaId": media_id}
        )

    def happen(self, account: str, contact: str, event: str, **more: str) -> int:
        """subscribe, unsubscribe, CLICK with its EventKey, … The webhook's last status."""
        return self.deliver(account, self.document(contact, {"MsgType": "event", "Event": event, **more}))

    def document(self, contact: str, content: Body) -> bytes:
        seconds = str(self._now_ms() // 1000)
        return _xml({"ToUserName": OUR_ID, "FromUserName": contact, "CreateTime": seconds, **content})

    # Webhooks

    def deliver(self, account: str, document: bytes, *, lost: int = 0) -> int:
        """Post until an answer is usable, at most three times."""
        known = self.account(self.NAME, account)
        for number in range(ATTEMPTS):
            answered = self._attempt(known, document)
            if number < lost:
                continue
            try:
                self._show(known, answered)
            except Unusable:
                continue
            return answered.status
        self.out_of_service += 1
        return answered.status

    def _attempt(self, account: FakeAccount, document: bytes) -> Delivered:
        with self._lock:
            self._asked += 1
            timestamp, nonce = str(self._now_ms() // 1000), str(100_000_000 + self._asked)
        query = {"signature": _digest(account.secret, timestamp, nonce), "timestamp": timestamp, "nonce": nonce}
        body = document
        if account.aes_key:
            sealed = _seal(account, document)
            signature = _digest(account.secret, timestamp, nonce, sealed)
            query |= {"encrypt_type": "aes", "msg_signature": signature}
            body = _xml({"ToUserName": OUR_ID, "Encrypt": sealed})
        answered = self._deliver(
            "POST", f"{account.webhook_url}?{urlencode(query)}", {"Content-Type": "text/xml"}, body
        )
        with self._lock:
            self.attempts.append(Attempt(answered.status, answered.body))
        return answered

    def verify_url(self, account: str) -> Delivered:
        """What the developer's page does when the URL is saved: the echo, and nothing else, has to come back."""
        known = self.account(self.NAME, account)
        timestamp, nonce = str(self._now_ms() // 1000), "1500000"
        query = {"signature": _digest(known.secret, timestamp, nonce), "timestamp": timestamp, "nonce": nonce}
        return self._deliver("GET", f"{known.webhook_url}?{urlencode({**query, 'echostr': '5927782489442'})}", {}, b"")

    def _show(self, account: FakeAccount, answered: Delivered) -> None:
        """Show the customer what was answered. Raises Unusable."""
        if answered.status != 200:
            raise Unusable
        if answered.body in (b"", b"success"):
            return
        reply = _elements(answered.body)
        if account.aes_key:
            sealed = reply.get("Encrypt", "")
            signed = _digest(account.secret, reply.get("TimeStamp", ""), reply.get("Nonce", ""), sealed)
            if not sealed or signed != reply.get("MsgSignature"):
                raise Unusable
            reply = _elements(_unseal(account, sealed))
        contact, text = reply.get("ToUserName", ""), reply.get("Content", "")
        right = reply.get("FromUserName") == OUR_ID and (account.id, contact) in self._last
        short = 0 < len(text.encode()) <= TEXT_LIMIT
        if not right or reply.get("MsgType") != "text" or not reply.get("CreateTime", "").isdigit() or not short:
            raise Unusable
        self.keep(Sent(self.NAME, account.id, contact, text, self._now_ms(), ""))

    # The API

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply | None:
        parts = urlsplit(path)
        with self._lock:
            try:
                match method, parts.path:
                    case "POST", "/cgi-bin/stable_token":
                        return self._token(_read(body))
                    case "POST", "/cgi-bin/message/custom/send":
                        return self._send(self._account_of(parts.query), body)
                    case "GET", "/cgi-bin/get_api_domain_ip":
                        self._account_of(parts.query)
                        return _json({"ip_list": ["203.0.113.7", "203.0.113.8"]})
                    case "GET", "/cgi-bin/media/get":
                        return self._give(self._account_of(parts.query), parse_qs(parts.query))
                return Reply(404, b"", {})
            except WechatError as error:
                return error.reply

    def _token(self, asked: Body) -> Reply:
        if asked.get("grant_type") != "client_credential":
            raise WechatError(40002, "invalid grant_type")
        pair = (asked.get("appid"), asked.get("secret"))
        account = next(
            (one for one in self.accounts() if one.client_secret and (one.client_id, one.client_secret) == pair), None
        )
        if account is None:
            raise WechatError(40125, "invalid appsecret")
        token = f"{self.next_number()}_{hashlib.sha256(account.id.encode()).hexdigest()}"
        self._tokens[token] = (account.id, self._now_ms() + TOKEN_LIFE_S * 1000)
        return _json({"access_token": token, "expires_in": TOKEN_LIFE_S})

    def _account_of(self, query: str) -> str:
        """Of the token, unless the call meets a trouble."""
        account, until = self._tokens.get(parse_qs(query).get("access_token", [""])[0], ("", 0))
        if not account or self._now_ms() > until:
            raise WechatError(42001 if account else 40001, "access_token expired or invalid credential")
        if self._faults and self._faults[0] in set(Trouble):
            fault = Trouble(str(self.next_fault()))
            raise WechatError(int(fault), fault.name)
        return account

    def _give(self, account: str, asked: Mapping[str, list[str]]) -> Reply:
        """A medium, to the account that it was sent to."""
        owner, data, until = self._media.get(asked.get("media_id", [""])[0], ("", b"", 0))
        if owner != account or self._now_ms() > until:
            raise WechatError(40007, "invalid media_id")
        return Reply(200, data, {"Content-Type": "image/jpeg", "Content-disposition": 'attachment; filename="a.jpg"'})

    def _send(self, account: str, raw: bytes) -> Reply | None:
        fault = self.next_fault()
        spoilt = Spoilt(fault) if fault else None
        if spoilt and not spoilt.taken:
            return spoil(spoilt, _json({}), b"")
        good = self._take(account, raw)
        return spoil(spoilt, good, b'{"errcode":null,"errmsg":"ok"}') if spoilt else good

    def _take(self, account: str, raw: bytes) -> Reply:
        asked = _read(raw)
        if re.search(rb"\\u[0-9a-f]{4}", raw):
            raise WechatError(47001, "data format error: customers would read the escapes")
        kind, contact = asked.get("msgtype"), asked.get("touser")
        if kind == "text":
            text, choices = asked["text"]["content"], ()
        elif kind == "msgmenu":
            menu = asked["msgmenu"]
            text, choices = menu["head_content"], tuple(each["content"] for each in menu["list"])
        else:
            raise WechatError(40008, "invalid message type")
        if len(text.encode()) > TEXT_LIMIT:
            raise WechatError(45002, "content size out of limit")
        said_at = self._last.get((account, str(contact)))
        if said_at is None:
            raise WechatError(40003, "invalid openid")
        if self._now_ms() - said_at > WINDOW_MS:
            raise WechatError(45015, "response out of time limit or subscription is canceled")
        self.keep(Sent(self.NAME, account, str(contact), text, self._now_ms(), "", choices))
        return _json({"errcode": 0, "errmsg": "ok"})


def _json(body: Body) -> Reply:
    return as_json(200, json.dumps(body).encode())


def _read(raw: bytes) -> Body:
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise WechatError(47001, "data format error") from error
    if not isinstance(body, dict):
        raise WechatError(47001, "data format error")
    return body


def _xml(elements: Mapping[str, str]) -> bytes:
    parts = (
        f"<{name}>{value}</{name}>" if name in ("CreateTime", "MsgId") else f"<{name}><![CDATA[{value}]]></{name}>"
        for name, value in elements.items()
    )
    return f"<xml>{''.join(parts)}</xml>".encode()


def _elements(document: bytes) -> dict[str, str]:
    try:
        root = ElementTree.fromstring(document)  # noqa: S314 - our own webhook's answer
    except ElementTree.ParseError as error:
        raise Unusable from error
    if root.tag != "xml":
        raise Unusable
    return {child.tag: child.text or "" for child in root}


def _digest(*parts: str) -> str:
    return hashlib.sha1("".join(sorted(parts)).encode(), usedforsecurity=False).hexdigest()


def _cipher(account: FakeAccount) -> Any:
    key = base64.b64decode(account.aes_key + "=")
    return Cipher(algorithms.AES(key), modes.CBC(key[:16]))


def _seal(account: FakeAccount, document: bytes) -> str:
    plain = b"sixteen letters!" + struct.pack(">I", len(document)) + document + account.client_id.encode()
    padding = 32 - len(plain) % 32
    encryptor = _cipher(account).encryptor()
    return base64.b64encode(encryptor.update(plain + bytes([padding] * padding)) + encryptor.finalize()).decode()


def _unseal(account: FakeAccount, sealed: str) -> bytes:
    decryptor = _cipher(account).decryptor()
    plain: bytes = decryptor.update(base64.b64decode(sealed)) + decryptor.finalize()
    plain = plain[16 : -plain[-1]]
    length = struct.unpack(">I", plain[:4])[0]
    if plain[4 + length :] != account.client_id.encode():
        raise Unusable
    return plain[4 : 4 + length]


FAKE = FakeWechat
