"""What agents, and programs in their name, may get wrong: a clear answer, nothing sent, nothing lost, nothing logged.

A row is one request; its answer is a status, a code, and words of the sentence that says what to do.
"""

import json
from collections.abc import Mapping
from typing import Any, NamedTuple

import pytest
from afterhours.playbook import Playbook
from afterhours.stores import config
from afterhours.stores.threads import outbound_key
from afterhours_local.http_event import HttpRequest
from declared import undeclared
from seeded import COLLEAGUE, Seeded
from world import ACCOUNTS, ANA, IVO, AgentClient, Ulid, World

CANARY = "canary-quokka"  # in every text; no log has it
YEAR_2016 = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
DAY_MS = 86_400_000
CLOSED = dict.fromkeys(("mon", "tue", "wed", "thu", "fri", "sat", "sun"), "closed")
JSON = "application/json"
BEFORE_THE_FUNCTIONS = (413, None, "Request Entity Too Large")
NO_JSON = (400, "bad_request", "JSON object")
NO_COLLEAGUE = (404, "unknown_agent", "colleague")
NO_FILE = (404, "unknown_attachment", "look at the thread")
NO_INBOX = (404, "unknown_inbox", "no such inbox")
NO_FENCE = (400, "bad_request", "fence: ")
NO_TEXT = (422, "bad_text", "Write a text")

Answered = tuple[int, str | None, str]  # status, code, words of the detail


class Desk:
    """An agent whose thread it is, and all that is stored and sent before and after a request."""

    def __init__(self, seeded: Seeded, client: AgentClient, sub: str, ulid: Ulid) -> None:
        self.seeded, self.client, self.sub, self.ulid = seeded, client, sub, ulid
        self.world = seeded.world

    @property
    def path(self) -> str:
        return f"/api/threads/{self.seeded.thread}"

    def reply(self, **spoilt: Any) -> dict[str, Any]:
        head = self.seeded.head()
        seen = {"fence": head.fence, "last_inbound": head.last_inbound}
        return {"key": self.ulid(), "text": f"Good morning, {CANARY}.", **seen, **spoilt}

    def refused(
        self, verb: str, body: Mapping[str, Any] | bytes, *, client: AgentClient | None = None, kind: str = JSON
    ) -> Answered:
        raw = body if isinstance(body, bytes) else json.dumps(body).encode()
        return self.asked("POST", f"{self.path}/{verb}", raw, client=client, kind=kind)

    def asked(
        self, method: str, target: str, raw: bytes = b"", *, client: AgentClient | None = None, kind: str = JSON
    ) -> Answered:
        """The refusal, by which nothing has changed."""
        before, sent = self.world.items(), self.world.sent
        headers = (("authorization", f"Bearer {(client or self.client).token}"), ("content-type", kind))
        answer = self.world.stack.answer(HttpRequest(method, target, headers, raw))
        assert (wrong := undeclared(method, target, answer)) is None, wrong
        assert 400 <= answer.status < 500, (answer.status, answer.body)
        self.world.stack.drain()
        assert self.world.items() == before
        assert self.world.sent == sent
        said = json.loads(answer.body)
        return answer.status, said.get("code"), said.get("detail", said.get("message"))


@pytest.fixture
def seeded(world: World, ulid: Ulid) -> Seeded:
    return Seeded.plant(world, ulid)


@pytest.fixture
def ana(world: World) -> AgentClient:
    """A lead."""
    return world.agent(ANA)


@pytest.fixture
def ivo(seeded: Seeded, ulid: Ulid) -> Desk:
    """An agent; the thread is his."""
    return desk(seeded, IVO, ulid)


def desk(seeded: Seeded, email: str, ulid: Ulid) -> Desk:
    sub = next(agent.id for agent in config.agents() if agent.email == email)
    seeded.set_back(sub)
    return Desk(seeded, seeded.world.agent(email), sub, ulid)


def as_told(found: Mapping[str, Answered], expected: Mapping[str, Answered]) -> bool:
    """Status and code are equal, and the detail has the words."""
    assert {name: answer[:2] for name, answer in found.items()} == {name: each[:2] for name, each in expected.items()}
    for name, (_, _, words) in expected.items():
        assert words in found[name][2], (name, found[name][2])
    return True


