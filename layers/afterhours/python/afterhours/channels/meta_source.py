"""The source of all Meta webhooks: handshake, signature, split. One app carries pages, Instagram and WhatsApp.

Runs in the webhook function: stdlib only. Contract: platforms/meta.md, sections 1, 5 and 6.1.
"""

import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from afterhours.channels import signature, untrusted
from afterhours.channels.contract import Answer, MalformedPayload, Piece, Request

_CHALLENGE = re.compile(r"[0-9A-Za-z_-]{1,128}")  # echoed: nothing that a browser could take for markup

# WhatsApp: the fields whose value holds arrays of events, and those arrays.
ECHO_FIELDS = ("smb_message_echoes", "message_echoes")
WHATSAPP_FIELDS = ("messages", *ECHO_FIELDS, "calls")
_WHATSAPP_ARRAYS = ("messages", "statuses", "message_echoes", "calls", "errors")
# Where an event names its contact: sender of a message, recipient of a status or an echo, member of a group.
_WHATSAPP_CONTACT_KEYS = (
    *("from", "from_user_id", "recipient_id", "recipient_user_id", "to", "to_user_id"),
    *("recipient_participant_id", "recipient_participant_user_id"),
)


def handshake(request: Request, credentials: Mapping[str, Any]) -> Answer:
    """Answer Meta's GET: the bare challenge to whoever knows the verify token."""
    expected = credentials.get("verify_token")
    if not isinstance(expected, str) or not expected:
        return Answer(503, "not configured")
    given = request.query.get("hub.verify_token", "")
    known = hmac.compare_digest(given.encode("utf-8", "surrogatepass"), expected.encode("utf-8", "surrogatepass"))
    if not known or request.query.get("hub.mode") != "subscribe":
        return Answer(403, "forbidden")
    challenge = request.query.get("hub.challenge", "")
    return Answer(200, challenge) if _CHALLENGE.fullmatch(challenge) else Answer(400, "bad challenge")


def verify(request: Request, secrets: Sequence[str]) -> bool:
    """SHA-256 only; the older X-Hub-Signature (SHA-1) is never read."""
    return signature.verify(request.body, request.headers.get("x-hub-signature-256"), secrets, prefix="sha256=")


def sign(body: bytes, secret: str) -> dict[str, str]:
    return {"x-hub-signature-256": "sha256=" + signature.sign(body, secret)}


def split(body: bytes) -> list[Piece]:
    """One piece an event. What has a surprising shape stays whole in a piece of its own."""
    delivery = untrusted.loads(body)
    if not isinstance(delivery, dict) or not isinstance(delivery.get("entry"), list):
        raise MalformedPayload("no entries")
    name = delivery.get("object")
    if not isinstance(name, str):
        raise MalformedPayload("no object")
    return [{"object": name, "entry": [entry]} for whole in delivery["entry"] for entry in _entries(name, whole)]


def _entries(name: str, entry: Any) -> Iterator[Any]:
    """The entry once for each of its events, with nothing else in it."""
    if not isinstance(entry, dict):
        yield entry
        return
    head = _scalars(entry, "id", "time")
    told = False
    for place in ("messaging", "standby", "changes"):
        for item in _each(entry.get(place)):
            for one in _whatsapp_changes(item) if name == "whatsapp_business_account" else (item,):
                yield {**head, place: [one] if isinstance(entry[place], list) else one}
                told = True
    if "field" in entry:  # Instagram Login is documented to send comments without `changes`
        yield {**head, **{key: entry[key] for key in ("field", "value") if key in entry}}
    elif not told and entry.keys() - {"id", "time", "uid", "messaging", "standby", "changes"}:
        yield entry


def _each(value: Any) -> Sequence[Any]:
    if isinstance(value, list):
        return value
    return () if value is None else (value,)


def _scalars(source: Mapping[str, Any], *keys: str) -> dict[str, Any]:
    """What every piece repeats, and therefore must be small."""
    values = {key: source.get(key) for key in keys}
    return {
        key: value
        for key, value in values.items()
        if isinstance(value, int | float) or (isinstance(value, str) and len(value) <= 256)
    }


def _whatsapp_changes(change: Any) -> Iterator[Any]:
    """The change once for each of its events, each with the contact it is about and no other."""
    value = untrusted.mapping(untrusted.mapping(change).get("value"))
    arrays = [key for key in _WHATSAPP_ARRAYS if value.get(key) is not None]
    if not arrays or not has_whatsapp_events(change):
        yield change
        return
    head = _scalars(value, "messaging_product")
    head["metadata"] = _scalars(untrusted.mapping(value.get("metadata")), "display_phone_number", "phone_number_id")
    of_the_call = {}
    if "errors" in arrays and len(_each(value.get("calls"))) == 1:
        arrays.remove("errors")
        of_the_call = {"errors": value["errors"]}
    contacts = [_contact(contact) for contact in untrusted.items(value.get("contacts")) if isinstance(contact, dict)]
    by_id = {one: contact for contact in contacts for one in _ids(contact, "wa_id", "user_id")}
    for key in arrays:
        for item in _each(value[key]):
            named = _ids(untrusted.mapping(item), *_WHATSAPP_CONTACT_KEYS)
            about = next((by_id[one] for one in named if one in by_id), contacts[0] if len(contacts) == 1 else None)
            carried = {**({"contacts": [about]} if about else {}), **(of_the_call if key == "calls" else {})}
            event = [item] if isinstance(value[key], list) else item
            yield {**_scalars(change, "field"), "value": {**head, **carried, key: event}}


def has_whatsapp_events(change: Mapping[str, Any]) -> bool:
    """By its field; one that names none is of no other kind."""
    return change.get("field", "messages") in WHATSAPP_FIELDS


def _contact(contact: Mapping[str, Any]) -> dict[str, Any]:
    """What we read of a contact."""
    profile = _scalars(untrusted.mapping(contact.get("profile")), "name")
    return {"profile": profile, **_scalars(contact, "wa_id", "user_id")}


def _ids(source: Mapping[str, Any], *keys: str) -> list[str]:
    return [found for key in keys if (found := untrusted.identifier(source.get(key)))]


class Part(NamedTuple):
    """The one event of a piece: where it stood and what it says."""

    object_name: str  # page, instagram, whatsapp_business_account, or what we do not read
    entry: dict[str, Any]  # its id and time
    place: str  # messaging, standby, changes; "" where it stood elsewhere
    item: dict[str, Any]  # empty where it is not an object


def part_of(piece: Piece) -> Part:
    """The event of a piece. Raises MalformedPayload where there is none."""
    entries = untrusted.items(piece.get("entry"))
    if len(entries) != 1 or not isinstance(entries[0], dict):
        raise MalformedPayload("not one entry")
    entry = entries[0]
    name = untrusted.text(piece.get("object")) or ""
    for place in ("messaging", "standby", "changes"):
        for item in _each(entry.get(place)):
            return Part(name, entry, place, untrusted.mapping(item))
    if "field" in entry:
        return Part(name, entry, "changes", {"field": entry["field"], "value": entry.get("value")})
    return Part(name, entry, "", {})


_CHANNELS = {
    ("whatsapp_business_account", "changes"): "whatsapp",
    ("page", "messaging"): "messenger",
    ("page", "standby"): "messenger",
    ("page", "changes"): "facebook_comments",
    ("instagram", "messaging"): "instagram",
    ("instagram", "standby"): "instagram",
    ("instagram", "changes"): "instagram_comments",
}


def channel_of(piece: Piece) -> str:
    try:
        part = part_of(piece)
    except MalformedPayload:
        return ""
    return _CHANNELS.get((part.object_name, part.place), "")
