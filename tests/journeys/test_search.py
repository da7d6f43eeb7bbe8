"""Tickets found by number, name, tag and words, through the HTTP API: what was looked for and nothing else."""

from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import pytest
from afterhours.stores import config, search
from afterhours.stores.dynamo import to_item
from counting import counted
from world import ANA, IVO, OPEN, PETRA, AgentClient, Ulid, World

DAY_S = 24 * 3600
TODAY = "2026-11-11"
MILAN, JOSIP = "385911111112", "385911111113"


@pytest.fixture
def ana(world: World) -> AgentClient:
    """A lead."""
    return world.agent(ANA)


@pytest.fixture
def seeded(world: World) -> World:
    """Three customers who were handed to people, and one whom automation has."""
    world.say("I want a person. The heating is broken", name="Petra Novak")
    world.say("I want a person. Where is my invoice?", contact=MILAN, name="Milan Kovač")
    world.say("I want a person, please", contact=JOSIP, name="Josip Novak-Horvat")
    world.say("STOP", contact="385911111114", name="Ana Novak")
    return world


def asked(agent: AgentClient, inbox: str = "support", **query: str) -> tuple[int, Any]:
    return agent.call("GET", f"/api/inboxes/{inbox}/search?{urlencode(query)}")


def found(agent: AgentClient, **query: str) -> list[str]:
    status, answer = asked(agent, **query)
    assert status == 200, answer
    return [thread["contact"]["name"] for thread in answer["threads"]]


def words(agent: AgentClient, said: str, since: str = TODAY, until: str = TODAY) -> Any:
    status, answer = asked(agent, words=said, **{"from": since, "until": until})
    assert status == 200, answer
    return answer


def number(world: World, contact: str = PETRA) -> str:
    return world.pk(contact).rpartition("#")[2][:8]


# The four ways


def test_a_number_finds_its_thread_and_nothing_else(seeded: World, ana: AgentClient) -> None:
    for written in (number(seeded), number(seeded).upper(), f"{number(seeded).upper()}-1", f" {number(seeded)}-1 "):
        assert found(ana, number=written) == ["Petra Novak"]
    assert found(ana, number="aaaaaaaa") == []


def test_an_episode_that_does_not_exist_finds_nothing(seeded: World, ana: AgentClient) -> None:
    assert found(ana, number=f"{number(seeded)}-2") == []


def test_an_episode_before_the_last_finds_the_thread_once(seeded: World, ana: AgentClient) -> None:
    resolve(seeded, ana)
    seeded.wait(3600)
    seeded.say("I want a person again")
    for written in ("", "-1", "-2"):
        assert found(ana, number=f"{number(seeded)}{written}") == ["Petra Novak"]


def test_a_tag_finds_what_has_it_and_no_longer_what_it_was_taken_off(seeded: World, ana: AgentClient) -> None:
    tag(ana, seeded, add=["VIP", "late"])
    tag(ana, seeded, contact=MILAN, add=["late"])
    assert found(ana, tag="vip") == ["Petra Novak"]
    assert sorted(found(ana, tag="late")) == ["Milan Kovač", "Petra Novak"]
    tag(ana, seeded, remove=["late"])
    assert found(ana, tag="late") == ["Milan Kovač"]
    tag(ana, seeded, add=["late"])
    assert sorted(found(ana, tag="late")) == ["Milan Kovač", "Petra Novak"]
    assert found(ana, tag="lat") == []


def test_a_tag_of_before_is_found_on_the_day_of_the_next_handoff(seeded: World, ana: AgentClient) -> None:
    tag(ana, seeded, add=["vip"])
    resolve(seeded, ana)
    seeded.wait(DAY_S)
    seeded.say("I want a person again")
    assert found(ana, tag="vip", **{"from": "2026-11-12"}) == ["Petra Novak"]
    assert found(ana, tag="vip", until=TODAY) == ["Petra Novak"]


def test_a_name_is_found_by_its_words_whatever_their_case_marks_and_script(seeded: World, ana: AgentClient) -> None:
    written = ("Kovač", "kovac", "KOVAC", "Ковач", "milan kovac", "kovac milan")
    assert {each: found(ana, name=each) for each in written} == {each: ["Milan Kovač"] for each in written}
    assert found(ana, name="kovac, m-i") == []