# Texts


def test_a_text_that_cannot_be_shown_is_not_taken(ivo: Desk, capsys: Any, caplog: pytest.LogCaptureFixture) -> None:
    texts = {
        "empty": "",
        "blanks": " \t\n\u00a0\u3000",
        "nothing that is seen": "\u200b\u200d\u2060\u00ad",
        "an escape": f"{CANARY}\x1b[2J",
        "a bell": f"{CANARY}\x07",
        "NUL": f"{CANARY}\x00",
        "half of a pair": f"{CANARY}\ud83d",
        "a lost character": f"{CANARY}\ufffd",
    }
    found = {name: ivo.refused("reply", ivo.reply(text=text)) for name, text in texts.items()}
    assert as_told(found, dict.fromkeys(texts, NO_TEXT))
    found = {name: ivo.refused("note", {"key": ivo.ulid(), "text": text}) for name, text in texts.items()}
    assert as_told(found, dict.fromkeys(texts, NO_TEXT))
    logged = capsys.readouterr().out + "".join(str(vars(record)) for record in caplog.records)
    assert CANARY not in logged


class Limit(NamedTuple):
    channel: str
    fits: str
    is_over: str
    said: str


@pytest.mark.parametrize(
    "limit",
    [
        Limit("messenger", "é" * 2000, "é" * 10_001, "10001 of 2000 characters, which makes 6 messages of at most 5"),
        Limit("instagram", "é" * 500, "é" * 2500 + "e", "5001 of 1000 bytes, which makes 6 messages of at most 5"),
        Limit("instagram", "😀" * 250, "😀" * 1251, "5004 of 1000 bytes, which makes 6 messages of at most 5"),
    ],
    ids=lambda limit: limit.said,
)
def test_a_text_is_measured_in_the_platforms_own_unit(world: World, ulid: Ulid, limit: Limit) -> None:
    world.say("I want a person", channel=limit.channel, contact="7415500923317748")
    ana = world.agent(ANA)
    thread = ana.pull()
    assert thread
    assert thread["account"] == ACCOUNTS[limit.channel]
    before = world.items()
    status, answer = ana.reply(thread, limit.is_over, ulid())
    assert (status, answer["code"]) == (422, "too_long")
    assert limit.said in answer["detail"]
    assert "shorten it" in answer["detail"]
    assert world.items() == before
    assert ana.reply(thread, limit.fits, ulid())[0] == 202
    world.stack.drain()
    assert world.sent[-1] == limit.fits


def test_what_the_platform_would_not_take_is_refused_with_what_is_left(ivo: Desk) -> None:
    world = ivo.world
    world.threads.update(ivo.seeded.pk, "#", "SET #opted_out_at = :now", when="attribute_exists(#pk)", now=world.now_ms)
    opted_out = ivo.refused("reply", ivo.reply())
    world.threads.update(ivo.seeded.pk, "#", "REMOVE #opted_out_at", when="attribute_exists(#pk)")
    world.wait(25 * 3600)
    found = {"opted out": opted_out, "window closed": ivo.refused("reply", ivo.reply())}
    assert as_told(
        found,
        {
            "opted out": (422, "opted_out", "Notes are still possible"),
            "window closed": (422, "window_closed", "Still possible: a note"),
        },
    )


# Keys and fences


def test_a_key_that_was_used_is_answered_with_what_is_stored(ivo: Desk, ana: AgentClient) -> None:
    body = ivo.reply()
    reply, note = f"{ivo.path}/reply", f"{ivo.path}/note"
    first = ivo.client.call("POST", reply, body)
    assert first[0] == 202
    again = ivo.client.call("POST", reply, {**body, "text": "Something else.", "fence": 1})
    assert (again[0], again[1]["key"], again[1]["state"]) == (202, body["key"], first[1]["state"])
    words = {"key": ivo.ulid(), "text": CANARY}
    kept = ivo.client.call("POST", note, words)
    assert kept[0] == 200
    ivo.world.wait(3600)  # a page that was closed for an hour sends again what it has not seen answered
    assert ivo.client.call("POST", note, {**words, "text": "Something else."}) == kept
    found = {
        "a reply of another agent": ivo.refused("reply", body, client=ana),
        "a note of another agent": ivo.refused("note", words, client=ana),
    }
    assert as_told(found, dict.fromkeys(found, (409, "already", "make a new ULID")))
    history = ivo.client.call("GET", ivo.path)[1]["history"]
    assert sorted(entry["verb"] for entry in history) == ["noted", "replied"]


