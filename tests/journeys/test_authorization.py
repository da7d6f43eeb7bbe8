"""Who may do what under /api: every route for every kind of caller, with tokens that are signed.

Whoever is let in nowhere gets the same on every route; the table says what the others get.
"""

import json
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import jwt
import pytest
from afterhours import settings
from afterhours.stores import config
from afterhours.stores.dynamo import to_item
from afterhours_local.authorizer import JwtAuthorizer
from afterhours_local.gateway import Gateway
from afterhours_local.http_event import HttpAnswer, HttpRequest
from afterhours_local.notices import say_nothing
from cryptography.hazmat.primitives.asymmetric import rsa
from declared import undeclared
from http_api import request
from seeded import UNKNOWN_TID, Seeded
from world import ANA, IVO, PASSWORD, Ulid, World

Cell = tuple[int, str | None]  # status, code; the gateway's own answers have none

UNAUTHORIZED: Cell = (401, None)
WITHOUT_SCOPE: Cell = (403, None)
LET_IN_NOWHERE: dict[str, Cell] = {
    "no token": UNAUTHORIZED,
    "no token but a word": UNAUTHORIZED,
    "expired": UNAUTHORIZED,
    "never expires": UNAUTHORIZED,
    "not yet valid": UNAUTHORIZED,
    "signed by a stranger": UNAUTHORIZED,
    "signed by nobody": UNAUTHORIZED,
    "of another pool": UNAUTHORIZED,
    "of another client": UNAUTHORIZED,
    "ID token": WITHOUT_SCOPE,
    "without the scope": WITHOUT_SCOPE,
    "of another tenant": (403, "not_an_agent"),
}
ROLES = ("agent", "lead", "admin")
OK: Cell = (200, None)
ACCEPTED: Cell = (202, None)
NO_INBOX, NO_THREAD = (404, "unknown_inbox"), (404, "unknown_thread")
NOT_ALLOWED = (403, "not_allowed")


class Row(NamedTuple):
    """`state` of the thread: the caller's (mine), nobody's (free) or resolved. `each`: agent, lead, admin."""

    route: str
    each: tuple[Cell, Cell, Cell]
    of_another_inbox: Cell
    body: Mapping[str, Any] | None = None
    state: str = "mine"


def everybody(cell: Cell) -> tuple[Cell, Cell, Cell]:
    return cell, cell, cell


def leading(cell: Cell) -> tuple[Cell, Cell, Cell]:
    return NOT_ALLOWED, cell, cell


def thread(
    route: str, each: tuple[Cell, Cell, Cell], body: Mapping[str, Any] | None = None, state: str = "mine"
) -> Row:
    method, _, below = route.partition(" ")
    return Row(f"{method} /api/threads/{{thread}}{below}", each, NO_THREAD, body, state)


FENCE = {"fence": "FENCE"}
SEEN = {**FENCE, "last_inbound": "SEEN"}
TEXT = {"key": "KEY", "text": "We are here."}
ROWS = [
    Row("GET /api/openapi.json", everybody(OK), OK),
    Row("GET /api/me", everybody(OK), OK),
    Row("POST /api/inboxes/{inbox}/pull", everybody(OK), NO_INBOX, {}, "free"),
    Row("GET /api/inboxes/{inbox}/threads", everybody(OK), NO_INBOX),
    Row("GET /api/inboxes/{inbox}/search?number=MFRGGZDF-1", everybody(OK), NO_INBOX),
    Row("GET /api/inboxes/{inbox}/tickets?day=2026-11-11", leading(OK), NO_INBOX),
    Row("GET /api/inboxes/{inbox}/colleagues", everybody(OK), NO_INBOX),
    thread("GET ", everybody(OK)),
    thread("GET /ticket", everybody(OK)),
    thread("GET /answers", everybody(OK)),
    thread("GET /contact", everybody(OK)),
    thread("GET /attachments/{event}/{index}", everybody(OK)),
    thread("POST /claim", everybody(OK), {}, "free"),
    thread("POST /heartbeat", everybody(OK), FENCE),
    thread("POST /reply", everybody(ACCEPTED), {**SEEN, **TEXT}),
    thread("POST /reply", ((403, "not_approved"), ACCEPTED, ACCEPTED), {**SEEN, **TEXT, "answer": "draft"}),
    thread("POST /note", everybody(OK), TEXT),
    thread("POST /tag", everybody(OK), {"add": ["wedding"]}),
    thread("POST /assign", everybody(OK), {**FENCE, "agent": "LEAD"}),
    thread("POST /assign", leading(OK), {"agent": "LEAD"}),
    thread("POST /transfer", everybody((409, "held")), {**FENCE, "inbox": "sales"}),
    thread("POST /transfer", leading((409, "held")), {"inbox": "sales"}),
    thread("POST /release", everybody(OK), FENCE),
    thread("POST /snooze", everybody(OK), {**SEEN, "until": "next_opening"}),
    thread("POST /resolve", everybody(OK), SEEN),
    thread("POST /reopen", everybody(OK), {}, "resolved"),
    thread("POST /approve", leading(ACCEPTED), {"key": "HELD"}),
    thread("POST /reject", leading(ACCEPTED), {"key": "HELD", "reason": "Say it kindlier."}),
    thread("POST /erase", (NOT_ALLOWED, NOT_ALLOWED, OK), {"confirm": "NUMBER"}),
]


