"""A strict fake of X: accounts with direct messages and posts, their customers, and tokens that run out.

Written from the contract. Nobody is written to who did not write first, nobody is answered in public who did not
mention or quote the account, and a refresh token is good for one use. What the account sends comes back as an event.
"""

import base64
import hashlib
import hmac
import json
import re
import secrets
import unicodedata
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlsplit

from afterhours_local.platforms.fake import Deliver, Delivered, FakeAccount, FakePlatform, Said, Sent
from afterhours_local.platforms.faults import Reply, as_json
from afterhours_local.platforms.spoilt import Spoilt, spoil

SIGNATURE = "x-twitter-webhooks-signature"
NAMES = {"x": "HotelJadran", "x_posts": "HotelJadran"}
LIFE_S = 7_200
WINDOW_MS = 15 * 60_000
DMS_A_WINDOW, POSTS_A_WINDOW = 15, 100
DM_LIMIT, POST_LIMIT = 10_000, 280
_BEGAN_MS = 1_288_834_974_657  # ids count from there
_DM = re.compile(r"/2/dm_conversations/with/([0-9]{1,20})/messages")
_CASHTAG = re.compile(r"(?<!\w)\$[A-Za-z]{1,6}\b")
_LINK = re.compile(r"https?://[^\s]+\.[^\s]+")
_JOINED = re.compile(r"\ufe0f|[\U0001f3fb-\U0001f3ff]|\u200d.")
_OF_OURS = re.compile(r"(?:renewed|refresh)-(([0-9]+)-[0-9]+-[0-9]+)")
_LIGHT = (range(0x1100), range(0x2000, 0x200E), range(0x2010, 0x2020), range(0x2032, 0x2038))

Body = dict[str, Any]


class Trouble(StrEnum):
    """What the next call meets, beside what any platform does (spoilt.py)."""

    RATE_429 = "429"
    UNAUTHORIZED_401 = "401"
    FORBIDDEN_403 = "403"
    NO_CREDIT_402 = "402"
    ERRORS_IN_200 = "200_errors"
    SUSPENDED = "suspended"
    RENEWED_UNHEARD = "renewed_unheard"  # the new pair is made, and the connection is lost


class XError(Exception):
    """A refusal in X's words."""

    def __init__(self, status: int, title: str, detail: str, kind: str = "about:blank", **headers: str) -> None:
        super().__init__(title)
        problem = {"title": title, "detail": detail, "type": kind, "status": status}
        self.reply = _json(status, problem, headers)


@dataclass
class Grant:
    """What an account's owner allowed the app: one pair at a time."""

    token: str
    refresh: str
    expires_ms: int


class Post(NamedTuple):
    author: str
    text: str
    names_us: bool  # it mentions the account or quotes a post of its


