"""`afterhours agent` against an API that answers as told."""

import csv
import io
import json
import os
import re
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import answers as api_answers
import pytest
from afterhours.stores.threads import ulid_ms
from afterhours_local import session
from afterhours_local.agent_api_client import HINTS, Trouble, new_ulid
from afterhours_local.agent_work import waking_of
from afterhours_local.cli import app
from typer.testing import CliRunner

from .conftest import Answers

THREAD = "whatsapp.106540352242922.mfrggzdfmztwq2lkmfrggzdfmz"
NUMBER = "MFRGGZDF-2"
KEY = "01KACVZ7M00000000000000000"
COLLEAGUES = {"agents": [{"id": "a1", "email": "ana@example.org", "role": "lead"},
                         {"id": "i1", "email": "ivo@example.org", "role": "agent"}]}  # fmt: skip


def head(**changes: Any) -> dict[str, Any]:
    return {
        "id": THREAD,
        "number": NUMBER,
        "inbox": "support",
        "channel": "whatsapp",
        "owner": "a1",
        "status": "open",
        "contact": {"name": "Marija", "language": "hr", "opted_out": False},
        "fence": 3,
        "last_inbound": "E#1#I#a",
        "due_at": 1772618400000,
        "opened_at": 1772618300000,
        "window_until": 0,
        "handoff": ["asked_for_a_person"],
        **changes,
    }


def entry(**changes: Any) -> dict[str, Any]:
    return {"id": "E#1#I#a", "at": 1772618300000, "direction": "in", "by": "contact", "kind": "message",
            "text": "Hello", "attachments": [], **changes}  # fmt: skip


@pytest.fixture
def api(answers: Answers, monkeypatch: pytest.MonkeyPatch) -> Answers:
    monkeypatch.setenv("AFTERHOURS_URL", answers.url)
    monkeypatch.setenv("AFTERHOURS_TOKEN", "the-token")
    return answers


def run(*arguments: str, stdin: str | None = None) -> Any:
    return CliRunner().invoke(app, ["agent", *arguments], input=stdin)


def body(api: Answers) -> Any:
    """Of the last POST."""
    return json.loads(next(asked["body"] for asked in reversed(api.asked) if asked["method"] == "POST"))


def shown(api: Answers, timeline: list[dict[str, Any]], *, notes: Any = (), history: Any = (), **changes: Any) -> None:
    """The API tells a thread, and who works in its inbox."""
    api.tell(200, {"thread": head(**changes), "timeline": timeline, "notes": [*notes], "history": [*history]})
    api.tell(200, COLLEAGUES)


def pulled(api: Answers, **changes: Any) -> None:
    shown(api, [entry()], **changes)
    assert run("pull", "--inbox", "support").exit_code == 0


def test_pull_shows_the_thread_and_what_was_said(api: Answers) -> None:
    timeline = [
        entry(),
        entry(direction="out", by="auto", text="We are closed.\nBack at 8.", state="sent", rule="away"),
    ]
    shown(api, timeline)
    result = run("pull", "--inbox", "support", "--wait", "2")
    assert result.exit_code == 0, result.stderr
    assert THREAD in result.stdout
    assert "needs a person: asked_for_a_person" in result.stdout
    assert "Marija         Hello" in result.stdout
    assert "(sent, away)" in result.stdout
    assert api.asked[0]["path"] == "/api/inboxes/support/pull"
    assert api.asked[0]["headers"]["authorization"] == "Bearer the-token"
    assert body(api) == {"wait_s": 2}


def test_pull_says_when_nothing_waits(api: Answers) -> None:
    api.tell(204, "")
    assert run("pull", "--inbox", "support").stdout == "Nothing waits in support.\n"
    api.tell(204, "")
    assert run("pull", "--inbox", "support", "--json").stdout == "null\n"