def test_all_the_words_of_a_name_have_to_match_as_whole_words(seeded: World, ana: AgentClient) -> None:
    assert sorted(found(ana, name="novák")) == ["Josip Novak-Horvat", "Petra Novak"]
    assert found(ana, name="petra novak") == ["Petra Novak"]
    assert found(ana, name="petra horvat") == []
    assert found(ana, name="nov") == []


def test_a_name_that_changes_while_people_have_the_thread_is_found_and_the_old_one_no_more(
    seeded: World, ana: AgentClient
) -> None:
    seeded.say("Married!", name="Petra Horvat")
    assert found(ana, name="petra horvat") == ["Petra Horvat"]
    assert found(ana, name="petra novak") == []


def test_words_find_the_messages_that_say_them(seeded: World, ana: AgentClient) -> None:
    answer = words(ana, "heat broken")
    [thread] = answer["threads"]
    [event] = [item for item in seeded.events(seeded.pk()) if item["type"] == "inbound"]
    assert thread["contact"]["name"] == "Petra Novak"
    assert answer["matches"] == [{"thread": thread["id"], "entries": [event["sk"]]}]
    assert words(ana, "heating invoice")["threads"] == []
    assert words(ana, "eating")["threads"] == []


def test_words_find_answers_too(seeded: World, ana: AgentClient, ulid: Ulid) -> None:
    thread = claim(ana, seeded)
    key = ulid()
    assert ana.reply(thread, "The plumber is on her way.", key)[0] == 202
    [match] = words(ana, "plumber")["matches"]
    assert match["entries"][0].endswith(key)


def test_words_say_what_was_read_and_what_was_not(seeded: World, ana: AgentClient) -> None:
    searched = words(ana, "heating")["searched"]
    assert (searched["from"], searched["until"], searched["threads_read"]) == (TODAY, TODAY, 3)
    assert "threads that were handed to people on these days" in searched["note"]
    assert "Not read" in searched["note"]
    assert searched["note"].endswith("Days are those of Europe/Zagreb.")


def test_words_are_looked_for_on_the_days_of_the_inbox_only(seeded: World, ana: AgentClient) -> None:
    late = "385911111115"
    seeded.stack.clock.set_to(datetime(2026, 11, 11, 23, 30, tzinfo=UTC))  # half past midnight of the 12th in Zagreb
    seeded.say("I want a person, the heating smells", contact=late, name="Late")
    assert [thread["contact"]["name"] for thread in words(ana, "heating")["threads"]] == ["Petra Novak"]
    tomorrow = words(ana, "heating", "2026-11-12", "2026-11-12")
    assert [thread["contact"]["name"] for thread in tomorrow["threads"]] == ["Late"]
    assert found(ana, name="late", until=TODAY) == []
    assert found(ana, name="late", **{"from": "2026-11-12"}) == ["Late"]


def test_of_a_thread_of_the_day_only_what_was_said_on_the_days_is_read(seeded: World, ana: AgentClient) -> None:
    seeded.wait(DAY_S)
    seeded.say("It smells of smoke")
    assert words(ana, "smoke")["threads"] == []
    assert [thread["contact"]["name"] for thread in words(ana, "smoke", until="2026-11-12")["threads"]] == [
        "Petra Novak"
    ]


def test_words_are_read_twenty_threads_a_call_over_the_days_each_thread_once(world: World, ana: AgentClient) -> None:
    plant(world, 25, OPEN)
    plant(world, 20, OPEN - timedelta(days=3))
    seen, cursor, read = [], "", []
    while cursor is not None:
        _, answer = asked(ana, words="lorem", cursor=cursor, **{"from": "2026-11-01", "until": TODAY})
        seen += [match["thread"] for match in answer["matches"]]
        read.append(answer["searched"]["threads_read"])
        cursor = answer["cursor"]
    assert (len(seen), len(set(seen)), read[:2], sum(read)) == (45, 45, [20, 20], 45)


