"""What an agent may do: who asks, what is theirs, and whether a reply may leave. Part of agent_api."""

import re
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from afterhours import channels, settings
from afterhours.models import Agent, Inbox, ThreadHead
from afterhours.stores import config
from afterhours.stores.threads import Threads, pk_of, ulid_ms

KEY_DRIFT_MS = 5 * 60_000
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")


class Problem(Exception):
    """A refusal with a code for machines and a sentence that says what to do."""

    def __init__(self, status: HTTPStatus, code: str, detail: str) -> None:
        super().__init__(code)
        self.status, self.code, self.detail = status, code, detail


def agent_of(claims: Mapping[str, Any]) -> Agent:
    """Who asks. The authorizer has let the token in; what it must say is checked here again. Raises Problem."""
    known = settings.load()
    is_ours = (
        claims.get("iss") == known.user_pool_issuer
        and claims.get("token_use") == "access"
        and claims.get("client_id") == known.user_pool_client_id
        and known.api_scope in str(claims.get("scope", "")).split()
    )
    if not is_ours:
        raise Problem(HTTPStatus.UNAUTHORIZED, "unauthorized", "Sign in again.")
    agent = config.agent(str(claims.get("sub", "")))
    if agent is None:
        raise Problem(
            HTTPStatus.FORBIDDEN, "not_an_agent", "No inbox is open to you; ask who runs `afterhours config push`."
        )
    return agent


def inbox_of(agent: Agent, inbox_id: str) -> Inbox:
    inbox = config.inbox(inbox_id) if inbox_id in agent.inboxes else None
    if inbox is None:
        raise Problem(HTTPStatus.NOT_FOUND, "unknown_inbox", "There is no such inbox for you.")
    return inbox


def thread_of(agent: Agent, threads: Threads, name: str) -> tuple[str, ThreadHead]:
    """A thread of an inbox of the agent's; foreign ones do not exist."""
    try:
        pk = pk_of(name)
    except ValueError:
        head = None
    else:
        head = threads.head(pk)
    if head is None or head.inbox not in agent.inboxes:
        raise Problem(HTTPStatus.NOT_FOUND, "unknown_thread", "There is no such thread for you.")
    return pk, head


def check_reply(pk: str, head: ThreadHead, *, key: str, text: str, now_ms: int) -> None:
    """Refuse at once what the worker or the platform would refuse later. Raises Problem."""
    channel = channels.channel(pk.split("#")[1])
    if not text or _UNPRINTABLE.search(text):
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "bad_text", "Write a text without control characters.")
    units = channel.text_units(text)
    if units > channel.TEXT_LIMIT:
        detail = f"The text has {units} of {channel.TEXT_LIMIT} units; shorten it or send it in parts."
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "too_long", detail)
    if abs(ulid_ms(key) - now_ms) > KEY_DRIFT_MS:
        raise Problem(HTTPStatus.BAD_REQUEST, "bad_key", "The key's time is not ours; make a new ULID when composing.")
    if head.opted_out_at and head.last_in_at <= head.opted_out_at:
        detail = "The customer asked for no more messages; wait until they write again."
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "opted_out", detail)
    if channel.WINDOW is not None and channel.HUMAN_WINDOW is not None:
        extra_ms = int((channel.HUMAN_WINDOW - channel.WINDOW).total_seconds() * 1000)
        if now_ms > head.window_until + extra_ms:
            detail = "The platform takes no free text any more; use another way to reach the customer."
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, "window_closed", detail)