def test_an_agent_of_one_inbox_need_not_name_it(api: Answers) -> None:
    api.tell(200, {"inboxes": {"support": "lead"}})
    api.tell(204, "")
    run("pull")
    assert [asked["path"] for asked in api.asked] == ["/api/me", "/api/inboxes/support/pull"]
    api.tell(200, {"inboxes": {"support": "lead", "sales": "agent"}})
    result = run("list")
    assert (result.exit_code, "support, sales" in result.stderr) == (2, True)


def test_list_shows_a_line_per_thread(api: Answers) -> None:
    in_an_hour = time.time_ns() // 1_000_000 + 3_600_000
    claimed = head(lease_until=in_an_hour, tags=["vip"], sla="warned", channel="instagram_comments")
    resolved = head(status="resolved", resolved_at=1772618400000, owner=None)
    api.tell(200, {"threads": [claimed, resolved], "cursor": "next"})
    result = run("list", "--inbox", "support", "--cursor", "a#b")
    first, second = result.stdout.splitlines()
    assert first.startswith(f"{NUMBER}  due ")
    assert first.endswith(f"Marija  instagram_comments  due soon  claimed  #vip  {THREAD}")
    assert second.startswith(f"{NUMBER}  resolved ")
    assert "claimed" not in second
    assert "--cursor next" in result.stderr
    assert api.asked[0]["path"] == "/api/inboxes/support/threads?view=open&limit=50&cursor=a%23b"


def test_list_shows_what_is_asked_for(api: Answers) -> None:
    api.tell(200, {"threads": [], "cursor": None})
    result = run("list", "--inbox", "support", "--view", "resolved", "--day", "2026-11-20")
    assert result.stdout == "No resolved threads in support.\n"
    assert api.asked[0]["path"] == "/api/inboxes/support/threads?view=resolved&day=2026-11-20&limit=50"
    assert run("list", "--view", "others").exit_code == 2


def test_a_search_tells_what_was_searched(api: Answers) -> None:
    note = "Read 120 threads of 2 days; older ones were not read."
    api.tell(200, {"threads": [head()], "cursor": None, "searched": {"note": note}})
    arguments = ("--inbox", "support", "--words", "parking lot", "--from", "2026-11-20", "--until", "2026-11-21")
    result = run("search", *arguments)
    assert (NUMBER in result.stdout, note in result.stderr) == (True, True)
    words = "words=parking+lot&from=2026-11-20&until=2026-11-21"
    assert api.asked[0]["path"] == f"/api/inboxes/support/search?{words}"
    for wrong in ((), ("--tag", "vip", "--name", "Ana")):
        result = run("search", *wrong)
        assert (result.exit_code, "one of --number" in result.stderr) == (2, True)


def test_me_tells_who_one_is(api: Answers) -> None:
    api.tell(200, {"agent": "a1", "email": "ana@example.org", "inboxes": {"support": "lead"}})
    assert run("me").stdout == "ana@example.org\n  support: lead\n"


def test_show_tells_who_did_what_and_where_the_files_are(api: Answers) -> None:
    reply = entry(id=f"E#2#O#{KEY}", direction="out", by="agent", agent="i1", text="We refund it.", state="held")
    picture = {"type": "image", "name": "a\nb.jpg", "available": True}
    history = [{"id": "A#1", "at": 1772618300000, "verb": "assigned", "by": "a1", "detail": {"to": "i1"}}]
    notes = [{"id": "N#1", "at": 1772618300000, "by": "a1", "text": "Third call."}]
    until = time.time_ns() // 1_000_000 + 3_600_000
    terms = {"reply": {"blocked": None, "until": until, "limit": 4096, "unit": "code_points", "allowed": []}}
    shown(api, [entry(attachments=[picture]), reply], notes=notes, history=history, tags=["vip"], **terms)
    told = run("show", THREAD).stdout
    assert "[image a b.jpg: attachment E#1#I#a 0]" in told
    assert f"ivo            We refund it. (held, waits for approval, key {KEY})" in told
    assert "ana            Third call." in told
    assert "ana            assigned (to ivo@example.org)" in told
    assert "tags: vip" in told
    assert "may be answered until" in told


