"""When a mail must not be answered automatically: RFC 3834 and what programs do beyond it. On a piece of email_source.

A machine's mail is stored and that is all; a person's that no machine may answer is for people.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any

Piece = Mapping[str, Any]

_ROBOTS = re.compile(
    r"(?:no-?_?\.?reply|do-?_?not-?_?reply|donotreply|mailer-daemon|postmaster|bounces?|listserv|majordomo|owner-.+|"
    r".+-request|.+-owner|.+-bounces?|bounces?[+=-].+|prvs=.+|msprvs1=.+|daemon|root|nobody)"
)
_BULK = {"bulk", "list", "junk", "auto_reply", "auto-reply"}
_SUPPRESSES = {"all", "oof", "autoreply"}
_LISTS = ("list-id", "list-unsubscribe", "list-post", "list-help")
_AUTO_REPLIES = ("x-autoreply", "x-autorespond", "x-autoreply-from", "x-mail-autoreply")
# What the source keeps of a mail's head for these rules, and the loop header that our own mails carry.
HEADERS = (
    *("auto-submitted", "precedence", "x-auto-response-suppress", "x-loop", "return-path", *_LISTS, *_AUTO_REPLIES),
)


def why_not(piece: Piece) -> tuple[str | None, bool]:
    """Why nothing automatic may answer, None where it may; and whether a person has to see it all the same."""
    for rules, for_person in ((_MACHINES, False), (_PEOPLE, True)):
        for reason, applies in rules:
            if applies(piece):
                return reason, for_person
    return None, False


def _header(piece: Piece, name: str) -> str:
    return " ".join(piece["headers"].get(name, ())).strip().lower()


def _verdict(piece: Piece, name: str) -> bool:
    return bool(piece["verdicts"].get(name) == "FAIL")


def _local(address: str) -> str:
    return address.rpartition("@")[0]


def _is_bounce(piece: Piece) -> bool:
    """An empty envelope sender, or one that only bounces come from."""
    daemon = re.compile(r"mailer-daemon|postmaster")
    named = any(daemon.fullmatch(_local(address)) for address in (piece["envelope"], piece["from"]))
    return named or not piece["envelope"] or "message/delivery-status" in piece["types"]


def _is_auto_submitted(piece: Piece) -> bool:
    value = _header(piece, "auto-submitted").partition(";")[0].strip()
    return bool(value) and value != "no"


def _is_our_own(piece: Piece) -> bool:
    return bool({piece["envelope"], piece["from"]} & {piece["recipient"], *piece["recipients"]})


def _asks_for_none(piece: Piece) -> bool:
    return bool({word.strip() for word in _header(piece, "x-auto-response-suppress").split(",")} & _SUPPRESSES)


_MACHINES: tuple[tuple[str, Callable[[Piece], bool]], ...] = (
    ("virus", lambda piece: _verdict(piece, "virus")),
    ("spam_verdict", lambda piece: _verdict(piece, "spam")),
    ("our_own", _is_our_own),
    ("mail_loop", lambda piece: bool(_header(piece, "x-loop"))),
    ("bounce", _is_bounce),
    ("read_receipt", lambda piece: "message/disposition-notification" in piece["types"]),
    ("calendar_reply", lambda piece: bool(piece["calendar_reply"])),
    ("auto_submitted", _is_auto_submitted),
    ("auto_reply", lambda piece: any(_header(piece, name) for name in _AUTO_REPLIES)),
    ("list_mail", lambda piece: any(_header(piece, name) for name in _LISTS)),
    ("bulk_mail", lambda piece: _header(piece, "precedence") in _BULK),
    (
        "no_reply_address",
        lambda piece: any(_ROBOTS.fullmatch(_local(address)) for address in (piece["envelope"], piece["from"])),
    ),
)
_PEOPLE: tuple[tuple[str, Callable[[Piece], bool]], ...] = (
    ("asks_for_no_reply", _asks_for_none),
    ("not_addressed", lambda piece: piece["recipient"] not in piece["to"]),
    ("dmarc_failed", lambda piece: _verdict(piece, "dmarc")),
)