def test_a_name_is_listed_page_by_page_each_thread_once_the_last_first(world: World, ana: AgentClient) -> None:
    plant(world, 60, OPEN)
    first = asked(ana, name="novak")[1]
    rest = asked(ana, name="novak", cursor=first["cursor"])[1]
    ids = [thread["id"] for thread in first["threads"] + rest["threads"]]
    assert (len(first["threads"]), len(rest["threads"]), len(set(ids)), rest["cursor"]) == (50, 10, 60, None)
    assert first["threads"][0]["opened_at"] > rest["threads"][-1]["opened_at"]


# Whose it is


def test_another_inbox_finds_nothing_of_this_one(seeded: World, ana: AgentClient) -> None:
    tag(ana, seeded, add=["vip"])
    sales(seeded, ana)
    searches = {"number": number(seeded), "name": "novak", "tag": "vip", "words": "heating"}
    for what, word in searches.items():
        status, answer = asked(ana, "sales", **{what: word, "from": TODAY, "until": TODAY})
        assert (status, answer["threads"]) == (200, [])


def test_a_thread_that_was_transferred_is_found_where_it_went_and_no_longer_where_it_was(
    seeded: World, ana: AgentClient
) -> None:
    tag(ana, seeded, add=["vip"])
    sales(seeded, ana)
    thread = claim(ana, seeded)
    assert ana.do("transfer", thread, inbox="sales")[0] == 200
    searches = {"number": number(seeded), "name": "petra novak", "tag": "vip", "words": "heating"}
    for what, word in searches.items():
        days = {"from": TODAY, "until": TODAY}
        assert asked(ana, "support", **{what: word, **days})[1]["threads"] == []
        assert [thread["id"] for thread in asked(ana, "sales", **{what: word, **days})[1]["threads"]] == [thread["id"]]


def test_an_inbox_that_is_not_ones_own_does_not_exist(seeded: World, ana: AgentClient) -> None:
    assert asked(ana, "billing", name="novak")[0] == 404


def test_no_row_tells_who_it_is_about(seeded: World, ana: AgentClient) -> None:
    tag(ana, seeded, add=["vip"])
    rows = [item for item in seeded.items() if item["pk"].startswith("S#")]
    assert rows
    assert not [row for row in rows if any(word in str(row).lower() for word in ("novak", "petra", "vip", PETRA))]
    assert {frozenset(row) for row in rows} == {frozenset(("pk", "sk", "ttl"))}


def test_whom_automation_has_is_not_listed(seeded: World) -> None:
    pk = seeded.pk("385911111114")
    assert [item for item in seeded.items() if item["pk"].startswith("S#") and pk in item["sk"]] == []


# What it costs


@pytest.mark.parametrize("many", [1, 100])
def test_a_search_asks_for_the_same_however_many_threads_there_are(world: World, ana: AgentClient, many: int) -> None:
    plant(world, many, OPEN)
    for query in ({"number": "aaaaaaaa"}, {"name": "novak"}, {"tag": "lorem"}):
        asked(ana, **query)
        with counted() as calls:
            assert asked(ana, **query)[0] == 200
        heads = {"dynamodb.BatchGetItem": 1} if "name" in query else {}
        assert calls == {"dynamodb.GetItem": 1, "dynamodb.Query": 1, **heads}  # the agent's permissions, the rows
    with counted() as calls:
        words(ana, "lorem")
    days = 2 if many < 20 else 1  # the day in Zagreb lies in two UTC days; asked for until there are enough
    assert calls == {
        "dynamodb.GetItem": 1, "dynamodb.Query": days + min(many, 20), "dynamodb.BatchGetItem": 1
    }  # fmt: skip