# Which thread


def test_a_thread_may_be_named_by_its_ticket_number(api: Answers) -> None:
    api.tell(200, {"inboxes": {"support": "lead", "sales": "agent"}})
    api.tell(200, {"threads": [head()]})
    api.tell(200, {"threads": []})
    api.tell(200, {"thread": head(), "timeline": []})
    assert json.loads(run("show", NUMBER.lower(), "--json").stdout)["thread"]["id"] == THREAD
    searches = [f"/api/inboxes/{inbox}/search?number={NUMBER}" for inbox in ("support", "sales")]
    assert [asked["path"] for asked in api.asked] == ["/api/me", *searches, f"/api/threads/{THREAD}"]


def test_a_number_of_no_thread_or_of_two_leads_nowhere(api: Answers) -> None:
    api.tell(200, {"inboxes": {"support": "lead"}})
    api.tell(200, {"threads": []})
    result = run("resolve", NUMBER)
    assert (result.exit_code, f"no thread of yours has the number {NUMBER}" in result.stderr) == (1, True)
    api.tell(200, {"inboxes": {"support": "lead"}})
    api.tell(200, {"threads": [head(), head(id="messenger.1.mfrggzdf")]})
    result = run("resolve", NUMBER)
    assert (result.exit_code, "messenger.1.mfrggzdf" in result.stderr) == (2, True)


def test_a_thread_that_is_not_named_is_the_one_shown_last(api: Answers) -> None:
    pulled(api)
    pulled(api, id="messenger.1.two", fence=8)
    shown(api, [entry()])
    assert run("show", THREAD).exit_code == 0
    api.tell(200, {"thread": head(status="resolved")})
    assert run("resolve").stdout == f"{THREAD} is resolved.\n"
    api.tell(202, {"key": "K", "state": "planned", "parts": 1, "thread": head()})
    assert run("reply", "last", "Hello").exit_code == 0
    assert api.asked[-1]["path"] == f"/api/threads/{THREAD}/reply"


def test_where_no_thread_was_shown_one_must_be_named(api: Answers) -> None:
    result = run("resolve")
    assert (result.exit_code, "name one" in result.stderr) == (2, True)
    assert api.asked == []


# Texts of strangers


def test_texts_of_strangers_cannot_steer_the_terminal(api: Answers) -> None:
    contact = {"name": "\x1b]0;pwned\x07Eve\nauto           all is well", "language": None, "opted_out": False}
    note = {"id": "N#1", "at": 1772618300000, "by": "\x1b[2J", "text": "\x9b2J"}
    shown(api, [entry(text="\x1b[2J[bold]hi\u202e")], notes=[note], contact=contact)
    result = run("show", THREAD)
    assert "\x9b" not in result.stdout
    assert "\x1b" not in result.stdout
    assert "\u202e" not in result.stdout
    assert "[bold]hi" in result.stdout


# Replies


def test_a_reply_carries_what_the_agent_saw_and_a_fresh_key(api: Answers) -> None:
    pulled(api)
    api.tell(202, {"key": "K", "state": "planned", "parts": 2, "thread": head()})
    result = run("reply", THREAD, "Good morning")
    assert result.exit_code == 0, result.stderr
    assert result.stdout == "Accepted as K: planned, in 2 messages.\n"
    sent = body(api)
    assert {name: sent[name] for name in ("text", "fence", "last_inbound")} == {
        "text": "Good morning",
        "fence": 3,
        "last_inbound": "E#1#I#a",
    }
    assert len(sent["key"]) == 26
    assert ulid_ms(sent["key"]) > 1_700_000_000_000


