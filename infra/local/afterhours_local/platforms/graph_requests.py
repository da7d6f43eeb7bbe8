"""What Meta's send endpoints take, to the letter, and the errors with which they refuse the rest.

Only what a support answer needs is known: text, quick replies, buttons, read marks and typing. Everything
else is refused as an unknown parameter, also where the real API knows more.
"""

import json
import re
from collections.abc import Callable, Container, Mapping
from typing import Any, NamedTuple

WHATSAPP_BODY = 4096
MESSENGER_TEXT = 2000
INSTAGRAM_BYTES = 1000
COMMENT_TEXT = 2200  # no limit is documented; this is the lesser one of what the apps take
TAGS_REMOVED = ("CONFIRMED_EVENT_UPDATE", "ACCOUNT_UPDATE", "POST_PURCHASE_UPDATE")
SENDER_ACTIONS = ("typing_on", "typing_off", "mark_seen")
BSUID = re.compile(r"[A-Z]{2}\.(ENT\.)?[A-Za-z0-9]{1,128}")


class GraphError(Exception):
    """A refusal: `code` is what counts, the HTTP status is 400 unless said."""

    def __init__(
        self,
        code: int,
        message: str,
        *,
        subcode: int | None = None,
        status: int = 400,
        details: str | None = None,
        transient: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.code, self.message, self.subcode, self.status = code, message, subcode, status
        self.details, self.transient, self.headers = details, transient, dict(headers or {})

    def body(self) -> bytes:
        """The error object; WhatsApp adds `error_data` with the details."""
        error: dict[str, Any] = {
            "message": f"(#{self.code}) {self.message}",
            "type": "OAuthException",
            "code": self.code,
        }
        if self.subcode is not None:
            error["error_subcode"] = self.subcode
        if self.transient:
            error["is_transient"] = True
        if self.details is not None:
            error["error_data"] = {"messaging_product": "whatsapp", "details": self.details}
        error["fbtrace_id"] = "A0FakeTraceOfTheFake000"
        return json.dumps({"error": error}).encode()


class Request(NamedTuple):
    """A request that the platform understands. `text` is None for a read mark or a typing sign."""

    to: str
    text: str | None = None
    correlator: str | None = None
    tag: str | None = None
    choices: tuple[str, ...] = ()
    message_id: str | None = None
    comment: str | None = None  # whose author is answered in private


def refuse_token_in(path: str) -> None:
    """Stricter than the platform: query strings end in logs, so our contract is the header."""
    if "access_token=" in path.partition("?")[2]:
        raise GraphError(190, "The access token must be in the Authorization header.", status=401)


def read_json(content_type: str, raw: bytes) -> dict[str, Any]:
    """The body as an object. A body of another type is not read at all, so everything is missing from it."""
    if content_type.partition(";")[0].strip().lower() != "application/json":
        raise GraphError(100, "The body must be application/json: no parameter was read.")
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise GraphError(100, "Invalid JSON.") from error
    if not isinstance(body, dict):
        raise GraphError(100, "The body must be an object.")
    return body


def read_whatsapp(body: dict[str, Any]) -> Request:
    """`POST /{phone_number_id}/messages`: a text, reply buttons, a list, or a read mark."""
    if body.get("messaging_product") != "whatsapp":
        raise GraphError(100, "The parameter messaging_product is required.")
    if "status" in body:
        return _whatsapp_mark(body)
    allowed = {"messaging_product", "recipient_type", "to", "recipient", "type", "context", "biz_opaque_callback_data"}
    kind = body.get("type", "text")
    if kind == "template":
        raise GraphError(132001, "Template name does not exist in the translation", details="No template is approved.")
    if kind not in ("text", "interactive"):
        raise GraphError(100, "Param type must be one of {text, interactive, template}.")
    _object(body, allowed | {kind}, "$")
    if body.get("recipient_type", "individual") != "individual":
        raise GraphError(100, "Param recipient_type must be one of {INDIVIDUAL}.")
    if "context" in body:
        _string(_object(body["context"], {"message_id"}, "context").get("message_id"), "context['message_id']", 512)
    correlator = body.get("biz_opaque_callback_data")
    if correlator is not None:
        _string(correlator, "biz_opaque_callback_data", 512, _bytes)
    if kind not in body:
        raise GraphError(131008, "Required parameter is missing", details=f"Parameter '{kind}' is mandatory.")
    text, choices = _whatsapp_text(body["text"]) if kind == "text" else _whatsapp_interactive(body["interactive"])
    return Request(_whatsapp_recipient(body), text, correlator, choices=choices)


def read_messaging(body: dict[str, Any], channel: str) -> Request:
    """`POST /{page or account}/messages` of Messenger and Instagram: a text, buttons, or a sender action."""
    instagram = channel == "instagram"
    keys = {"recipient", "messaging_type", "tag", "message", "reply_to", "sender_action"}
    _object(body, keys, "$")
    if "recipient" not in body:
        raise GraphError(100, "The parameter recipient is required.")
    recipient = _object(body["recipient"], {"id", "comment_id"}, "recipient")
    if "comment_id" in recipient:
        return _private_reply(body, recipient, instagram=instagram)
    to = _string(recipient.get("id"), "recipient[id]", 64)
    if "sender_action" in body:
        if body["sender_action"] not in SENDER_ACTIONS or set(body) != {"recipient", "sender_action"}:
            raise GraphError(100, "Param sender_action must be valid and stand alone with the recipient.")
        return Request(to)
    tag = _tag(body, required=not instagram)
    if "reply_to" in body:
        _string(_object(body["reply_to"], {"mid"}, "reply_to").get("mid"), "reply_to[mid]", 512)
    text, correlator, choices = _message(body.get("message"), instagram=instagram)
    return Request(to, text, correlator, tag, choices)


def _message(part: Any, *, instagram: bool) -> tuple[str, str | None, tuple[str, ...]]:
    # Instagram documents no metadata, and its echoes bring none back.
    known = {"text", "attachment", "quick_replies"} | (set() if instagram else {"metadata"})
    message = _object(part, known, "message")
    correlator = message.get("metadata")
    if correlator is not None:
        _string(correlator, "message[metadata]", 1000)
    text, choices = _messaging_content(message, instagram=instagram)
    return text, correlator, choices


def _private_reply(body: dict[str, Any], recipient: dict[str, Any], *, instagram: bool) -> Request:
    """A recipient and a message, and nothing else."""
    _object(body, {"recipient", "message"}, "$")
    _object(recipient, {"comment_id"}, "recipient")
    comment = _string(recipient["comment_id"], "recipient[comment_id]", 128)
    text, correlator, choices = _message(body.get("message"), instagram=instagram)
    return Request("", text, correlator, choices=choices, comment=comment)


def read_reply(body: dict[str, Any]) -> str:
    """`POST /{comment}/comments` or `/replies`: what stands beneath a comment for all to read."""
    return _string(_object(body, {"message"}, "$").get("message"), "message", COMMENT_TEXT)


def _whatsapp_mark(body: dict[str, Any]) -> Request:
    _object(body, {"messaging_product", "status", "message_id", "typing_indicator"}, "$")
    if body["status"] != "read":
        raise GraphError(100, "Param status must be one of {read}.")
    if body.get("typing_indicator", {"type": "text"}) != {"type": "text"}:
        raise GraphError(100, "Param typing_indicator['type'] must be one of {text}.")
    return Request("", message_id=_string(body.get("message_id"), "message_id", 512))


def _whatsapp_recipient(body: dict[str, Any]) -> str:
    """`to` (a phone number) wins over `recipient` (a business-scoped user id)."""
    if "to" in body:
        to = _string(body["to"], "to", 32)
        if not re.fullmatch(r"\+?[0-9]{5,20}", to, re.ASCII):
            raise GraphError(131009, "Parameter value is not valid", details="to is not a phone number.")
        return to.removeprefix("+")
    if "recipient" not in body:
        raise GraphError(100, "The parameter to is required.")
    recipient = _string(body["recipient"], "recipient", 160)
    if not BSUID.fullmatch(recipient):
        raise GraphError(131009, "Parameter value is not valid", details="recipient is not a user id.")
    return recipient


def _whatsapp_text(part: Any) -> tuple[str, tuple[str, ...]]:
    text = _object(part, {"body", "preview_url"}, "text")
    if not isinstance(text.get("preview_url", False), bool):
        raise GraphError(100, "Param text['preview_url'] must be a boolean.")
    return _string(text.get("body"), "text['body']", WHATSAPP_BODY), ()


def _whatsapp_interactive(part: Any) -> tuple[str, tuple[str, ...]]:
    interactive = _object(part, {"type", "body", "footer", "action"}, "interactive")
    if interactive.get("type") not in ("button", "list"):
        raise GraphError(131009, "Parameter value is not valid", details="interactive.type must be button or list.")
    text = _string(_object(interactive.get("body"), {"text"}, "interactive['body']").get("text"), "body['text']", 1024)
    if "footer" in interactive:
        _string(_object(interactive["footer"], {"text"}, "interactive['footer']").get("text"), "footer['text']", 60)
    read = _whatsapp_buttons if interactive["type"] == "button" else _whatsapp_rows
    titles, ids = read(interactive.get("action"))
    if len(set(titles)) < len(titles) or len(set(ids)) < len(ids):
        raise GraphError(131009, "Parameter value is not valid", details="Duplicated button title or id.")
    return text, tuple(titles)


def _whatsapp_buttons(part: Any) -> tuple[list[str], list[str]]:
    """Titles and ids."""
    buttons = _list(_object(part, {"buttons"}, "interactive['action']").get("buttons"), 3, "action['buttons']")
    titles, ids = [], []
    for button in buttons:
        if _object(button, {"type", "reply"}, "buttons").get("type") != "reply":
            raise GraphError(131009, "Parameter value is not valid", details="Button type must be reply.")
        reply = _object(button.get("reply"), {"id", "title"}, "reply")
        titles.append(_string(reply.get("title"), "reply['title']", 20))
        ids.append(_string(reply.get("id"), "reply['id']", 256))
    return titles, ids


def _whatsapp_rows(part: Any) -> tuple[list[str], list[str]]:
    """The same of a list; one section, which needs no title."""
    action = _object(part, {"button", "sections"}, "interactive['action']")
    _string(action.get("button"), "action['button']", 20)
    [section] = _list(action.get("sections"), 1, "action['sections']")
    titles, ids = [], []
    for entry in _list(_object(section, {"title", "rows"}, "sections").get("rows"), 10, "sections['rows']"):
        row = _object(entry, {"id", "title", "description"}, "rows")
        titles.append(_string(row.get("title"), "rows['title']", 24))
        ids.append(_string(row.get("id"), "rows['id']", 200))
    return titles, ids


def _tag(body: dict[str, Any], *, required: bool) -> str | None:
    """The message tag, which goes with `messaging_type: MESSAGE_TAG` and with nothing else."""
    kind = body.get("messaging_type", None if required else "RESPONSE")
    if kind not in ("RESPONSE", "UPDATE", "MESSAGE_TAG"):
        raise GraphError(100, "Param messaging_type must be one of {RESPONSE, UPDATE, MESSAGE_TAG}.")
    tag = body.get("tag")
    if (kind == "MESSAGE_TAG") != ("tag" in body):
        raise GraphError(100, "Param tag and messaging_type MESSAGE_TAG must be used together.")
    if tag in TAGS_REMOVED:
        raise GraphError(100, f"The message tag {tag} is no longer supported.")
    if tag not in (None, "HUMAN_AGENT"):
        raise GraphError(100, "Param tag must be one of {HUMAN_AGENT}.")
    return tag


def _messaging_content(message: dict[str, Any], *, instagram: bool) -> tuple[str, tuple[str, ...]]:
    if "attachment" in message:
        if "text" in message:
            raise GraphError(100, "Only one of text and attachment can be specified.")
        return _button_template(message["attachment"])
    if instagram:
        text = _string(message.get("text"), "message[text]", INSTAGRAM_BYTES, _bytes)
    else:
        text = _string(message.get("text"), "message[text]", MESSENGER_TEXT)
    if "quick_replies" not in message:
        return text, ()
    titles = []
    for entry in _list(message["quick_replies"], 13, "message[quick_replies]"):
        reply = _object(entry, {"content_type", "title", "payload"}, "quick_replies")
        if reply.get("content_type") != "text":
            raise GraphError(100, "Param quick_replies[content_type] must be text.")
        titles.append(_string(reply.get("title"), "quick_replies[title]", 20))
        _string(reply.get("payload"), "quick_replies[payload]", 1000)
    return text, tuple(titles)


def _button_template(part: Any) -> tuple[str, tuple[str, ...]]:
    attachment = _object(part, {"type", "payload"}, "message[attachment]")
    payload = _object(attachment.get("payload"), {"template_type", "text", "buttons"}, "attachment[payload]")
    if attachment.get("type") != "template" or payload.get("template_type") != "button":
        raise GraphError(100, "Param attachment must be a button template.")
    titles = []
    for entry in _list(payload.get("buttons"), 3, "payload[buttons]"):
        kind = _object(entry, {"type", "title", "payload", "url"}, "buttons").get("type")
        if kind not in ("postback", "web_url"):
            raise GraphError(100, "Param buttons[type] must be one of {postback, web_url}.")
        value = "payload" if kind == "postback" else "url"
        button = _object(entry, {"type", "title", value}, "buttons")
        titles.append(_string(button.get("title"), "buttons[title]", 20))
        _string(button.get(value), f"buttons[{value}]", 1000)
    return _string(payload.get("text"), "payload[text]", 640), tuple(titles)


def _object(part: Any, keys: Container[str], where: str) -> dict[str, Any]:
    if not isinstance(part, dict):
        raise GraphError(100, f"Param {where} must be an object.")
    for key in part:
        if key not in keys:
            raise GraphError(100, f'Unexpected key "{key}" on param "{where}".')
    return part


def _list(part: Any, most: int, where: str) -> list[Any]:
    if not isinstance(part, list) or not 1 <= len(part) <= most:
        raise GraphError(100, f"Param {where} must have 1 to {most} entries.")
    return part


def _bytes(text: str) -> int:
    return len(text.encode())


def _string(part: Any, where: str, most: int, measure: Callable[[str], int] = len) -> str:
    """A string that is not blank; `measure` gives its length in the platform's unit (code points, else bytes)."""
    if not isinstance(part, str) or not part.strip():
        raise GraphError(100, f"Param {where} must be a string that is not empty.")
    try:
        part.encode()
    except UnicodeEncodeError as error:
        raise GraphError(100, f"Param {where} must be valid UTF-8.") from error
    if measure(part) > most:
        raise GraphError(100, f"Length of param {where} must be less than or equal to {most}.")
    return part
