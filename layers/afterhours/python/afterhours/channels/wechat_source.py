"""The source of WeChat's webhooks: one Official Account an app, one message or event a delivery.

Runs in the answer function: stdlib only, but for what is sealed (wechat_crypto.py). Contract: platforms/wechat.md. In
plain mode the signature binds time and nonce, not the body: only safe mode keeps others from writing one.
"""

import hashlib
import hmac
import re
from collections.abc import Mapping, Sequence
from typing import Any
from xml.parsers import expat

from afterhours.channels import untrusted
from afterhours.channels.contract import Answer, MalformedPayload, Piece, Request, Said

NEUTRAL = Answer(200, "success")
TEXT_LIMIT = 2048  # bytes of UTF-8

_TIMESTAMP = re.compile(r"[0-9]{10}")
_NONCE = re.compile(r"[!-~]{1,128}")
_DIGEST = re.compile(r"[0-9a-f]{40}")
_ECHO = re.compile(r"[0-9A-Za-z_+/=-]{1,256}")
_MAX_DEPTH = 16
_MESSAGES = {"text", "image", "voice", "video", "shortvideo", "file", "location", "link"}
_BEFORE_XML = b"\xef\xbb\xbf \t\r\n"  # a byte order mark and blanks, after which no reader takes a declaration

Fields = dict[str, str]


def handshake(request: Request, credentials: Mapping[str, Any]) -> Answer:
    """Answer WeChat's GET: what it asks to be echoed, to whoever knows the token."""
    secrets = credentials.get("secrets")
    if not isinstance(secrets, list) or not secrets:
        return Answer(503, "not configured")
    if not _is_signed(request.query, "signature", secrets):
        return Answer(403, "forbidden")
    echo = request.query.get("echostr", "")
    return Answer(200, echo) if _ECHO.fullmatch(echo) else Answer(400, "bad echostr")


def verify(request: Request, secrets: Sequence[str]) -> bool:
    """By the signature over what is sealed where there is one, else by the plain one."""
    if "msg_signature" not in request.query:
        return _is_signed(request.query, "signature", secrets)
    try:
        sealed = fields_of(request.body).get("Encrypt", "")
    except MalformedPayload:
        return False
    return bool(sealed) and _is_signed(request.query, "msg_signature", secrets, sealed)


def _is_signed(query: Mapping[str, str], name: str, secrets: Sequence[str], *more: str) -> bool:
    timestamp, nonce, given = (query.get(key, "") for key in ("timestamp", "nonce", name))
    if not (_TIMESTAMP.fullmatch(timestamp) and _NONCE.fullmatch(nonce) and _DIGEST.fullmatch(given)):
        return False
    if isinstance(secrets, str) or not isinstance(secrets, Sequence):
        return False
    matched = False
    for secret in secrets:  # all of them, so that the time taken does not tell which one matched
        if isinstance(secret, str) and secret:
            matched |= hmac.compare_digest(digest(secret, timestamp, nonce, *more), given)
    return matched


def digest(*parts: str) -> str:
    """What WeChat takes for a signature: the parts in order of their letters, joined."""
    joined = "".join(sorted(parts)).encode("utf-8", "surrogatepass")
    return hashlib.sha1(joined, usedforsecurity=False).hexdigest()  # SHA-1 is the platform's choice


def sign(body: bytes, secret: str) -> dict[str, str]:
    """Nothing: the signature stands in the query, see `signed_query`."""
    return {}


def signed_query(secret: str, timestamp: str, nonce: str, sealed: str = "") -> dict[str, str]:
    """The query with which WeChat would post (for the local stack and tests)."""
    query = {"signature": digest(secret, timestamp, nonce), "timestamp": timestamp, "nonce": nonce}
    if sealed:
        query |= {"encrypt_type": "aes", "msg_signature": digest(secret, timestamp, nonce, sealed)}
    return query


def asked_s(request: Request) -> int | None:
    timestamp = request.query.get("timestamp", "")
    if not _TIMESTAMP.fullmatch(timestamp):
        raise MalformedPayload("no timestamp")
    return int(timestamp)


def opened(request: Request, credentials: Mapping[str, Any]) -> bytes:
    """An app with a key takes nothing that is not sealed: else whoever saw one query could write what they like."""
    key = credentials.get("aes_key")
    is_sealed = "msg_signature" in request.query
    if not key and not is_sealed:
        return request.body
    if not key or not is_sealed:
        raise MalformedPayload("sealed, and no key" if is_sealed else "not sealed")
    from afterhours.channels import wechat_crypto

    sealed = fields_of(request.body).get("Encrypt", "")
    return wechat_crypto.unsealed(sealed, str(key), str(credentials.get("app_id") or ""))