def test_keys_and_fences_that_do_not_hold(ivo: Desk, ana: AgentClient) -> None:
    fence, seen = ivo.seeded.head().fence, ivo.seeded.head().last_inbound
    bad_key, stale, malformed = (
        (400, "bad_key", "make a new ULID"),
        (409, "stale_fence", "Look again"),
        (400, "bad_request"),
    )
    rows: dict[str, tuple[str, dict[str, Any], Answered]] = {
        "a key of 2016": ("reply", ivo.reply(key=YEAR_2016), bad_key),
        "a key of the end of time": ("reply", ivo.reply(key="7" + "Z" * 25), bad_key),
        "a note's key of 2016": ("note", {"key": YEAR_2016, "text": CANARY}, bad_key),
        "a small letter in the key": ("reply", ivo.reply(key=ivo.ulid().lower()), (*malformed, "key")),
        "a key with a line more": ("reply", ivo.reply(key=ivo.ulid() + "\n"), (*malformed, "key")),
        "an old fence": ("reply", ivo.reply(fence=fence + 1), stale),
        "a fence of text": ("reply", ivo.reply(fence=str(fence)), NO_FENCE),
        "a fence that is true": ("reply", ivo.reply(fence=True), NO_FENCE),
        "half a fence": ("reply", ivo.reply(fence=fence + 0.5), NO_FENCE),
        "no fence": ("release", {}, NO_FENCE),
        "an old fence to release": ("release", {"fence": fence + 1}, stale),
        "an old fence to assign": ("assign", {"fence": fence + 1, "agent": ivo.sub}, stale),
        "an old fence to transfer": ("transfer", {"fence": fence + 1, "inbox": "sales"}, stale),
        "an old fence to snooze": (
            "snooze",
            {"fence": fence + 1, "last_inbound": seen, "until": "next_opening"},
            stale,
        ),
        "an old fence to resolve": ("resolve", {"fence": fence + 1, "last_inbound": seen}, stale),
        "an old fence to keep": ("heartbeat", {"fence": fence + 1}, (409, "lease_over", "Claim the thread again")),
        "what was seen before": (
            "resolve",
            {"fence": fence, "last_inbound": "E#1794391200000#I#older"},
            (409, "new_message", "Read it"),
        ),
        "nothing seen": ("resolve", {"fence": fence, "last_inbound": None}, (409, "new_message", "Read it")),
        "nothing said of what was seen": ("resolve", {"fence": fence}, (*malformed, "last_inbound")),
    }
    found = {name: ivo.refused(verb, body) for name, (verb, body, _) in rows.items()}
    assert as_told(found, {name: expected for name, (_, _, expected) in rows.items()})
    by_another = {
        "a claim of somebody else": ivo.refused("reply", ivo.reply(), client=ana),
        "to take what somebody has": ivo.refused("claim", {}, client=ana),
        "to reopen what is open": ivo.refused("reopen", {}, client=ana),
    }
    assert as_told(
        by_another,
        {
            "a claim of somebody else": stale,
            "to take what somebody has": (409, "not_claimable", "or pull"),
            "to reopen what is open": (409, "already", "claim it"),
        },
    )


# Verbs