def test_a_reply_can_be_read_from_standard_input_and_asked_again_with_its_key(api: Answers) -> None:
    key = new_ulid()
    api.tell(202, {"key": key, "state": "sent", "parts": 1, "thread": head()})
    arguments = ("--key", key, "--fence", "7", "--last-inbound", "E#2")
    assert run("reply", THREAD, "-", *arguments, stdin="two\nlines").exit_code == 0
    assert body(api) == {"key": key, "text": "two\nlines", "fence": 7, "last_inbound": "E#2"}


def test_a_reply_that_gets_no_answer_tells_its_key(api: Answers) -> None:
    pulled(api)
    api.close()
    result = run("reply", THREAD, "Hello")
    assert result.exit_code == 1
    assert "start `afterhours run`" in result.stderr
    assert "ask again with --key " in result.stderr


def test_a_text_that_was_refused_is_shown_kept_and_sent_as_it_is(api: Answers) -> None:
    pulled(api)
    problem = {"status": 422, "code": "window_closed", "detail": "Still possible: a note, and another way."}
    api.tell(422, problem)
    result = run("reply", "last", "First line\nsecond \x1b[2J")
    assert result.exit_code == 1
    assert "Still possible: a note" in result.stderr
    assert f"afterhours agent note {THREAD} TEXT" in result.stderr
    assert f"afterhours agent reply {THREAD} --again" in result.stderr
    assert "First line\nsecond" in result.stderr
    assert "\x1b" not in result.stderr
    refused = body(api)
    api.tell(202, {"key": "K", "state": "planned", "parts": 1, "thread": head()})
    assert run("reply", "last", "--again").exit_code == 0
    assert (body(api)["text"], body(api)["key"] == refused["key"]) == ("First line\nsecond \x1b[2J", False)
    result = run("reply", "last", "--again")
    assert (result.exit_code, "no text is kept" in result.stderr) == (2, True)


@pytest.mark.parametrize("status", [500, 503])
def test_a_text_that_may_have_been_taken_is_sent_again_with_its_key(api: Answers, status: int) -> None:
    pulled(api)
    api.tell(status, {"code": "unavailable", "detail": "Out of reach."})
    assert run("reply", "last", "Hello").exit_code == 1
    first = body(api)
    api.tell(202, {"key": "K", "state": "sent", "parts": 1, "thread": head()})
    run("reply", "last", "--again")
    assert body(api) == first


def test_a_prepared_answer_and_another_way_are_sent_in_the_words_of_the_thread(api: Answers) -> None:
    prepared = [{"id": "hello", "kind": "canned", "text": "Good morning.", "approved": True, "version": 1},
                {"id": "way-1", "kind": "way", "text": "+385 21 555 0100", "approved": True, "version": 1}]  # fmt: skip
    pulled(api)
    api.tell(200, {"language": "en", "answers": prepared})
    assert "--answer hello\n  Good morning.\n--way 1\n  +385 21" in run("answers").stdout
    api.tell(200, {"language": "en", "answers": prepared})
    api.tell(202, {"key": "K", "state": "held", "parts": 1, "thread": head()})
    result = run("reply", "last", "--answer", "hello", "--way", "1")
    assert "A lead must approve it" in result.stdout
    assert (body(api)["text"], body(api)["answer"]) == ("Good morning.\n+385 21 555 0100", "hello")
    api.tell(200, {"language": "en", "answers": prepared})
    result = run("reply", "last", "--answer", "bye")
    assert (result.exit_code, f"afterhours agent answers {THREAD}" in result.stderr) == (1, True)


def test_a_reply_needs_words(api: Answers) -> None:
    pulled(api)
    result = run("reply", THREAD)
    assert (result.exit_code, "--answer" in result.stderr) == (2, True)


def test_replying_to_a_thread_that_was_never_seen_is_refused(api: Answers) -> None:
    result = run("reply", THREAD, "Hello")
    assert (result.exit_code, f"afterhours agent claim {THREAD}" in result.stderr) == (2, True)
    assert api.asked == []