def split(body: bytes) -> list[Piece]:
    """The one message or event; also a piece itself, as JSON."""
    if body[:1] == b"{":
        piece = untrusted.loads(body)
        if set(piece) != {"xml"} or not isinstance(piece["xml"], dict):
            raise MalformedPayload("no piece")
        return [piece]
    found = fields_of(body)
    if not found.get("MsgType"):
        raise MalformedPayload("no type")
    return [{"xml": found}]


def channel_of(piece: Piece) -> str:
    return "wechat"


def fields_of(body: bytes) -> Fields:
    """The texts of the elements directly below the root; what nests deeper is left out. Raises MalformedPayload, also
    for a document type, without which there are no entities to expand and nothing to fetch."""
    reader = _Reader()
    try:
        reader.parser.Parse(body.lstrip(_BEFORE_XML), True)
    except (expat.ExpatError, ValueError) as error:
        raise MalformedPayload("no XML") from error
    return reader.found


class _Reader:
    def __init__(self) -> None:
        self.found: Fields = {}
        self._path: list[str] = []
        self._texts: list[str] = []
        self._is_leaf = True
        self.parser = expat.ParserCreate("utf-8")
        self.parser.StartDoctypeDeclHandler = self._refuse
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _refuse(self, *_: object) -> None:
        raise MalformedPayload("a document type")

    def _start(self, name: str, _: object) -> None:
        self._path.append(name)
        if len(self._path) > _MAX_DEPTH:
            raise MalformedPayload("nested too deep")
        if len(self._path) == 2:
            self._texts, self._is_leaf = [], True
        elif len(self._path) > 2:
            self._is_leaf = False

    def _text(self, text: str) -> None:
        if len(self._path) == 2:
            self._texts.append(text)

    def _end(self, name: str) -> None:
        if len(self._path) == 2 and self._is_leaf:
            self.found[name] = "".join(self._texts)
        self._path.pop()


def may_answer(piece: Piece) -> bool:
    """To what a customer says; after other events nothing is shown, or nobody asked."""
    found = untrusted.mapping(piece.get("xml"))
    kind = str(found.get("MsgType", "")).lower()
    return kind in _MESSAGES or (kind == "event" and str(found.get("Event", "")).upper() == "CLICK")


def answer(piece: Piece, said: Said, credentials: Mapping[str, Any]) -> Answer:
    """A passive reply: the two parties change places. There are no buttons; what they would say is listed."""
    found = untrusted.mapping(piece.get("xml"))
    now = str(said.now_ms // 1000)
    listed = "\n".join([said.text, *(f"· {each.title}" for each in said.quick_replies)])
    text = listed if len(listed.encode()) <= TEXT_LIMIT else said.text
    plain = _xml(
        ToUserName=_cdata(found.get("FromUserName")),
        FromUserName=_cdata(found.get("ToUserName")),
        CreateTime=now,
        MsgType=_cdata("text"),
        Content=_cdata(text),
    )
    key = credentials.get("aes_key")
    body = _sealed(plain, str(key), credentials, said, now) if key else plain
    return Answer(200, body, "text/xml; charset=utf-8")


def _sealed(plain: str, key: str, credentials: Mapping[str, Any], said: Said, now: str) -> str:
    from afterhours.channels import wechat_crypto

    sealed = wechat_crypto.sealed(plain.encode(), key, str(credentials.get("app_id") or ""), said.random[:16])
    nonce = str(int.from_bytes(said.random[16:24]))
    signature = digest(credentials["secrets"][0], now, nonce, sealed)
    return _xml(Encrypt=_cdata(sealed), MsgSignature=_cdata(signature), TimeStamp=now, Nonce=_cdata(nonce))


def _xml(**elements: str) -> str:
    return "<xml>" + "".join(f"<{name}>{value}</{name}>" for name, value in elements.items()) + "</xml>"


def _cdata(value: object) -> str:
    """Any text as it is; where it would end the section, it goes on in another."""
    text = re.sub("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]", "\ufffd", str(value or ""))
    return "<![CDATA[" + text.replace("]]>", "]]]]><![CDATA[>") + "]]>"