class Keys(NamedTuple):
    """One of ours, which the gateway takes for the issuer's, and a stranger's."""

    ours: rsa.RSAPrivateKey
    stranger: rsa.RSAPrivateKey


@pytest.fixture(scope="module")
def keys() -> Keys:
    return Keys(*(rsa.generate_private_key(public_exponent=65537, key_size=2048) for _ in range(2)))


@dataclass
class Door:
    """The stack's gateway, whose authorizer knows a key of ours beside the issuer's; and what callers show it."""

    seeded: Seeded
    ulid: Ulid
    keys: Keys
    keys_file: Path
    subs: dict[str, str]

    def __post_init__(self) -> None:
        world = self.seeded.world
        pool, known = world.stack.user_pool, settings.load()
        with urllib.request.urlopen(f"{pool.url}/{pool.pool_id}/.well-known/jwks.json", timeout=5) as answer:
            issuers = json.load(answer)["keys"]
        ours = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(self.keys.ours.public_key()))
        self.keys_file.write_text(json.dumps({"keys": [*issuers, {**ours, "kid": "ours", "alg": "RS256"}]}))
        agents = JwtAuthorizer(
            issuer=known.user_pool_issuer, audience=[known.user_pool_client_id], keys_url=self.keys_file.as_uri()
        )
        self._gateway = Gateway(
            world.stack.template.routes,
            invoke=world.stack.invoke,
            authorizers={"Agents": agents},
            now_ms=world.stack.clock.now_ms,
            say=say_nothing,
        )
        self._real = pool.sign_in(ANA, PASSWORD)
        self._claims = jwt.decode(self._real.access_token, options={"verify_signature": False})

    def token(self, sub: str, key: Any = None, **spoilt: Any) -> str:
        """A token as the pool makes them, for this user, with something spoilt; None takes a claim out."""
        claims = {name: value for name, value in {**self._claims, "sub": sub, **spoilt}.items() if value is not None}
        return jwt.encode(claims, key or self.keys.ours, algorithm="RS256", headers={"kid": "ours"})

    def bad_tokens(self) -> dict[str, str | None]:
        lead, now = self.subs["lead"], int(settings.issuers_now_s())
        nobody = jwt.encode(self._claims, None, algorithm="none", headers={"kid": "ours"})
        return {
            "no token": None,
            "no token but a word": "let-me-in",
            "expired": self.token(lead, exp=now - 1),
            "never expires": self.token(lead, exp=None),
            "not yet valid": self.token(lead, nbf=now + 3600),
            "signed by a stranger": self.token(lead, self.keys.stranger),
            "signed by nobody": nobody,
            "of another pool": self.token(lead, iss=f"{self._claims['iss']}x"),
            "of another client": self.token(lead, client_id="another"),
            "ID token": self._real.id_token,
            "without the scope": self.token(lead, scope="openid"),
            "of another tenant": self.token(self.subs["of another tenant"]),
        }

    def set_up(self, row: Row, caller: str) -> None:
        """The thread as the row wants it."""
        self.seeded.set_back(
            self.subs[caller] if row.state == "mine" else None, "resolved" if row.state == "resolved" else "open"
        )

    def ask(self, row: Row, token: str | None, *, thread: str = "") -> HttpAnswer:
        """The row's request, with what the caller would know if the thread were theirs."""
        method, _, path = row.route.partition(" ")
        path = path.replace("attachments/{event}/{index}", self.seeded.picture)
        target = path.format(inbox="support", thread=thread or self.seeded.thread)
        head = self.seeded.head()
        words = {
            "FENCE": head.fence, "SEEN": head.last_inbound, "KEY": self.ulid(), "HELD": self.seeded.held,
            "LEAD": self.subs["lead"], "NUMBER": self.seeded.number,
        }  # fmt: skip
        body = {name: words.get(str(value), value) for name, value in (row.body or {}).items()}
        headers = {"content-type": "application/json", **({"authorization": f"Bearer {token}"} if token else {})}
        raw = json.dumps(body).encode() if row.body is not None else b""
        answer = self._gateway.answer(HttpRequest(method, target, tuple(headers.items()), raw))
        assert (wrong := undeclared(method, target, answer)) is None, wrong
        return answer


