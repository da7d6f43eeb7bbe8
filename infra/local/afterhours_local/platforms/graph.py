"""A strict fake of Meta's Graph API: WhatsApp, Messenger and Instagram accounts, their customers and windows.

It learns a customer's window from the messages that it delivers itself (`say`). Echoes and receipts wait in
a queue until `deliver_pending` is called. Time comes from the given `now_ms` only.
"""

import itertools
import json
import re
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from afterhours_local.platforms import faults, graph_comments, graph_files, graph_webhooks
from afterhours_local.platforms.faults import Fault, Reply
from afterhours_local.platforms.graph_comments import Comment, Comments
from afterhours_local.platforms.graph_deliveries import Deliveries, Post, Webhook, post_signed
from afterhours_local.platforms.graph_files import File, Files
from afterhours_local.platforms.graph_requests import (
    BSUID,
    GraphError,
    Request,
    read_json,
    read_messaging,
    read_reply,
    read_whatsapp,
    refuse_token_in,
)
from afterhours_local.platforms.graph_subscriptions import NUMBER, SUBSCRIBED, SubscribedApps, number

HOUR_MS = 3_600_000
WINDOW_MS = 24 * HOUR_MS
HUMAN_AGENT_WINDOW_MS = 7 * 24 * HOUR_MS
PAIR_INTERVAL_MS = 6_000
# How long the platform goes on delivering what is not answered 200.
RETRY_FOR_MS = {
    "whatsapp": 7 * 24 * HOUR_MS,
    "messenger": HOUR_MS,
    "instagram": HOUR_MS,
    "facebook_comments": 36 * HOUR_MS,
    "instagram_comments": 36 * HOUR_MS,
}


@dataclass(frozen=True)
class FakeAccount:
    """An account as the platform knows it. `login` and `page_id` matter for Instagram: with `page` its sends
    go to the linked Page's id and token, with `instagram` to its own."""

    channel: str
    id: str
    token: str
    app_secret: str
    webhook_url: str
    login: str = "page"
    page_id: str | None = None
    app_id: str = "1000000000001"

    @property
    def node(self) -> str:
        """The id in the path of a send."""
        if self.channel.startswith("instagram") and self.login == "page":
            return self.page_id or ""
        return self.id


@dataclass(frozen=True)
class Sent:
    """A message that the platform took. `failed` is the error that only a later status tells (WhatsApp)."""

    channel: str
    account: str
    to: str
    text: str
    correlator: str | None
    at_ms: int
    platform_id: str
    tag: str | None = None
    choices: tuple[str, ...] = ()
    failed: int | None = None
    comment: str | None = None  # that it answers
    public: bool = False


class Said(NamedTuple):
    """A customer's message and what the webhook answered; 0 where nobody answered."""

    message_id: str
    status: int


class Call(NamedTuple):
    """A request that was read, whatever became of it. Headers hold tokens and are not kept."""

    method: str
    path: str
    body: bytes
    fault: Fault | None


class Planned(NamedTuple):
    fault: Fault
    taken: bool