def test_claim_shows_the_thread_so_that_its_last_message_has_been_seen(api: Answers) -> None:
    api.tell(200, {"thread": head(fence=4)})
    shown(api, [entry(text="New")], fence=4, last_inbound="E#9")
    assert "New" in run("claim", THREAD).stdout
    api.tell(200, {"thread": head(status="resolved")})
    assert run("resolve", THREAD).stdout == f"{THREAD} is resolved.\n"
    assert body(api) == {"fence": 4, "last_inbound": "E#9"}


def test_heartbeat_and_release_send_the_fence(api: Answers) -> None:
    pulled(api)
    api.tell(200, {"lease_until": 1772618400000})
    assert run("heartbeat", THREAD).stdout.startswith("Yours until ")
    assert body(api) == {"fence": 3}
    api.tell(200, {"thread": head()})
    assert json.loads(run("release", THREAD, "--json").stdout)["thread"]["status"] == "open"
    assert body(api) == {"fence": 3}


# The other verbs


def test_a_note_is_sent_with_a_key_that_a_lost_answer_tells(api: Answers) -> None:
    api.tell(200, {"note": {"id": "N#1", "at": 1, "by": "a1", "text": "Third call."}})
    assert run("note", THREAD, "-", stdin="Third call.").stdout == "Noted, for colleagues only.\n"
    assert (body(api)["text"], len(body(api)["key"])) == ("Third call.", 26)
    api.close()
    result = run("note", THREAD, "Third call.", "--key", KEY)
    assert (result.exit_code, f"--key {KEY}" in result.stderr) == (1, True)


def test_tags_are_added_and_taken_off(api: Answers) -> None:
    api.tell(200, {"thread": head(tags=["vip", "late"])})
    result = run("tag", THREAD, "+vip", "-noise", "--add", "late", "--remove", "vap")
    assert result.stdout == "Tags: vip, late.\n"
    assert body(api) == {"add": ["late", "vip"], "remove": ["vap", "noise"]}
    for wrong in (("vip",), (), ("--ad", "vip")):
        assert run("tag", THREAD, *wrong).exit_code == 2


@pytest.mark.parametrize(("owner", "held"), [("a1", {"fence": 3}), ("i1", {}), (None, {})])
def test_a_thread_is_assigned_by_e_mail_under_the_fence_of_who_holds_it(
    api: Answers, owner: str | None, held: dict[str, int]
) -> None:
    api.tell(200, {"thread": head(owner=owner)})
    api.tell(200, COLLEAGUES)
    api.tell(200, {"agent": "a1", "inboxes": {"support": "lead"}})
    api.tell(200, {"thread": head(owner=None)})
    assert run("assign", THREAD, "Ivo@example.org").stdout == f"{THREAD} is kept for Ivo@example.org.\n"
    assert body(api) == {"agent": "i1", **held}


def test_a_thread_is_not_assigned_to_somebody_else_who_does_not_work_there(api: Answers) -> None:
    api.tell(200, {"thread": head()})
    api.tell(200, COLLEAGUES)
    result = run("assign", THREAD, "eve@example.org")
    assert (result.exit_code, "ana@example.org, ivo@example.org" in result.stderr) == (1, True)


def test_a_thread_is_transferred(api: Answers) -> None:
    api.tell(200, {"thread": head()})
    api.tell(200, {"agent": "a1", "inboxes": {}})
    api.tell(200, {"thread": head(inbox="sales")})
    assert run("transfer", THREAD, "sales").stdout == f"{THREAD} is in sales now.\n"
    assert body(api) == {"inbox": "sales", "fence": 3}


