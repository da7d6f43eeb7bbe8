"""What an agent may do: who asks, what is theirs, and whether a reply may leave. Part of agent_api."""

import re
import unicodedata
from collections.abc import Mapping
from datetime import timedelta
from http import HTTPStatus
from typing import Any

from afterhours import channels, graphemes, settings
from afterhours.channels.contract import Channel
from afterhours.models import Agent, Inbox, ThreadHead
from afterhours.stores import config
from afterhours.stores.threads import Threads, Tombstone, pk_of, ulid_ms

KEY_DRIFT_MS = 5 * 60_000
PARTS = 5  # messages that one composed text may become
LEADING = {"lead", "admin"}
# With U+FFFD, which stands where the reader of the body, or the gateway, met what is no character.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffd]")


class Problem(Exception):
    """A refusal with a code for machines and a sentence that says what to do."""

    def __init__(self, status: HTTPStatus, code: str, detail: str) -> None:
        super().__init__(code)
        self.status, self.code, self.detail = status, code, detail


ERASED = Problem(
    HTTPStatus.GONE,
    "erased",
    "All that was kept of this customer was erased: nothing is left to read and nobody to answer. If they write again, "
    "a new thread begins.",
)


def agent_of(claims: Mapping[str, Any]) -> Agent:
    """Who asks. The authorizer has let the token in; what it must say is checked here again. Raises Problem."""
    known = settings.load()
    is_ours = (
        claims.get("iss") == known.user_pool_issuer
        and claims.get("token_use") == "access"
        and claims.get("client_id") == known.user_pool_client_id
        and known.api_scope in str(claims.get("scope", "")).split()
        and _is_running(str(claims.get("exp", "")))
        and claims.get("sub")
    )
    if not is_ours:
        raise Problem(HTTPStatus.UNAUTHORIZED, "unauthorized", "Sign in again.")
    agent = config.agent(str(claims.get("sub", "")))
    if agent is None:
        raise Problem(
            HTTPStatus.FORBIDDEN, "not_an_agent", "No inbox is open to you; ask who runs `afterhours config push`."
        )
    return agent


def _is_running(expiry: str) -> bool:
    """`expiry` in epoch seconds, as text: so API Gateway hands claims on."""
    return bool(re.fullmatch(r"[0-9]{1,12}", expiry)) and int(expiry) > settings.issuers_now_s()


def must_lead(agent: Agent, inbox_id: str) -> None:
    """Raises Problem where the agent is neither lead nor admin of the inbox."""
    if agent.inboxes.get(inbox_id) not in LEADING:
        raise Problem(
            HTTPStatus.FORBIDDEN, "not_allowed", "Only a lead or an admin of this inbox may do that; ask one."
        )


def must_administer(agent: Agent, inbox_id: str) -> None:
    """Raises Problem where the agent is no admin of the inbox."""
    if agent.inboxes.get(inbox_id) != "admin":
        raise Problem(HTTPStatus.FORBIDDEN, "not_allowed", "Only an admin of this inbox may do that; ask one.")


def inbox_of(agent: Agent, inbox_id: str) -> Inbox:
    inbox = config.inbox(inbox_id) if inbox_id in agent.inboxes else None
    if inbox is None:
        raise Problem(HTTPStatus.NOT_FOUND, "unknown_inbox", "There is no such inbox for you.")
    return inbox


def thread_of(agent: Agent, threads: Threads, name: str) -> tuple[str, ThreadHead]:
    """A thread of an inbox of the agent's; foreign ones do not exist."""
    pk, found = thread_or_tombstone_of(agent, threads, name)
    if isinstance(found, Tombstone):
        raise ERASED
    return pk, found