class FakeGraph:
    """The platform. Safe under threads; nothing is posted while the lock is held."""

    def __init__(
        self,
        now_ms: Callable[[], int],
        *,
        pair_burst: int = 10,
        sends_per_second: int | None = None,
        post: Post = post_signed,
    ) -> None:
        """`pair_burst` messages to one WhatsApp customer may come at once, then one per 6 s. `sends_per_second`
        bounds an account; it is off by default because a frozen clock would never let go of it."""
        self._now_ms = now_ms
        self._pair_burst = pair_burst
        self._sends_per_second = sends_per_second
        self._post = post
        self.deliveries = Deliveries(now_ms, post)
        self._lock = threading.Lock()
        self._numbers = itertools.count(1)
        self._accounts: dict[tuple[str, str], FakeAccount] = {}
        self._last_said: dict[tuple[str, str, str], int] = {}
        self._pair_free_at: dict[tuple[str, str], int] = {}
        self._second: dict[tuple[str, str], tuple[int, int]] = {}
        self._message_ids: set[str] = set()
        self._files = Files(now_ms)
        self._comments = Comments()
        self._subscribed = SubscribedApps()
        self._faults: deque[Planned] = deque()
        self._sent: list[Sent] = []
        self._calls: list[Call] = []

    # What a test or the stack sees and arranges

    @property
    def sent(self) -> list[Sent]:
        with self._lock:
            return list(self._sent)

    @property
    def calls(self) -> list[Call]:
        with self._lock:
            return list(self._calls)

    def register(self, account: FakeAccount) -> None:
        """Add an account, or replace it (a new token, another secret)."""
        if account.channel not in RETRY_FOR_MS:
            raise ValueError(f"unknown channel {account.channel}")
        if not account.node:
            raise ValueError("an Instagram account with login page needs the id of its Page")
        with self._lock:
            self._accounts[account.channel, account.id] = account

    def misbehave(self, fault: Fault, times: int = 1, *, taken: bool | None = None) -> None:
        """Play the fault on the next sends. `taken` overrides whether the message reaches the customer all the same."""
        planned = Planned(fault, fault.taken if taken is None else taken)
        with self._lock:
            self._faults.extend([planned] * times)

    def behave(self) -> None:
        """Forget the faults not yet played."""
        with self._lock:
            self._faults.clear()

    def forget(self) -> None:
        """Start afresh with the same accounts: nobody has written, nothing was sent, nothing is planned or pending."""
        with self._lock:
            for kept in (self._last_said, self._pair_free_at, self._second, self._message_ids, self._faults):
                kept.clear()
            self._sent.clear()
            self._calls.clear()
            self._files = Files(self._now_ms)
            self._comments = Comments()
            self.deliveries = Deliveries(self._now_ms, self._post)

    # Customers

    def say(
        self,
        channel: str,
        account: str,
        contact: str,
        text: str,
        *,
        name: str | None = None,
        quick_reply: str | None = None,
        file: File | None = None,
        at_ms: int | None = None,
    ) -> Said:
        """A customer writes, taps a quick reply or sends a file (the text may be empty then): deliver it at once; what
        is not answered 200 is delivered again."""
        at = self._now_ms() if at_ms is None else at_ms
        with self._lock:
            known = self._known(channel, account)
            self._open_window(channel, account, contact, at)
            mid = self._new_id(channel, account, contact)
            attached = (file.type, self._files.keep(channel, account, file)) if file else None
            shown = self._offering(text, contact) if quick_reply is not None else None
        body = graph_webhooks.customer_message(
            channel, account, contact, mid, at,
            text=text, name=name, quick_reply=quick_reply, shown=shown, attached=attached,
        )  # fmt: skip
        return Said(mid, self.deliveries.deliver(self._webhook(known, body)))

    def met(self, channel: str, account: str, contact: str, *, at_ms: int | None = None) -> None:
        """The customer wrote at that time, as `say`, but no webhook tells of it."""
        with self._lock:
            self._known(channel, account)
            self._open_window(channel, account, contact, self._now_ms() if at_ms is None else at_ms)

    def comment(
        self,
        channel: str,
        account: str,
        contact: str,
        text: str,
        *,
        name: str = "Customer",
        parent: str | None = None,
        live: bool = False,
        at_ms: int | None = None,
    ) -> Said:
        """Somebody, be it the account's own people by hand, comments on the account's post, or under a comment."""
        post = graph_comments.post_id(channel, account)
        with self._lock:
            known = self._known(channel, account)
            identity = graph_comments.comment_id(channel, post, 145_000 + next(self._numbers))
            at = self._now_ms() if at_ms is None else at_ms
            made = Comment(channel, account, identity, contact, name, text, at, post, parent, live)
            body = graph_comments.webhook(self._comments.add(made), "add", self._now_ms())
        return Said(identity, self.deliveries.deliver(self._webhook(known, body)))

    def change_comment(self, comment: str, verb: str, text: str | None = None) -> int:
        """What is done to a comment, by Facebook's verb. What the webhook answered; 0 where none tells of it."""
        changes: dict[str, dict[str, Any]] = {
            "edited": {"text": text},
            "hide": {"hidden": True},
            "unhide": {"hidden": False},
            "remove": {"removed": True},
        }
        with self._lock:
            changed = self._comments.change(comment, **changes[verb])
            known = self._known(changed.channel, changed.account)
        if changed.channel == "instagram_comments":
            return 0
        body = graph_comments.webhook(changed, verb, self._now_ms())
        return self.deliveries.deliver(self._webhook(known, body))

    # Webhooks

    def deliver(self, channel: str, account: str, body: bytes) -> int:
        """Sign and post any body, once: what `say` has no words for, or the same again. The HTTP status, else 0."""
        with self._lock:
            known = self._known(channel, account)
        return self._post(known.webhook_url, known.app_secret, body)

    def deliver_pending(self) -> int:
        """Post the echoes, receipts and put off deliveries that are due. How many were taken."""
        return self.deliveries.deliver_pending()

    def _webhook(self, account: FakeAccount, body: bytes) -> Webhook:
        now = self._now_ms()
        until = now + RETRY_FOR_MS[account.channel]
        return Webhook(account.webhook_url, account.app_secret, body, due_ms=now, until_ms=until)

    # Sends, called by the server

    def next_fault(self, *, before_reading: bool = False) -> Planned | None:
        """Take the next planned fault off. Before the request is read only a reset can be played."""
        with self._lock:
            if not self._faults:
                return None
            if before_reading != (self._faults[0].fault is Fault.RESET_BEFORE_READING):
                return None
            return self._faults.popleft()

    def saw(self, method: str, path: str, body: bytes, fault: Fault | None) -> None:
        with self._lock:
            self._calls.append(Call(method, path, body, fault))

    @property
    def subscribed(self) -> SubscribedApps:
        return self._subscribed

    def take(self, path: str, headers: Mapping[str, str], raw: bytes) -> Reply:
        """Judge one POST and, if it is right, take the message. `headers` have lower-case names."""
        try:
            if found := SUBSCRIBED.fullmatch(path):
                return self._subscribed.subscribe(found[1], found[2], self._opened(headers.get("authorization", "")))
            beneath = re.fullmatch(r"/v[1-9][0-9]\.0/([0-9_]+)/(comments|replies)", path)
            if beneath is not None:
                answer = self._take_comment(beneath[1], beneath[2], headers, raw)
                return faults.as_json(200, json.dumps(answer).encode())
            candidates = self._addressed(path, headers.get("authorization", ""))
            body = read_json(headers.get("content-type", ""), raw)
            with self._lock:
                account = self._chosen(candidates, body)
                whatsapp = account.channel == "whatsapp"
                direct = graph_comments.DIRECT.get(account.channel, account.channel)
                request = read_whatsapp(body) if whatsapp else read_messaging(body, direct)
                answer = self._take_whatsapp(account, request) if whatsapp else self._take_messaging(account, request)
        except GraphError as error:
            return faults.refusal(error)
        return faults.as_json(200, json.dumps(answer, separators=(",", ":")).encode())

    def show(self, path: str, headers: Mapping[str, str]) -> Reply:
        """Judge one GET: what is known of a file of a customer's, or its bytes."""
        try:
            if path.startswith(graph_files.PATHS[1:]):
                with self._lock:
                    return self._files.download(path, headers)
            refuse_token_in(path)
            opened = self._opened(headers.get("authorization", ""))
            accounts = [(account.channel, account.id) for account in opened]
            if found := SUBSCRIBED.fullmatch(path):
                return self._subscribed.show(found[1], opened)
            if found := NUMBER.fullmatch(path):
                return number(found[1], opened)
            with self._lock:
                if path.startswith(graph_files.PATHS[0]):
                    return self._files.media(path, accounts)
                match = re.fullmatch(r"/v[1-9][0-9]\.0/([0-9]+)", path)
                if match is None:
                    raise GraphError(100, "Unsupported get request.", subcode=33)
                return self._files.describe(match[1], accounts)
        except GraphError as error:
            return faults.refusal(error)

    def _opened(self, authorization: str) -> list[FakeAccount]:
        """The accounts that the token opens."""
        scheme, _, token = authorization.partition(" ")
        with self._lock:
            opened = [a for a in self._accounts.values() if scheme == "Bearer" and token and a.token == token]
        if not opened:
            raise GraphError(190, "Invalid OAuth access token - Cannot parse access token", status=401)
        return opened

    def _addressed(self, path: str, authorization: str) -> list[FakeAccount]:
        """The accounts behind the path that the token opens; two where Messenger and Instagram share a Page."""
        refuse_token_in(path)
        place, _, query = path.partition("?")
        match = re.fullmatch(r"/v[1-9][0-9]\.0/([0-9]+|me)/messages", place)
        if match is None or query:
            raise GraphError(2500, f"Unknown path components: {place}")
        opened = self._opened(authorization)
        node = match[1]
        found = [a for a in opened if a.node == node or (node == "me" and a.channel != "whatsapp")]
        if not found:
            raise GraphError(100, f"Unsupported post request. Object with ID '{node}' does not exist", subcode=33)
        return found

    def _chosen(self, candidates: list[FakeAccount], body: dict[str, Any]) -> FakeAccount:
        """Ids of customers are scoped: whose customer it is tells which of a Page's accounts is meant."""
        recipient = body.get("recipient")
        contact = str(recipient.get("id")) if isinstance(recipient, dict) else ""
        to_comment = isinstance(recipient, dict) and "comment_id" in recipient
        candidates = [a for a in candidates if (a.channel in graph_comments.EDGES) == to_comment]
        if not candidates:
            raise GraphError(100, "Param recipient must be one that this object can write to.")
        return next((a for a in candidates if (a.channel, a.id, contact) in self._last_said), candidates[0])

    def _take_whatsapp(self, account: FakeAccount, request: Request) -> dict[str, Any]:
        if request.text is None:
            if request.message_id not in self._message_ids:
                raise GraphError(131009, "Parameter value is not valid", details="Unknown message_id.")
            return {"success": True}
        self._throttle(account)
        self._hold_pair_limit(account, request.to)
        last = self._last_said.get((account.channel, account.id, request.to))
        open_window = last is not None and self._now_ms() - last <= WINDOW_MS
        sent = self._keep(account, request, failed=None if open_window else 131047)
        for state in ("sent", "delivered") if open_window else ("failed",):
            body = graph_webhooks.status(
                account.id, sent.to, sent.platform_id, sent.at_ms,
                state=state, correlator=sent.correlator, error=sent.failed,
            )  # fmt: skip
            self.deliveries.add(self._webhook(account, body))
        key = "user_id" if "." in request.to else "wa_id"
        contact = {"input": request.to, key: request.to}
        return {"messaging_product": "whatsapp", "contacts": [contact], "messages": [{"id": sent.platform_id}]}

    def _take_comment(self, node: str, edge: str, headers: Mapping[str, str], raw: bytes) -> dict[str, Any]:
        """What an account says for all to read, which comes back as a comment like any other."""
        opened = self._opened(headers.get("authorization", ""))
        text = read_reply(read_json(headers.get("content-type", ""), raw))
        owners = [a for a in opened if graph_comments.EDGES.get(a.channel) == edge]
        if not owners:
            raise GraphError(100, f"Unsupported post request. Object with ID '{node}' does not exist", subcode=33)
        account = owners[0]
        with self._lock:
            answered = self._comments.beneath(node, account.channel, account.id)
            self._throttle(account)
            identity = graph_comments.comment_id(account.channel, answered.post, 145_000 + next(self._numbers))
            at = self._now_ms()
            own = Comment(account.channel, account.id, identity, account.id, "us", text, at, answered.post, answered.id)
            body = graph_comments.webhook(self._comments.add(own), "add", at)
            self.deliveries.add(self._webhook(account, body))
            self._sent.append(
                Sent(account.channel, account.id, answered.author, text, None, at, identity, comment=node, public=True)
            )
        return {"id": identity}

    def _take_private_reply(self, account: FakeAccount, request: Request) -> dict[str, Any]:
        """It begins a conversation with the author where messages are read, and there its echo arrives."""
        comment = self._comments.privately(request.comment or "", account.channel, account.id, self._now_ms())
        self._throttle(account)
        self._comments.change(comment.id, answered=True)
        direct, at = graph_comments.DIRECT[account.channel], self._now_ms()
        mid = self._new_id(direct, account.id, comment.author)
        self._sent.append(
            Sent(
                account.channel, account.id, comment.author, request.text or "", request.correlator, at, mid,
                choices=request.choices, comment=comment.id,
            )
        )  # fmt: skip
        body = graph_webhooks.echo(
            direct, account.id, comment.author, mid, at,
            text=request.text or "", app_id=account.app_id, metadata=request.correlator,
        )  # fmt: skip
        if (direct, account.id) in self._accounts:
            self.deliveries.add(self._webhook(self._accounts[direct, account.id], body))
        return {"recipient_id": comment.author, "message_id": mid}

    def _take_messaging(self, account: FakeAccount, request: Request) -> dict[str, Any]:
        if request.comment is not None:
            return self._take_private_reply(account, request)
        last = self._last_said.get((account.channel, account.id, request.to))
        if last is None:
            raise GraphError(100, "No matching user found", subcode=2018001)
        self._throttle(account)
        if self._now_ms() - last > (HUMAN_AGENT_WINDOW_MS if request.tag else WINDOW_MS):
            subcode = 2018278 if account.channel == "messenger" else 2534022
            raise GraphError(10, "This message is sent outside of allowed window.", subcode=subcode)
        if request.text is None:
            return {"recipient_id": request.to}
        sent = self._keep(account, request)
        mid, at = sent.platform_id, sent.at_ms
        body = graph_webhooks.echo(
            account.channel, account.id, sent.to, mid, at,
            text=sent.text, app_id=account.app_id, metadata=sent.correlator,
        )  # fmt: skip
        self.deliveries.add(self._webhook(account, body))
        if account.channel == "messenger":
            receipt = graph_webhooks.delivery(account.id, sent.to, mid, at)
            self.deliveries.add(self._webhook(account, receipt))
        return {"recipient_id": request.to, "message_id": mid}

    # State; the lock is held

    def _known(self, channel: str, account: str) -> FakeAccount:
        try:
            return self._accounts[channel, account]
        except KeyError as error:
            raise LookupError(f"no {channel} account {account} is registered") from error

    def _new_id(self, channel: str, account: str, contact: str) -> str:
        # The time is part of it, so that a new start of the stack over old tables makes new ids.
        seed = f"{channel} {account} {contact} {self._now_ms()} {next(self._numbers)}"
        mid = graph_webhooks.message_id(channel, contact, seed)
        self._message_ids.add(mid)
        return mid

    def _offering(self, title: str, contact: str) -> str | None:
        """The last message that let the contact choose this."""
        offers = (one.platform_id for one in reversed(self._sent) if one.to == contact and title in one.choices)
        return next(offers, None)

    def _open_window(self, channel: str, account: str, contact: str, at_ms: int) -> None:
        if not (contact.isascii() and contact.isdigit()) and not (channel == "whatsapp" and BSUID.fullmatch(contact)):
            raise ValueError(f"{contact!r} is not an id of a {channel} customer")
        ids = {contact, graph_webhooks.user_id(contact)} if channel == "whatsapp" else {contact}
        for key in ((channel, account, one) for one in ids):
            self._last_said[key] = max(at_ms, self._last_said.get(key, at_ms))

    def _keep(self, account: FakeAccount, request: Request, failed: int | None = None) -> Sent:
        sent = Sent(
            account.channel,
            account.id,
            request.to,
            request.text or "",
            request.correlator,
            self._now_ms(),
            self._new_id(account.channel, account.id, request.to),
            request.tag,
            request.choices,
            failed,
        )
        self._sent.append(sent)
        return sent

    def _throttle(self, account: FakeAccount) -> None:
        if self._sends_per_second is None:
            return
        key, second = (account.channel, account.id), self._now_ms() // 1000
        began, count = self._second.get(key, (second, 0))
        count = count + 1 if began == second else 1
        self._second[key] = (second, count)
        if count > self._sends_per_second:
            raise faults.throughput() if account.channel == "whatsapp" else faults.throttled()

    def _hold_pair_limit(self, account: FakeAccount, contact: str) -> None:
        """A bucket that runs dry: each message costs 6 s, `pair_burst` of them may be owed at most."""
        now, key = self._now_ms(), (account.id, contact)
        free_at = max(self._pair_free_at.get(key, now), now) + PAIR_INTERVAL_MS
        if free_at - now > self._pair_burst * PAIR_INTERVAL_MS:
            raise faults.pair_limit()
        self._pair_free_at[key] = free_at