def test_a_held_reply_is_approved_or_rejected_by_its_key(api: Answers) -> None:
    api.tell(202, {"key": KEY, "state": "planned", "reason": None, "thread": head()})
    assert run("approve", THREAD, KEY).stdout == f"{KEY} is planned.\n"
    assert body(api) == {"key": KEY}
    api.tell(202, {"key": KEY, "state": "dropped", "reason": "rejected", "thread": head()})
    assert run("reject", THREAD, KEY, "We do not.").stdout == f"{KEY} is dropped.\n"
    assert body(api) == {"key": KEY, "reason": "We do not."}


def test_a_contact_and_colleagues_are_told(api: Answers) -> None:
    ticket = {"number": "MFRGGZDF-1", "opened_at": 1, "resolved_at": 1772618400000, "by": "a1", "tags": ["vip"],
              "csat_score": 4}  # fmt: skip
    api.tell(200, {"names": ["Marija"], "languages": ["hr"], "opted_out": False, "messages": 3, "earlier": [ticket]})
    told = run("contact", THREAD).stdout
    assert told.startswith("names: Marija\nlanguages: hr\nmessages: 3\nMFRGGZDF-1  resolved ")
    assert told.endswith("rated 4 of 5  #vip\n")
    api.tell(200, COLLEAGUES)
    assert run("colleagues", "--inbox", "support").stdout == "ana@example.org  lead\nivo@example.org  agent\n"


# Snoozing