@pytest.fixture
def door(world: World, ulid: Ulid, keys: Keys, tmp_path: Path) -> Door:
    known = {agent.email: agent.id for agent in config.agents()}
    subs = {
        "agent": known[IVO],
        "lead": known[ANA],
        "admin": "00000000-0000-4000-8000-00000000000a",
        "of another inbox": "00000000-0000-4000-8000-00000000000b",
        "of another tenant": world.stack.user_pool.add_user("guest@example.org", PASSWORD),
    }
    world.stack.user_pool.add_user(ANA, PASSWORD)
    seeded = Seeded.plant(world, ulid)
    seeded.permit(subs["admin"], support="admin")
    seeded.permit(subs["of another inbox"], sales="admin")
    return Door(seeded, ulid, keys, tmp_path / "jwks.json", subs)


def cell(answer: HttpAnswer) -> Cell:
    is_problem = dict(answer.headers)["content-type"] == "application/problem+json"
    return answer.status, json.loads(answer.body)["code"] if is_problem else None


def unknown(thread: str) -> str:
    """The name of a thread that is not there."""
    return f"{thread.rpartition('.')[0]}.{UNKNOWN_TID}"


def without_id(answer: HttpAnswer) -> HttpAnswer:
    return answer._replace(headers=tuple(each for each in answer.headers if each[0] != "apigw-requestid"))


def test_the_table_has_every_route_of_the_template_and_no_other(world: World) -> None:
    routes = {f"{route.method} {route.path}" for route in world.stack.template.routes if route.path.startswith("/api")}
    assert {row.route.partition("?")[0] for row in ROWS} == routes


def test_every_caller_gets_what_the_table_says_and_who_is_refused_changes_nothing(door: Door) -> None:
    refused = door.bad_tokens() | {"of another inbox": door.token(door.subs["of another inbox"])}
    for row in ROWS:
        door.set_up(row, "lead")
        before = door.seeded.world.items()
        answers = {caller: door.ask(row, token) for caller, token in refused.items()}
        assert door.seeded.world.items() == before, row
        if "{thread}" in row.route:
            missing = door.ask(row, refused["of another inbox"], thread=unknown(door.seeded.thread))
            assert without_id(missing) == without_id(answers["of another inbox"]), row
        cells = {caller: cell(answer) for caller, answer in answers.items()}
        for role in ROLES:
            door.set_up(row, role)
            cells[role] = cell(door.ask(row, door.token(door.subs[role])))
        assert cells == {
            **LET_IN_NOWHERE, "of another inbox": row.of_another_inbox, **dict(zip(ROLES, row.each, strict=True))
        }, row  # fmt: skip


# Behind the authorizer