# What cannot be looked for


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ({}, "exactly one"),
        ({"name": "novak", "tag": "vip"}, "exactly one"),
        ({"name": "nov*"}, "no wildcards; leave the * out"),
        ({"name": "%"}, "no wildcards"),
        ({"name": "nov?k"}, "no wildcards"),
        ({"name": "_"}, "no wildcards"),
        ({"number": "mfrg*"}, "no wildcards"),
        ({"words": "heat%", "from": TODAY, "until": TODAY}, "no wildcards"),
        ({"tag": "vi*"}, "tag"),
        ({"name": "!!"}, "word"),
        ({"name": ""}, "name"),
        ({"name": "x" * 201}, "name"),
        ({"number": "12"}, "MFRGGZDF-2"),
        ({"number": "mfrggzdf-0"}, "MFRGGZDF-2"),
        ({"words": "heating"}, "from and until"),
        ({"words": "heating", "from": TODAY}, "from and until"),
        ({"words": "heating", "from": "2026-10-01", "until": TODAY}, "31 days"),
        ({"words": "heating", "from": TODAY, "until": "2026-11-10"}, "turn them round"),
        ({"words": "!", "from": TODAY, "until": TODAY}, "word"),
        ({"name": "novak", "from": "2026-02-30"}, "from"),
        ({"name": "novak", "until": "tomorrow"}, "until"),
        ({"name": "novak", "cursor": "S#support#x"}, "cursor"),
        ({"name": "novak", "more": "1"}, "more"),
    ],
)
def test_what_cannot_be_looked_for_is_refused_with_what_to_do(
    ana: AgentClient, query: dict[str, str], says: str
) -> None:
    status, answer = asked(ana, **query)
    assert (status, answer["code"]) == (400, "bad_request")
    assert says in answer["detail"]


def test_a_month_with_an_hour_more_is_a_month(seeded: World, ana: AgentClient) -> None:
    assert words(ana, "heating", "2026-10-12", "2026-11-11")["searched"]["threads_read"] == 3
    assert words(ana, "heating", "2026-10-01", "2026-10-31")["searched"]["threads_read"] == 0


def test_a_tag_of_ten_thousand_characters_is_refused_and_nothing_is_stored(seeded: World, ana: AgentClient) -> None:
    before = seeded.items()
    status, answer = ana.call("POST", f"/api/threads/{seeded.name()}/tag", {"add": ["x" * 10_000]})
    assert (status, answer["code"]) == (400, "bad_request")
    assert "at most 200 characters" in answer["detail"]
    status, answer = asked(ana, tag="x" * 5_000)  # the gateway takes no longer address
    assert (status, answer["code"]) == (400, "bad_request")
    assert "at most 200 characters" in answer["detail"]
    assert seeded.items() == before


# Tickets


def test_a_ticket_is_shown_whole(seeded: World, ana: AgentClient, ulid: Ulid) -> None:
    thread = claim(ana, seeded)
    ana.reply(thread, "We are here.", ulid())
    seeded.stack.drain()
    assert ana.call("POST", f"/api/threads/{thread['id']}/note", {"key": ulid(), "text": "Room 12"})[0] == 200
    status, answer = ana.call("GET", f"/api/threads/{thread['id']}/ticket")
    told = answer["ticket"]
    assert (status, told["number"], told["status"]) == (200, f"{number(seeded).upper()}-1", "waiting")
    assert told["subject"] == "I want a person. The heating is broken"
    assert [(each["by"], each["author"]) for each in told["comments"]] == [
        ("contact", "Petra Novak"), ("auto", None), ("agent", ANA)
    ]  # fmt: skip
    assert [(each["author"], each["text"]) for each in told["internal_notes"]] == [(ANA, "Room 12")]
    assert told["external_id"] == thread["id"]


def test_a_ticket_holds_its_own_episode_only(seeded: World, ana: AgentClient) -> None:
    resolve(seeded, ana)
    seeded.wait(3600)
    seeded.say("I want a person again")
    answer = ana.call("GET", f"/api/threads/{seeded.name()}/ticket")[1]
    assert (answer["ticket"]["number"][-2:], answer["ticket"]["subject"]) == ("-2", "I want a person again")


def test_what_automation_has_is_no_ticket(seeded: World, ana: AgentClient) -> None:
    status, answer = ana.call("GET", f"/api/threads/{seeded.name('385911111114')}/ticket")
    assert (status, answer["code"]) == (404, "unknown_ticket")