@pytest.fixture
def in_zagreb(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This machine stands in Zagreb, where the clocks change on 2027-03-28."""
    monkeypatch.setenv("TZ", "Europe/Zagreb")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        ("2027-03-27 08:00", 1806130800000),
        ("2027-03-28 08:00", 1806213600000),  # 23 hours later
        ("2027-03-28T08:00+01:00", 1806217200000),
    ],
)
@pytest.mark.usefixtures("in_zagreb")
def test_a_time_to_wake_is_of_the_zone_of_this_machine(until: str, expected: int) -> None:
    assert waking_of(until, "", next_opening=False, now_ms=0) == expected


@pytest.mark.parametrize(
    ("duration", "minutes"), [("45m", 45), ("2h", 120), ("1d", 1440), ("1h30m", 90), ("1h 30m", 90)]
)
def test_a_duration_is_counted_from_now(duration: str, minutes: int) -> None:
    assert waking_of("", duration, next_opening=False, now_ms=1000) == 1000 + minutes * 60_000


@pytest.mark.parametrize(
    ("until", "duration", "next_opening"),
    [("", "", False), ("2027-03-28", "2h", False), ("tomorrow", "", False), ("", "2 weeks", False), ("", "h", True)],
)
def test_a_time_to_wake_that_is_none_or_two_is_refused(until: str, duration: str, next_opening: bool) -> None:
    with pytest.raises(Trouble) as refused:
        waking_of(until, duration, next_opening=next_opening, now_ms=0)
    assert refused.value.code == 2


@pytest.mark.usefixtures("in_zagreb")
def test_snooze_says_when_in_which_zone(api: Answers) -> None:
    pulled(api)
    api.tell(200, {"thread": head(status="snoozed", snoozed_until=1806213600000)})
    told = run("snooze", "--until", "2027-03-28 08:00").stdout
    assert told == f"{THREAD} is snoozed until Sun 28 Mar 2027 08:00 CEST (the zone of this machine).\n"
    assert body(api) == {"fence": 3, "last_inbound": "E#1#I#a", "until": 1806213600000}


# Files


def test_an_attachment_is_saved_under_a_harmless_name_and_overwrites_nothing(
    api: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    disposition = "attachment; filename=\"x\"; filename*=UTF-8''..%2F..%2F.ssh%1B%5B2J%E2%80%AEgpj.exe"
    told = {"Content-Disposition": disposition, "Content-Type": "application/octet-stream"}
    api.tell(200, "the bytes", told)
    result = run("attachment", THREAD, "E#1#I#a", "1", "--json")
    name = json.loads(result.stdout)["file"]
    assert name == "_.._.ssh_[2J_gpj.exe".replace("[", "_")
    assert (tmp_path / name).read_text(encoding="utf-8") == "the bytes"
    assert api.asked[0]["path"] == f"/api/threads/{THREAD}/attachments/E%231%23I%23a/1"
    api.tell(200, "others", told)
    result = run("attachment", THREAD, "E#1#I#a", "1")
    assert (result.exit_code, "--force" in result.stderr) == (2, True)
    assert (tmp_path / name).read_text(encoding="utf-8") == "the bytes"
    api.tell(200, "others", told)
    assert run("attachment", THREAD, "E#1#I#a", "1", "--force").exit_code == 0
    assert (tmp_path / name).read_text(encoding="utf-8") == "others"


def test_a_picture_is_saved_by_its_place(api: Answers, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    api.tell(200, "a picture", {"Content-Disposition": "inline", "Content-Type": "image/png"})
    assert run("attachment", THREAD, "E#1#I#a").stdout == "Saved 9 bytes as attachment-0.png.\n"


def test_an_attachment_that_is_refused_leaves_no_file(api: Answers, tmp_path: Path) -> None:
    api.tell(410, {"status": 410, "code": "gone", "detail": "The platform has it no more."})
    result = run("attachment", THREAD, "E#1#I#a", "--output", str(tmp_path / "file"))
    assert (result.exit_code, "has it no more" in result.stderr) == (1, True)
    assert not (tmp_path / "file").exists()


def resolved_ticket(**changes: Any) -> dict[str, Any]:
    said = {"at": 1772618300000, "by": "contact", "author": "Marija", "public": True, "text": "=1+1", "state": None,
            "attachments": []}  # fmt: skip
    requester = {"name": "=cmd|' /C calc'!A0", "channel": "whatsapp", "account": "1"}
    return {
        "number": NUMBER, "external_id": THREAD, "status": "resolved", "requester": requester, "subject": "Parking",
        "description": "\x1b[2JIs there parking?", "comments": [said], "comments_cut": False, "group": "support",
        "assignee": "ana@example.org", "internal_notes": [], "tags": ["vip"], "language": "en",
        "created_at": 1772618300000, "updated_at": 1772618400000, "resolved_at": 1772618400000, "due_at": None,
        "sla": None, "csat_score": None, **changes,
    }  # fmt: skip


def test_a_ticket_is_told_in_words(api: Answers) -> None:
    api.tell(200, {"ticket": resolved_ticket()})
    told = run("ticket", THREAD).stdout
    assert "number: MFRGGZDF-2\n" in told
    assert "requester: name =cmd|' /C calc'!A0, channel whatsapp, account 1\n" in told
    assert "comments: 1\n" in told
    assert re.search("resolved_at: .* Mar ", told)
    assert "\x1b" not in told


def test_a_days_tickets_are_exported_page_by_page_and_start_no_formula(api: Answers) -> None:
    for _ in range(2):
        api.tell(200, {"tickets": [resolved_ticket()], "cursor": "more"})
        api.tell(200, {"tickets": [resolved_ticket(number="AAAAAAAA-1")], "cursor": None})
    table = list(csv.DictReader(io.StringIO(run("export", "--inbox", "support", "--day", "2026-03-04").stdout)))
    assert [each["number"] for each in table] == [NUMBER, "AAAAAAAA-1"]
    assert not any(cell.startswith(("=", "+", "-", "@")) for each in table for cell in each.values())
    assert api.asked[1]["path"] == "/api/inboxes/support/tickets?day=2026-03-04&cursor=more"
    found = json.loads(run("export", "--inbox", "support", "--day", "2026-03-04", "--json").stdout)["tickets"]
    assert [each["requester"]["name"] for each in found] == ["=cmd|' /C calc'!A0"] * 2


def test_an_export_goes_into_a_file_that_is_not_overwritten(api: Answers, tmp_path: Path) -> None:
    arguments = ("export", "--inbox", "support", "--day", "2026-03-04", "--output", str(tmp_path / "tickets.csv"))
    for _ in range(2):
        api.tell(200, {"tickets": [resolved_ticket()], "cursor": None})
    assert run(*arguments, "--csv").stdout == f"Saved 1 tickets in {tmp_path / 'tickets.csv'}.\n"
    assert run(*arguments).exit_code == 2
    assert run(*arguments, "--csv", "--json").exit_code == 2
    assert (tmp_path / "tickets.csv").read_text(encoding="utf-8").startswith('"number"')


# Refusals


@pytest.mark.parametrize("route", api_answers.ANSWERS)
def test_every_refusal_of_the_api_has_a_hint(route: str) -> None:
    codes = {code for codes in api_answers.refusals(route).values() for code in codes}
    assert codes - set(HINTS) == set()


@pytest.mark.parametrize(
    ("status", "code", "hint"),
    [
        (409, "new_message", f"afterhours agent show {THREAD}"),
        (409, "stale_fence", f"afterhours agent claim {THREAD}"),
        (401, "unauthorized", "access token"),
        (422, "too_long", "shorten it"),
        (409, "lease_over", f"afterhours agent claim {THREAD}"),
        (403, "not_allowed", "afterhours agent colleagues"),
    ],
)
def test_a_refusal_is_told_with_what_to_do(api: Answers, status: int, code: str, hint: str) -> None:
    pulled(api)
    problem = {"status": status, "code": code, "detail": "shorten it \x1b[2J"}
    api.tell(status, problem)
    result = run("resolve", THREAD)
    assert result.exit_code == 1
    assert hint in result.stderr
    assert "\x1b" not in result.stderr
    api.tell(status, problem)
    assert json.loads(run("resolve", THREAD, "--json").stdout) == problem


def test_an_answer_that_is_no_json_is_told_too(api: Answers) -> None:
    api.tell(502, "<html>bad gateway</html>")
    result = run("show", THREAD)
    assert (result.exit_code, "502 <html>" in result.stderr) == (1, True)


def test_without_a_running_stack_or_an_address_it_says_what_to_start() -> None:
    result = run("pull")
    assert (result.exit_code, "start `afterhours run`" in result.stderr) == (1, True)


def test_a_token_is_not_sent_over_plain_http(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AFTERHOURS_TOKEN", "the-token")
    result = run("pull", "--url", "http://api.example.org")
    assert (result.exit_code, "https://" in result.stderr) == (2, True)


def test_the_running_stack_lends_its_token_and_to_nobody_else(answers: Answers) -> None:
    session.write(session.Session(url=answers.url, token="lent", agent="ana@example.org", pid=os.getpid()))
    answers.tell(204, "")
    assert run("pull", "--inbox", "support").exit_code == 0
    assert answers.asked[0]["headers"]["authorization"] == "Bearer lent"
    result = run("pull", "--inbox", "support", "--url", "https://api.example.org")
    assert (result.exit_code, "no access token" in result.stderr) == (2, True)


def test_the_session_is_for_its_owner_only_and_ends_with_the_stack(tmp_path: Path) -> None:
    session.write(session.Session(url="u", token="t", agent="a", pid=os.getpid()))
    file = next((tmp_path / "runtime").rglob("session.json"))
    assert file.stat().st_mode & 0o777 == 0o600
    session.forget()
    assert session.read() is None
    file.parent.chmod(0o755)
    result = run("pull")
    assert (result.exit_code, "can be reached by others" in result.stderr) == (2, True)


def test_a_session_of_a_process_that_has_died_is_none() -> None:
    session.write(session.Session(url="u", token="t", agent="a", pid=2**22 + 1))
    assert session.read() is None


def test_ulids_are_made_of_the_time_and_chance() -> None:
    one, two = new_ulid(), new_ulid()
    assert one != two
    assert one[0] in "01234567"