SPOILT: dict[str, dict[str, str | None]] = {
    "another issuer": {"iss": "https://issuer.example/pool"},
    "no issuer": {"iss": None},
    "an ID token": {"token_use": "id"},
    "no use": {"token_use": None},
    "another client": {"client_id": "another"},
    "an audience only": {"client_id": None, "aud": "CLIENT"},
    "no scope": {"scope": None},
    "another scope": {"scope": "openid afterhours/agents"},
    "scopes in one word": {"scope": "openid,afterhours/agent"},
    "expired": {"exp": "1"},
    "no expiry": {"exp": None},
    "an expiry in words": {"exp": "tomorrow"},
    "an expiry in powers": {"exp": "9e99"},
    "a negative expiry": {"exp": "-1"},
    "an expiry in other digits": {"exp": "٩٩٩٩٩٩٩٩٩٩٩"},
    "a whole day's expiry": {"exp": "99999999999999999999"},
    "an empty expiry": {"exp": ""},
    "nobody": {"sub": ""},
    "no subject": {"sub": None},
}


def claims(of: str, **spoilt: str | None) -> dict[str, str]:
    known = settings.load()
    good: dict[str, str | None] = {
        "iss": known.user_pool_issuer,
        "token_use": "access",
        "client_id": known.user_pool_client_id,
        "scope": "openid afterhours/agent",
        "exp": str(int(settings.issuers_now_s()) + 60),
        "sub": of,
    }
    spoilt = {name: known.user_pool_client_id if value == "CLIENT" else value for name, value in spoilt.items()}
    return {name: value for name, value in {**good, **spoilt}.items() if value is not None}


def invoked(world: World, function: str, claims: Mapping[str, str] | None) -> Cell:
    """The function itself, as if the authorizer had let these claims in."""
    below = {"thread": world.name(), "event": "E#1794391200000#I#x", "index": "0"}
    if function == "AttachmentFunction":
        event = request("GET", "/api/threads/{thread}/attachments/{event}/{index}", below)
    else:
        event = request("GET", "/api/me", {})
    if claims is not None:
        event["requestContext"]["authorizer"] = {"jwt": {"claims": dict(claims), "scopes": None}}
    answer = world.stack.invoke(function, event)
    return int(answer["statusCode"]), json.loads(answer["body"]).get("code")


@pytest.mark.parametrize("function", ["AgentApiFunction", "AttachmentFunction"])
def test_the_functions_check_the_claims_once_more(world: World, function: str) -> None:
    sub = world.stack.user_pool.add_user(ANA, PASSWORD)
    cells = {name: invoked(world, function, claims(sub, **spoilt)) for name, spoilt in SPOILT.items()}
    assert cells == dict.fromkeys(SPOILT, (401, "unauthorized"))
    assert invoked(world, function, None) == (401, "unauthorized")
    assert invoked(world, function, claims(sub))[0] == (200 if function == "AgentApiFunction" else 404)
    assert invoked(world, function, claims("somebody")) == (403, "not_an_agent")


# Permissions are read anew


def test_a_permission_that_is_taken_away_is_gone_at_once(door: Door) -> None:
    world, lead = door.seeded.world, door.subs["lead"]
    show, me = thread("GET ", everybody(OK)), Row("GET /api/me", everybody(OK), OK)
    assert cell(door.ask(show, door.token(lead))) == OK
    door.seeded.configure("AGENT", lead, email=ANA, inboxes={"sales": "admin"})
    assert cell(door.ask(show, door.token(lead))) == NO_THREAD
    key = to_item({"pk": "AGENT", "sk": lead})
    world.stack.clients.dynamodb.delete_item(TableName=world.stack.environment["CONFIG_TABLE"], Key=key)
    assert cell(door.ask(show, door.token(lead))) == (403, "not_an_agent")
    assert cell(door.ask(me, door.token(lead))) == (403, "not_an_agent")


def test_another_role_counts_at_once(door: Door) -> None:
    approve = next(row for row in ROWS if row.route.endswith("/approve"))
    agent, lead = door.subs["agent"], door.subs["lead"]
    door.seeded.permit(agent, support="lead")
    door.seeded.permit(lead, support="agent")
    door.set_up(approve, "lead")
    assert cell(door.ask(approve, door.token(agent))) == ACCEPTED
    assert cell(door.ask(approve, door.token(lead))) == NOT_ALLOWED


def test_a_token_of_the_pool_itself_opens_the_same_doors(world: World) -> None:
    assert world.agent(ANA).call("GET", "/api/me")[0] == 200