class FakeX(FakePlatform):
    NAME = "x"

    def __init__(self, now_ms: Callable[[], int], deliver: Deliver) -> None:
        super().__init__(now_ms, deliver)
        self._grants: dict[str, Grant] = {}
        self._as_registered: set[str] = set()  # nothing was renewed since
        self._clear()

    def _clear(self) -> None:
        self._names: dict[str, str] = {}
        self._wrote: set[tuple[str, str]] = set()
        self._posts: dict[str, Post] = {}
        self._times: dict[tuple[str, str], list[int]] = {}
        self._pending: deque[tuple[FakeAccount, Body]] = deque()

    def forget(self) -> None:
        """Accounts and their pairs of tokens stay."""
        with self._lock:
            super().forget()
            self._clear()

    def register(self, account: FakeAccount) -> None:
        """With a refresh token the owner has (again) authorised the app."""
        super().register(account)
        if account.refresh:
            with self._lock:
                expires_ms = self._now_ms() + LIFE_S * 1000
                self._grants[account.id] = Grant(account.token, account.refresh, expires_ms)
                self._as_registered.add(account.id)

    def grant(self, account: str) -> Grant:
        """The pair that is good now. Raises KeyError."""
        with self._lock:
            return self._grants[account]

    # Customers

    def say(self, channel: str, account: str, contact: str, text: str, *, name: str | None = None) -> Said:
        """A direct message, or on x_posts a post that mentions the account."""
        if channel == "x_posts":
            return self.post(account, contact, f"@{NAMES[channel]} {text}", name=name)
        known = self.account(channel, account)
        with self._lock:
            self._meet(account, contact, name)
            self._wrote.add((account, contact))
            dm = self._dm(contact, account, text)
        status = self._event(known, "dm.received", self._with_users(dm, contact, account)).status
        return Said(dm["id"], status)

    def post(
        self, account: str, contact: str, text: str, *, kinds: tuple[str, ...] = ("mention",), name: str | None = None
    ) -> Said:
        """A customer's post, delivered once for each thing that it is: mention, reply, quote."""
        known = self.account("x_posts", account)
        with self._lock:
            self._meet(account, contact, name)
            written = self._new_post(contact, text)
            self._posts[written["id"]] = Post(contact, text, bool({"mention", "quote"} & set(kinds)))
        if "reply" in kinds:
            ours = {"in_reply_to_tweet_id": "2080761390344937796", "in_reply_to_user_id": account}
            written |= ours | {"referenced_tweets": [{"type": "replied_to", "id": "2080761390344937796"}]}
        delivered = [self._post_event(known, f"post.{kind}.create", written).status for kind in kinds]
        return Said(written["id"], delivered[-1])

    def write_encrypted(self, account: str, contact: str) -> int:
        """A message in XChat, of which the platform itself knows no text. The webhook's status."""
        ciphertext = base64.b64encode(secrets.token_bytes(30)).decode()
        with self._lock:
            payload = {"id": f"e4f4d3fc-8bbf-4928-92eb-{self.next_number():012d}", "sender_id": contact}
        payload |= {"created_at_msec": str(self._now_ms()), "conversation_id": f"{contact}:{account}"}
        return self._event(self.account("x", account), "chat.received", {**payload, "encoded_event": ciphertext}).status

    def revoke(self, account: str) -> int:
        """The account's owner takes the app's rights away. The webhook's status."""
        known = self.account("x", account)
        with self._lock:
            del self._grants[account]
        payload = {"date_time": _iso(self._now_ms()), "user_id": account, "app_id": "29820954"}
        data = {"event_uuid": "5934540941047412905", "filter": {}, "event_type": "oauth.revoke", "payload": payload}
        return self._sign_and_deliver(known, {"data": data}).status

    # Webhooks

    def challenge(self, account: FakeAccount, token: str) -> bool:
        """Whether the webhook answers the challenge as it must."""
        address = f"{account.webhook_url}?crc_token={quote(token, safe='')}"
        answered = self._deliver("GET", address, {}, b"")
        try:
            given = json.loads(answered.body).get("response_token")
        except (ValueError, AttributeError):
            return False
        return answered.status == 200 and given == _signature(token.encode(), account.secret)

    def deliver_pending(self) -> int:
        with self._lock:
            waiting, self._pending = list(self._pending), deque()
        return sum(200 <= self._sign_and_deliver(account, body).status < 300 for account, body in waiting)

    def sign_and_deliver(self, channel: str, account: str, body: bytes) -> Delivered:
        """Any body, as X would sign it."""
        known = self.account(channel, account)
        headers = {"Content-Type": "application/json", SIGNATURE: _signature(body, known.secret)}
        return self._deliver("POST", known.webhook_url, headers, body)

    def _sign_and_deliver(self, account: FakeAccount, body: Body) -> Delivered:
        return self.sign_and_deliver(account.channel, account.id, json.dumps(body).encode())

    def _event(self, account: FakeAccount, kind: str, payload: Body, **more: Any) -> Delivered:
        return self._sign_and_deliver(account, self._activity(account.id, kind, payload, **more))

    def _post_event(self, account: FakeAccount, kind: str, post: Body) -> Delivered:
        return self._event(account, kind, post, includes={"users": [self._user(post["author_id"])]})

    def _activity(self, account: str, kind: str, payload: Body, **more: Any) -> Body:
        uuid = str(-6_850_472_171_600_526_000 - self.next_number())
        head = {"event_uuid": uuid, "filter": {"user_id": account}, "event_type": kind, "tag": kind}
        return {"data": {**head, "payload": payload, **more}}

    # The API

    def answer(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply | None:
        place = urlsplit(path).path
        try:
            with self._lock:
                if (method, place) == ("POST", "/2/oauth2/token"):
                    return self._renew(headers, body)
                account = self._bearer(headers)
                if (method, place) == ("GET", "/2/users/me"):
                    return _json(200, {"data": {"id": account, "name": "Hotel Jadran", "username": NAMES["x"]}})
                found = _DM.fullmatch(place)
                if method != "POST" or not (found or place == "/2/tweets"):
                    raise XError(404, "Not Found", "There is no such address.")
                fault = self._trouble(place)
                spoilt = Spoilt(fault) if fault else None
                if spoilt and not spoilt.taken:
                    return spoil(spoilt, _json(200, {}), b"")
                wish = _read(headers, body)
                good = self._take_dm(account, found[1], wish) if found else self._take_post(account, wish)
                return spoil(spoilt, good, b'{"data":{"id":null,"dm_event_id":null}}') if spoilt else good
        except XError as error:
            return error.reply

    def _remember(self, token: str) -> None:
        """A pair that this fake made before it was started anew, while the stack kept its own."""
        found = _OF_OURS.fullmatch(token)
        if found and found[2] in self._as_registered:
            pair = (f"renewed-{found[1]}", f"refresh-{found[1]}")
            self._grants[found[2]] = Grant(*pair, self._now_ms() + LIFE_S * 1000)
            self._as_registered.discard(found[2])

    def _bearer(self, headers: Mapping[str, str]) -> str:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        self._remember(token)
        for account, grant in self._grants.items():
            if scheme == "Bearer" and token and grant.token == token and self._now_ms() < grant.expires_ms:
                return account
        raise XError(401, "Unauthorized", "Unauthorized")

    def _trouble(self, place: str) -> str | None:
        fault = self.next_fault()
        forbidden = "https://api.twitter.com/2/problems/not-authorized-for-resource"
        match fault:
            case Trouble.RATE_429:
                raise self._too_fast(DMS_A_WINDOW, self._now_ms() + 120_000)
            case Trouble.UNAUTHORIZED_401:
                raise XError(401, "Unauthorized", "Unauthorized")
            case Trouble.NO_CREDIT_402:
                raise XError(402, "CreditsDepleted", "Your account has no credits to fulfil this request.")
            case Trouble.FORBIDDEN_403:
                raise XError(403, "Forbidden", "You are not permitted to perform this action.", forbidden)
            case Trouble.SUSPENDED:
                raise XError(403, "Forbidden", "This user is suspended.", forbidden)
            case Trouble.ERRORS_IN_200:
                detail = "You do not have permission to DM one or more participants."
                error = {"title": "Forbidden", "detail": detail, "status": 403, "type": forbidden}
                raise _said(_json(200, {"errors": [error]}))
        return fault

    def _too_fast(self, limit: int, reset_ms: int) -> XError:
        headers = {"x-rate-limit-limit": str(limit), "x-rate-limit-remaining": "0"}
        return XError(
            429, "Too Many Requests", "Too Many Requests", **headers, **{"x-rate-limit-reset": str(reset_ms // 1000)}
        )

    def _count(self, account: str, what: str, limit: int) -> None:
        now = self._now_ms()
        recent = [at for at in self._times.get((account, what), ()) if now - at < WINDOW_MS]
        if len(recent) >= limit:
            raise self._too_fast(limit, recent[0] + WINDOW_MS)
        self._times[account, what] = [*recent, now]

    def _take_dm(self, account: str, contact: str, wish: Body) -> Reply:
        text = wish.get("text")
        if wish.keys() != {"text"} or not isinstance(text, str) or not text.strip() or len(text) > DM_LIMIT:
            raise XError(400, "Invalid Request", "One or more parameters to your request was invalid.")
        self._count(account, "dm", DMS_A_WINDOW)
        if (account, contact) not in self._wrote:
            raise XError(403, "Forbidden", "You do not have permission to DM one or more participants.")
        dm = self._dm(account, contact, text)
        self.keep(Sent("x", account, contact, text, self._now_ms(), dm["id"]))
        known = self.account("x", account)
        echo = self._activity(account, "dm.sent", self._with_users(dm, account, contact))
        mark = {"created_timestamp": str(self._now_ms()), "sender_id": contact, "target": {"recipient_id": account}}
        read = {"direct_message_mark_read_events": [{**mark, "last_read_event_id": dm["id"]}]}
        self._pending += [(known, echo), (known, self._activity(account, "dm.read", read))]
        return _json(201, {"data": {"dm_conversation_id": f"{contact}-{account}", "dm_event_id": dm["id"]}})

    def _take_post(self, account: str, wish: Body) -> Reply:
        text, reply = wish.get("text"), wish.get("reply")
        answered = reply.get("in_reply_to_tweet_id") if isinstance(reply, dict) else None
        if wish.keys() - {"text", "reply"} or not isinstance(text, str) or not text.strip():
            raise XError(400, "Invalid Request", "One or more parameters to your request was invalid.")
        if weigh(text) > POST_LIMIT or len(_CASHTAG.findall(text)) > 1:
            raise XError(400, "Invalid Request", "Your post is not allowed: too long, or too many cashtags.")
        self._count(account, "post", POSTS_A_WINDOW)
        if reply is not None and answered not in self._posts:
            raise XError(400, "Invalid Request", "The post that you are answering is deleted or not visible to you.")
        if reply is not None and not self._posts[answered or ""].names_us:
            detail = "You may only answer posts whose author mentioned or quoted you."
            raise XError(403, "Forbidden", detail, "https://api.twitter.com/2/problems/not-authorized-for-resource")
        written = self._new_post(account, text)
        to = self._posts[answered].author if answered else ""
        if answered:
            written |= {"in_reply_to_tweet_id": answered, "in_reply_to_user_id": to}
            written |= {"referenced_tweets": [{"type": "replied_to", "id": answered}]}
        self.keep(Sent("x_posts", account, to, text, self._now_ms(), written["id"], public=True))
        echo = self._activity(account, "post.create", written)
        self._pending.append((self.account("x_posts", account), echo))
        return _json(201, {"data": {"id": written["id"], "text": text, "edit_history_tweet_ids": [written["id"]]}})

    def _renew(self, headers: Mapping[str, str], body: bytes) -> Reply | None:
        """OAuth 2: of a pair only the newest is good."""
        fields, kind = dict(parse_qsl(body.decode("ascii"))), headers.get("content-type", "")
        if kind != "application/x-www-form-urlencoded" or fields.get("grant_type") != "refresh_token":
            return _oauth(400, "invalid_request", "Missing required parameter [grant_type].")
        if (fault := self.next_fault()) is not None and fault != Trouble.RENEWED_UNHEARD:
            if fault == Trouble.RATE_429:
                return _oauth(429, "slow_down", "Too Many Requests")
            return spoil(Spoilt(fault), _json(200, {}), b"{}")
        self._remember(fields.get("refresh_token", ""))
        account = next(
            (one for one, grant in self._grants.items() if grant.refresh == fields.get("refresh_token")), None
        )
        if account is None:
            return _oauth(400, "invalid_request", "Value passed for the token was invalid.")
        known = next(each for each in self.accounts() if each.id == account and each.refresh)
        pair = base64.b64encode(f"{known.client_id}:{known.client_secret}".encode()).decode()
        public = not known.client_secret and fields.get("client_id") == known.client_id
        if not public and headers.get("authorization") != f"Basic {pair}":
            return _oauth(401, "unauthorized_client", "Missing valid authorization header")
        number, now = self.next_number(), self._now_ms()
        new = Grant(f"renewed-{account}-{now}-{number}", f"refresh-{account}-{now}-{number}", now + LIFE_S * 1000)
        self._grants[account] = new
        self._as_registered.discard(account)
        if fault == Trouble.RENEWED_UNHEARD:
            return None
        lives = {"token_type": "bearer", "expires_in": LIFE_S, "scope": "dm.write dm.read tweet.read offline.access"}
        return _json(200, {"access_token": new.token, "refresh_token": new.refresh, **lives})

    # What X writes; the lock is held

    def _meet(self, account: str, contact: str, name: str | None) -> None:
        self._names[account] = "Hotel Jadran"
        self._names[contact] = name or self._names.get(contact, "Customer")

    def _new_id(self) -> str:
        return str((self._now_ms() - _BEGAN_MS) << 22 | self.next_number())

    def _user(self, user_id: str) -> Body:
        name = self._names.get(user_id, "Customer")
        return {"id": user_id, "name": name, "username": f"user{user_id[-6:]}", "protected": False, "verified": False}

    def _dm(self, sender: str, recipient: str, text: str) -> Body:
        data = {"text": text, "entities": {"hashtags": [], "symbols": [], "user_mentions": [], "urls": []}}
        created = {"target": {"recipient_id": recipient}, "sender_id": sender, "message_data": data}
        head = {"type": "message_create", "id": self._new_id(), "created_timestamp": str(self._now_ms())}
        return {**head, "message_create": created}

    def _with_users(self, dm: Body, *users: str) -> Body:
        return {"direct_message_events": [dm], "users": {one: {"data": self._user(one)} for one in users}}

    def _new_post(self, author: str, text: str) -> Body:
        post_id = self._new_id()
        head = {"id": post_id, "author_id": author, "text": text, "created_at": _iso(self._now_ms() // 1000 * 1000)}
        return {**head, "conversation_id": post_id, "edit_history_tweet_ids": [post_id], "lang": "en"}


def weigh(text: str) -> int:
    """A post's length as the contract has it: links 23, letters beyond the light ranges 2, an emoji 2."""
    plain, links = _LINK.subn("", unicodedata.normalize("NFC", text))
    letters = _JOINED.sub("", plain)
    return 23 * links + sum(1 if any(ord(each) in light for light in _LIGHT) else 2 for each in letters)


def _signature(body: bytes, secret: str) -> str:
    return "sha256=" + base64.b64encode(hmac.new(secret.encode(), body, hashlib.sha256).digest()).decode()


def _said(reply: Reply) -> XError:
    """An answer of X's that is no problem document."""
    error = XError(reply.status, "", "")
    error.reply = reply
    return error


def _json(status: int, body: Body, headers: Mapping[str, str] | None = None) -> Reply:
    return as_json(status, json.dumps(body).encode(), dict(headers or {}))


def _oauth(status: int, error: str, description: str) -> Reply:
    return _json(status, {"error": error, "error_description": description})


def _read(headers: Mapping[str, str], raw: bytes) -> Body:
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise XError(415, "Unsupported Media Type", "The content type is not application/json.")
    try:
        body = json.loads(raw)
    except ValueError as error:
        raise XError(400, "Invalid Request", "The body is no JSON.") from error
    if not isinstance(body, dict):
        raise XError(400, "Invalid Request", "The body is no object.")
    return body


def _iso(ms: int) -> str:

    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


FAKE = FakeX