def test_the_tickets_of_a_day_are_for_leads_and_only_those_that_stayed_resolved(
    seeded: World, ana: AgentClient
) -> None:
    for contact in (PETRA, MILAN, JOSIP):
        resolve(seeded, ana, contact)
    seeded.say("I want a person again", contact=MILAN)
    path = f"/api/inboxes/support/tickets?day={TODAY}"
    status, answer = ana.call("GET", path)
    assert status == 200
    assert sorted(each["requester"]["name"] for each in answer["tickets"]) == ["Josip Novak-Horvat", "Petra Novak"]
    assert {each["assignee"] for each in answer["tickets"]} == {ANA}
    assert ana.call("GET", path.replace(TODAY, "2026-11-10"))[1] == {"tickets": [], "cursor": None}
    assert seeded.agent(IVO).call("GET", path)[1]["code"] == "not_allowed"
    for day in ("", "2026-02-30", "today"):
        assert ana.call("GET", path.replace(TODAY, day))[0] == 400


def test_the_tickets_of_a_day_come_page_by_page_three_queries_each(world: World, ana: AgentClient) -> None:
    plant(world, 12, OPEN, resolved=True)
    path = f"/api/inboxes/support/tickets?day={TODAY}"
    ana.call("GET", path)
    with counted() as calls:
        first = ana.call("GET", path)[1]
    assert calls == {"dynamodb.GetItem": 1, "dynamodb.Query": 2 + 3 * 10, "dynamodb.BatchGetItem": 1}
    rest = ana.call("GET", f"{path}&cursor={quote(first['cursor'], safe='')}")[1]
    assert (len(first["tickets"]), len(rest["tickets"]), rest["cursor"]) == (10, 2, None)


# Preparations


def claim(agent: AgentClient, world: World, contact: str = PETRA) -> dict[str, Any]:
    status, answer = agent.call("POST", f"/api/threads/{world.name(contact)}/claim")
    assert status == 200, answer
    return dict(answer["thread"])


def resolve(world: World, agent: AgentClient, contact: str = PETRA) -> None:
    assert agent.resolve(claim(agent, world, contact))[0] == 200
    world.stack.drain()


def tag(agent: AgentClient, world: World, contact: str = PETRA, **changes: list[str]) -> None:
    status, answer = agent.call("POST", f"/api/threads/{world.name(contact)}/tag", dict(changes))
    assert status == 200, answer


def sales(world: World, agent: AgentClient) -> None:
    """A second inbox, in which the agent works too."""
    table, dynamodb = world.stack.environment["CONFIG_TABLE"], world.stack.clients.dynamodb
    inbox = {"id": "sales", "playbook": "hotel", "queue_url": world.stack.outputs["HumanQueue"]}
    dynamodb.put_item(TableName=table, Item=to_item({"pk": "INBOX", "sk": "sales", **inbox}))
    sub = agent.call("GET", "/api/me")[1]["agent"]
    inboxes = {"support": "lead", "sales": "agent"}
    permissions = {"pk": "AGENT", "sk": sub, "email": ANA, "inboxes": inboxes}
    dynamodb.put_item(TableName=table, Item=to_item(permissions))
    config.clear()


def plant(world: World, many: int, moment: datetime, *, resolved: bool = False) -> None:
    """Threads of customers called Novak, each handed over a millisecond after the one before, with one message."""
    started = int(moment.timestamp() * 1000)
    pepper = bytes.fromhex(
        world.stack.clients.ssm.get_parameter(Name=f"/{world.stack.stack_name}/pepper", WithDecryption=True)[
            "Parameter"
        ]["Value"]
    )
    for at in range(started, started + many):
        pk = world.pk(str(at))
        status = "resolved" if resolved else "open"
        head = {
            "pk": pk, "sk": "#", "version": 1, "status": status, "inbox": "support", "contact_id": str(at),
            "contact_name": "Petra Novak", "episode": 1, "episode_at": at, "opened_at": at,
        }  # fmt: skip
        if resolved:
            day = moment.date().isoformat()
            head |= {"resolved_at": at, "agenda_pk": f"RESOLVED#support#{day}", "agenda_sk": f"{at:013d}#{pk}"}
        event = {"pk": pk, "sk": f"E#{at:013d}#I#x", "type": "inbound", "kind": "message", "at": at, "reply": "none"}
        rows = search.Writer(pepper, "support", pk, at, at).opened("Petra Novak", ())
        puts = [{"Put": {"Item": to_item(item)}} for item in (head, {**event, "text": "Lorem ipsum"})]
        assert world.threads.transact(*puts, *rows) is None