def test_verbs_that_ask_for_what_cannot_be(ivo: Desk) -> None:
    head, now = ivo.seeded.head(), ivo.world.now_ms
    ivo.seeded.permit("elsewhere", sales="agent")
    seen = {"fence": head.fence, "last_inbound": head.last_inbound}
    past, malformed = (422, "past", "epoch milliseconds"), (400, "bad_request")
    rows: dict[str, tuple[str, dict[str, Any], Answered]] = {
        "a tag of 10,000 characters": ("tag", {"add": ["x" * 10_000]}, (*malformed, "add.0")),
        "a tag with a blank": ("tag", {"add": ["very angry"]}, (*malformed, "without blanks")),
        "an empty tag": ("tag", {"add": [""]}, (*malformed, "1 to 40 letters")),
        "a tag that is markup": ("tag", {"add": ["<b>"]}, (*malformed, "1 to 40 letters")),
        "21 tags": ("tag", {"add": [f"t{number}" for number in range(21)]}, (*malformed, "at most 20")),
        "a tag alone": ("tag", {"add": "vip"}, (*malformed, "add")),
        "snooze until now": ("snooze", {**seen, "until": now}, past),
        "snooze until the past": ("snooze", {**seen, "until": now - DAY_MS}, past),
        "snooze for two years": ("snooze", {**seen, "until": now + 730 * DAY_MS}, past),
        "snooze in seconds": ("snooze", {**seen, "until": now // 1000}, past),
        "snooze until some day": ("snooze", {**seen, "until": "tomorrow"}, (*malformed, "next_opening")),
        "assign to nobody": ("assign", {"fence": head.fence, "agent": ""}, (*malformed, "agent")),
        "assign to a stranger": ("assign", {"fence": head.fence, "agent": "stranger"}, NO_COLLEAGUE),
        "assign to another inbox's": (
            "assign", {"fence": head.fence, "agent": "elsewhere"}, NO_COLLEAGUE,
        ),
        "transfer to nowhere": (
            "transfer", {"fence": head.fence, "inbox": "nowhere"}, (404, "unknown_inbox", "no other inbox"),
        ),
        "transfer to where it is": (
            "transfer", {"fence": head.fence, "inbox": "support"}, (404, "unknown_inbox", "no other inbox"),
        ),
        "transfer with a held reply": ("transfer", {"fence": head.fence, "inbox": "sales"}, (409, "held", "approved")),
        "a canned answer that is gone": ("reply", ivo.reply(answer="gone"), (404, "unknown_answer", "look again")),
        "a canned answer not approved": ("reply", ivo.reply(answer="draft"), (403, "not_approved", "ask a lead")),
        "approve as an agent": ("approve", {"key": ivo.seeded.held}, (403, "not_allowed", "ask one")),
        "reject as an agent": ("reject", {"key": ivo.seeded.held, "reason": CANARY}, (403, "not_allowed", "ask one")),
    }  # fmt: skip
    found = {name: ivo.refused(verb, body) for name, (verb, body, _) in rows.items()}
    assert as_told(found, {name: expected for name, (_, _, expected) in rows.items()})


def test_more_tags_than_a_thread_has_room_for_are_refused_together(ivo: Desk) -> None:
    twenty = [f"t{number}" for number in range(20)]
    assert ivo.client.call("POST", f"{ivo.path}/tag", {"add": twenty})[0] == 200
    status, code, detail = ivo.refused("tag", {"add": ["one-more"]})
    assert (status, code) == (422, "too_many")
    assert "take one off" in detail


def test_an_inbox_that_never_opens_wakes_nobody(ivo: Desk) -> None:
    playbook = ivo.world.sandbox.config.playbooks["hotel"].model_dump(mode="json")
    ivo.world.play_by(Playbook.model_validate({**playbook, "hours": {"zone": "Europe/Zagreb", "week": CLOSED}}))
    head = ivo.seeded.head()
    body = {"fence": head.fence, "last_inbound": head.last_inbound, "until": "next_opening"}
    assert ivo.refused("snooze", body)[1:] == ("past", "This inbox does not open within a year; give a time instead.")


def test_a_lead_decides_on_the_held_replies_of_others_once(seeded: Seeded, ulid: Ulid) -> None:
    lead = desk(seeded, ANA, ulid)
    key = {"key": seeded.held}
    rows = {
        "an unknown key": lead.refused("approve", {"key": ulid()}),
        "a reason of blanks": lead.refused("reject", {**key, "reason": " \n"}),
        "a reason with an escape": lead.refused("reject", {**key, "reason": "\x1b[2J"}),
        "no reason": lead.refused("reject", key),
    }
    lead.world.threads.update(
        seeded.pk, outbound_key(seeded.held), "SET #owner = :me", when="attribute_exists(#pk)", me=lead.sub
    )  # fmt: skip
    rows["one's own"] = lead.refused("approve", key)
    lead.world.threads.update(
        seeded.pk, outbound_key(seeded.held), "SET #owner = :me", when="attribute_exists(#pk)", me=COLLEAGUE
    )  # fmt: skip
    assert lead.client.call("POST", f"{lead.path}/reject", {**key, "reason": "Say it kindlier."})[0] == 202
    rows["twice"] = lead.refused("reject", {**key, "reason": "Say it kindlier."})
    rows["after it was rejected"] = lead.refused("approve", key)
    assert as_told(
        rows,
        {
            "an unknown key": (404, "unknown_reply", "no reply of that key"),
            "a reason of blanks": NO_TEXT,
            "a reason with an escape": NO_TEXT,
            "no reason": (400, "bad_request", "reason"),
            "one's own": (403, "not_allowed", "ask another lead"),
            "twice": (409, "already", "not held any more"),
            "after it was rejected": (409, "already", "not held any more"),
        },
    )


# Bodies


def test_a_body_that_is_no_object_is_refused(ivo: Desk, capsys: Any, caplog: pytest.LogCaptureFixture) -> None:
    good = json.dumps(ivo.reply()).encode()
    named = good.replace(b'"text"', b'"tExt-canary-quokka"')
    rows: dict[str, tuple[bytes, Answered]] = {
        "nothing": (b"", (400, "bad_request", "key: Field required")),
        "no JSON": (b"canary-quokka", NO_JSON),
        "cut short": (good[:-1], NO_JSON),
        "two of them": (good + good, NO_JSON),
        "an array": (b"[" + good + b"]", (400, "bad_request", "body: ")),
        "a text": (b'"canary-quokka"', (400, "bad_request", "body: ")),
        "null": (b"null", (400, "bad_request", "body: ")),
        "NaN": (good.replace(b'"fence": ', b'"fence": NaN, "x": '), NO_JSON),
        "infinity": (good.replace(b'"fence": ', b'"fence": 1e999, "x": '), NO_FENCE),
        "a number of 5,000 digits": (good.replace(b'"fence": ', b'"fence": 1' + b"0" * 5000), NO_FENCE),
        "a number beyond all": (good.replace(b'"fence": ', b'"fence": 9007199254740993'), NO_FENCE),
        "nested deep": (b'{"text": ' * 65 + b"1" + b"}" * 65, NO_JSON),
        "nested beyond all": (b'{"text": ' * 6_000 + b"1" + b"}" * 6_000, NO_JSON),
        "more than 64 KB": (good.replace(b"Good", b"Good" * 20_000), (413, "too_large", "shorten it")),
        "more than the gateway takes": (b" " * (10 * 1024 * 1024 + 1), BEFORE_THE_FUNCTIONS),
        "bytes that are no UTF-8": (good.replace(b"Good", b"\xff\xfe"), NO_TEXT),
        "a member that is none": (named, (400, "bad_request", "Extra inputs are not permitted")),
        "the last of two texts": (good[:-1] + b', "text": " "}', NO_TEXT),
    }  # fmt: skip
    found = {name: ivo.refused("reply", body) for name, (body, _) in rows.items()}
    assert as_told(found, {name: expected for name, (_, expected) in rows.items()})
    raw = ivo.refused("reply", good.replace(b"Good", b"\xff\xfe"), kind="application/octet-stream")
    assert as_told({"as bytes": raw}, {"as bytes": NO_JSON})
    assert ivo.client.call("POST", f"{ivo.path}/reply", json.loads(good))[0] == 202  # nothing of it was lost
    logged = capsys.readouterr().out + "".join(str(vars(record)) for record in caplog.records)
    assert CANARY not in logged


# Words behind the question mark, and paths


def test_queries_that_nobody_understands_are_refused(ivo: Desk) -> None:
    lists, search, tickets = (f"/api/inboxes/support/{each}" for each in ("threads", "search", "tickets"))
    malformed = (400, "bad_request")
    rows: dict[str, tuple[str, Answered]] = {
        "an unknown word": ("/api/me?x=1", (*malformed, "x: Extra inputs")),
        "another unknown word": (f"{ivo.path}?limit=3", (*malformed, "limit: Extra inputs")),
        "an unknown view": (f"{lists}?view=all", (*malformed, "view: ")),
        "a limit of 0": (f"{lists}?limit=0", (*malformed, "limit: ")),
        "a limit of 51": (f"{lists}?limit=51", (*malformed, "limit: ")),
        "a limit in words": (f"{lists}?limit=ten", (*malformed, "limit: ")),
        "two limits": (f"{lists}?limit=1&limit=2", (*malformed, "limit: ")),
        "a day that is none": (f"{lists}?view=resolved&day=2026-02-30", (*malformed, "day: ")),
        "a day with a time": (f"{lists}?view=resolved&day=2026-02-03T00:00", (*malformed, "day: ")),
        "a day in other digits": (f"{lists}?view=resolved&day=%D9%A2026-02-03", (*malformed, "day: ")),
        "no day": (tickets, (*malformed, "day: ")),
        "a day of tickets that is none": (f"{tickets}?day=2026-13-01", (*malformed, "day: ")),
        "a cursor of rubbish": (f"{lists}?cursor=%F0%9F%98%80", (*malformed, "cursor: ")),
        "a cursor beyond ASCII": (f"{lists}?cursor=1794391200000%23%C3%A9", (*malformed, "cursor: ")),
        "a cursor with a line more": (f"{lists}?cursor=1794391200000%23x%0A", (*malformed, "cursor: ")),
        "a cursor that is too long": (f"{lists}?cursor=1794391200000%23{'x' * 301}", (*malformed, "cursor: ")),
        "a timeline's cursor of rubbish": (f"{ivo.path}?cursor=N%23", (*malformed, "cursor: ")),
        "a search for nothing": (search, (*malformed, "exactly one")),
        "a search for two things": (f"{search}?name=a&tag=b", (*malformed, "exactly one")),
        "a search with a wildcard": (f"{search}?name=Pet*", (*malformed, "no wildcards")),
        "a search from no day": (f"{search}?words=a&from=2026-02-30&until=2026-03-01", (*malformed, "from: ")),
    }  # fmt: skip
    found = {name: ivo.asked("GET", target) for name, (target, _) in rows.items()}
    assert as_told(found, {name: expected for name, (_, expected) in rows.items()})


def test_paths_that_lead_nowhere_are_answered_as_such(ivo: Desk) -> None:
    unknown = (404, "unknown_thread", "no such thread")
    account = "whatsapp.106540352242922"
    rows: dict[str, tuple[str, Answered]] = {
        "a thread with NUL": (f"/api/threads/{account}.%00", unknown),
        "NUL in the right length": (f"/api/threads/{account}.{'%00' * 26}", unknown),
        "a slash in a name": (f"/api/threads/{account}%2F..%2Fx", unknown),
        "a number sign in a name": (f"/api/threads/{account}%23x.{'a' * 26}", unknown),
        "another script": (f"/api/threads/{account}.{'%D5%A1' * 26}", unknown),
        "bytes that are no UTF-8": (f"/api/threads/{account}.{'%FF' * 26}", unknown),
        "5,000 characters": (f"/api/threads/{'x' * 5_000}", unknown),
        "beyond the gateway's room": (f"/api/threads/{'x' * 11_000}", (431, None, "Request Header Fields Too Large")),
        "an unknown inbox": ("/api/inboxes/%00/threads", NO_INBOX),
        "an inbox of 5,000 characters": (f"/api/inboxes/{'x' * 5_000}/threads", NO_INBOX),
        "an attachment that is none": (f"{ivo.path}/attachments/E%23x/0", NO_FILE),
        "an attachment beyond the last": (
            f"{ivo.path}/{ivo.seeded.picture[:-1]}99", NO_FILE,
        ),
        "an attachment's number of letters": (
            f"{ivo.path}/{ivo.seeded.picture[:-1]}%D9%A0", NO_FILE,
        ),
        "a route that is none": ("/api/threads", (404, None, "Not Found")),
    }  # fmt: skip
    found = {name: ivo.asked("GET", target) for name, (target, _) in rows.items()}
    assert as_told(found, {name: expected for name, (_, expected) in rows.items()})