def thread_or_tombstone_of(agent: Agent, threads: Threads, name: str) -> tuple[str, ThreadHead | Tombstone]:
    """The same, also where the thread was erased."""
    try:
        pk = pk_of(name)
    except ValueError:
        found = None
    else:
        found = threads.head_or_tombstone(pk)
    if found is None or found.inbox not in agent.inboxes:
        raise Problem(HTTPStatus.NOT_FOUND, "unknown_thread", "There is no such thread for you.")
    return pk, found


def check_key(key: str, now_ms: int) -> None:
    """Raises Problem for a ULID that was not made just now."""
    if abs(ulid_ms(key) - now_ms) > KEY_DRIFT_MS:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_key", "The key's time is not ours; make a new ULID when composing.")


def check_text(text: str) -> None:
    """Raises Problem for a text that says nothing or cannot be shown."""
    says_nothing = all(unicodedata.category(sign)[0] in "ZC" for sign in text)
    if says_nothing or _UNPRINTABLE.search(text):
        detail = "Write a text that says something, without control characters or characters that were lost (U+FFFD)."
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_text", detail)


def can_write(pk: str) -> bool:
    """Whether anything of ours can leave on this channel but an answer at once."""
    _, channel, account_id, _ = pk.split("#")
    account = config.account(channel, account_id)
    receives_only = "receive_only" in channels.channel(channel).CAPABILITIES
    return not (receives_only or (account is not None and channels.only_at_once(account)))


def reply_terms(pk: str, head: ThreadHead, now_ms: int) -> dict[str, Any]:
    """Whether a person may write to the customer, until when, how much, and what is left where not."""
    channel = channels.channel(pk.split("#")[1])
    until = None
    if channel.WINDOW is not None and channel.HUMAN_WINDOW is not None:
        longer = channel.HUMAN_WINDOW - channel.WINDOW
        until = head.window_until + longer // timedelta(milliseconds=1)
    blocked = None
    if not can_write(pk):
        blocked = "unsupported"
    elif head.opted_out_at and head.last_in_at <= head.opted_out_at:
        blocked = "opted_out"
    elif until is not None and now_ms > until:
        blocked = "window_closed"
    allowed = {
        None: ["reply", "note", "other_way"],
        "opted_out": ["note"],
        "window_closed": ["note", "other_way"],
        "unsupported": ["note"],
    }
    return {
        "limit": channel.TEXT_LIMIT,
        "unit": channel.TEXT_UNIT,
        "parts": _most_parts(channel),
        "until": until,
        "blocked": blocked,
        "allowed": allowed[blocked],
    }


BLOCKED = {
    "opted_out": "The customer asked for no more messages; wait until they write again. Notes are still possible.",
    "unsupported": "This channel only brings what others say and takes no answer from here. Answer where they said it, "
    "in the platform's own app; notes are still possible.",
    "window_closed": "The platform takes no free text any more until the customer writes again. Still possible: a "
    "note, and another way to reach the customer (see the thread's answers).",
}


def parts_of_reply(pk: str, head: ThreadHead, *, text: str, now_ms: int) -> list[str]:
    """The text as the messages that it takes on its platform. Raises Problem for what the worker or the platform would
    refuse later."""
    check_text(text)
    terms = reply_terms(pk, head, now_ms)
    channel = channels.channel(pk.split("#")[1])
    if blocked := terms["blocked"]:
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, blocked, BLOCKED[blocked])
    units, limit, most = channel.text_units(text), terms["limit"], terms["parts"]
    parts = [text] if units <= limit else graphemes.split(text, limit, channel.text_units)
    if len(parts) > most:
        what = "bytes" if terms["unit"] == "bytes" else "characters"
        full = "" if most == 1 else f", which makes {len(parts)} messages of at most {most}"
        detail = f"The text has {units} of {limit} {what}{full}; shorten it or send it in parts."
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "too_long", detail)
    return parts


def _most_parts(channel: Channel) -> int:
    """Where the limit is our own (webchat, mail) or all can read (a comment, a post), a text stays one message."""
    return 1 if {"public", "in_process", "no_token"} & channel.CAPABILITIES else PARTS
