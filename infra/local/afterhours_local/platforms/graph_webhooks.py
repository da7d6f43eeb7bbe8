"""Webhook bodies as Meta writes them, their signature, and the shapes of message ids.

Bodies are compact, with escaped unicode; those of Messenger and Instagram also escape every slash.
"""

import base64
import hashlib
import hmac
import json
from typing import Any

from afterhours_local.platforms.graph_requests import BSUID

BUSINESS_ACCOUNT = "100000000000001"  # the id of the WhatsApp Business Account that owns every number
DISPLAY_NUMBER = "15550001111"
ERRORS_LINK = "https://developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes/"


def sign(body: bytes, app_secret: str) -> str:
    """The value of X-Hub-Signature-256."""
    return "sha256=" + hmac.new(app_secret.encode(), body, hashlib.sha256).hexdigest()


def message_id(channel: str, contact: str, seed: str) -> str:
    """An id in the channel's own form; the same seed gives the same id."""
    digest = hashlib.sha512(seed.encode()).digest()
    if channel == "whatsapp":
        number = contact.encode()[:64]
        inner = b"\x1c\x18" + bytes([len(number)]) + number + b"\x15\x02\x00\x11\x18\x14"
        return "wamid." + base64.b64encode(inner + digest.hex().upper()[:20].encode() + b"\x00").decode()
    if channel == "messenger":
        return "m_" + base64.urlsafe_b64encode(digest).decode().rstrip("=")
    return "aWdfZAG1faXRlbToxOklHTWVzc2FnZAUlEOj" + base64.b64encode(digest.hex().encode()[:99]).decode() + "ZD"


def messaging_body(channel: str, account: str, at_ms: int, item: dict[str, Any]) -> bytes:
    """One item of `entry[].messaging[]`, for Messenger and Instagram."""
    entry = {"time": at_ms, "id": account, "messaging": [item]}
    body = {"object": "page" if channel == "messenger" else "instagram", "entry": [entry]}
    return json.dumps(body, separators=(",", ":")).replace("/", "\\/").encode()


def whatsapp_body(phone_number_id: str, value: dict[str, Any]) -> bytes:
    """One change of the field `messages`."""
    metadata = {"display_phone_number": DISPLAY_NUMBER, "phone_number_id": phone_number_id}
    change = {"value": {"messaging_product": "whatsapp", "metadata": metadata, **value}, "field": "messages"}
    entry = {"id": BUSINESS_ACCOUNT, "changes": [change]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}, separators=(",", ":")).encode()


def customer_message(
    channel: str,
    account: str,
    contact: str,
    mid: str,
    at_ms: int,
    *,
    text: str,
    name: str | None,
    quick_reply: str | None,
    shown: str | None = None,
    attached: tuple[str, dict[str, Any]] | None = None,
) -> bytes:
    """A customer writes `text`, or taps the quick reply of that title whose id is `quick_reply`, which the message
    `shown` offered; `attached` is the type of a file and how it stands in the webhook."""
    if channel == "whatsapp":
        content = _whatsapp_content(text, quick_reply, shown, attached)
        return _whatsapp_message(account, contact, mid, at_ms, name=name, content=content)
    message: dict[str, Any] = {"mid": mid}
    if text:
        message["text"] = text
    if attached is not None:
        message["attachments"] = [attached[1]]
    if quick_reply is not None:
        message["quick_reply"] = {"payload": quick_reply}
    item = {"sender": {"id": contact}, "recipient": {"id": account}, "timestamp": at_ms, "message": message}
    return messaging_body(channel, account, at_ms, item)


def echo(
    channel: str, account: str, contact: str, mid: str, at_ms: int, *, text: str, app_id: str, metadata: str | None
) -> bytes:
    """Our own message comes back. Messenger names the app that sent it, Instagram does not."""
    message: dict[str, Any] = {"mid": mid, "text": text, "is_echo": True}
    if channel == "messenger":
        message["app_id"] = int(app_id)
        if metadata is not None:
            message["metadata"] = metadata
    item = {"sender": {"id": account}, "recipient": {"id": contact}, "timestamp": at_ms, "message": message}
    return messaging_body(channel, account, at_ms, item)


def delivery(account: str, contact: str, mid: str, at_ms: int) -> bytes:
    """Messenger's receipt: everything before the watermark has reached the customer."""
    receipt = {"mids": [mid], "watermark": at_ms}
    item = {"sender": {"id": contact}, "recipient": {"id": account}, "timestamp": at_ms, "delivery": receipt}
    return messaging_body("messenger", account, at_ms, item)


def status(
    account: str, contact: str, wamid: str, at_ms: int, *, state: str, correlator: str | None, error: int | None = None
) -> bytes:
    """WhatsApp's receipt; `failed` carries the error that the answer to the send did not."""
    recipient = _named(contact, "recipient_id", "recipient_user_id")
    entry: dict[str, Any] = {"id": wamid, "status": state, "timestamp": str(at_ms // 1000), **recipient}
    if correlator is not None:
        entry["biz_opaque_callback_data"] = correlator
    if error is not None:
        title = "Re-engagement message"
        details = "Message failed to send because more than 24 hours have passed since the customer last replied."
        data = {"code": error, "title": title, "message": title, "error_data": {"details": details}}
        entry["errors"] = [{**data, "href": ERRORS_LINK}]
    return whatsapp_body(account, {"contacts": [_named(contact, "wa_id", "user_id")], "statuses": [entry]})


def user_id(contact: str) -> str:
    """The business-scoped id that everybody has, also who shows a phone number."""
    if BSUID.fullmatch(contact):
        return contact
    return f"HR.{int.from_bytes(hashlib.sha256(contact.encode()).digest()[:7])}"


def _named(contact: str, phone: str, user: str) -> dict[str, str]:
    """A contact under these two keys; the first is missing where the phone number is hidden."""
    return {**({} if BSUID.fullmatch(contact) else {phone: contact}), user: user_id(contact)}


def _whatsapp_content(
    text: str, quick_reply: str | None, shown: str | None, attached: tuple[str, dict[str, Any]] | None
) -> dict[str, Any]:
    if attached is not None:
        kind = "document" if attached[0] == "file" else attached[0]
        return {"type": kind, kind: {**attached[1], **({"caption": text} if text else {})}}
    if quick_reply is None:
        return {"text": {"body": text}, "type": "text"}
    reply = {"id": quick_reply, "title": text}
    context = {"context": {"from": DISPLAY_NUMBER, "id": shown}} if shown else {}
    return {**context, "type": "interactive", "interactive": {"type": "button_reply", "button_reply": reply}}


def _whatsapp_message(
    account: str, contact: str, wamid: str, at_ms: int, *, name: str | None, content: dict[str, Any]
) -> bytes:
    profile = {"profile": {"name": name or "Customer"}, **_named(contact, "wa_id", "user_id")}
    message: dict[str, Any] = {
        **_named(contact, "from", "from_user_id"),
        "id": wamid,
        "timestamp": str(at_ms // 1000),
        **content,
    }
    return whatsapp_body(account, {"contacts": [profile], "messages": [message]})
