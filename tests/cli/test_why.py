"""`afterhours why`: it says what the policy says, in the playbook's own time, and survives whatever is written."""

import json
from datetime import UTC, datetime
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from afterhours import policy
from afterhours.models import Event, Kind, ThreadHead
from afterhours.playbook import Playbook
from afterhours_local import config, public_holidays
from afterhours_local.cli import app
from slices import sliced
from typer.testing import CliRunner, Result

SAMPLES = Path(str(config.__file__)).parent / "samples"
HOTEL = SAMPLES / "hotel.playbook.yaml"
SATURDAY_NIGHT = "2026-11-14T23:40"
NOW = datetime(2026, 11, 14, 22, 40, tzinfo=UTC)
NOW_MS = int(NOW.timestamp() * 1000)
TEXTS = ("Hello", "stop", "I want a person, please", "What time is check-in?", "", "🐕", "x" * 900)
TIMES = (SATURDAY_NIGHT, "2026-11-16T09:00", "2026-12-25T10:00", "2026-03-29T02:30")
NAMES = ("{0.__class__}", "[[x]]", "\u202eevil", "Ana\x1b[2J", "🐕🐕", "x" * 200, "\ud83d", "a\nb", "{first_name}")
CHANNELS = ("whatsapp", "instagram", "webchat", "facebook_comments")


def asked(*more: str, text: str = "Hello", at: str = SATURDAY_NIGHT, channel: str = "whatsapp") -> Result:
    arguments = ["why", "--playbook", str(HOTEL), "--channel", channel, "--at", at, "--text", text, *more]
    return CliRunner().invoke(app, arguments)


def explained(*more: str, **options: str) -> Any:
    result = asked(*more, "--json", **options)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


@cache
def playbook() -> Playbook:
    return public_holidays.on_dates(config.load_playbook(HOTEL), range(2025, 2029))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "head.json"


@pytest.mark.parametrize(("text", "at"), sliced(product(TEXTS, TIMES), 5))
def test_it_says_what_the_policy_says(text: str, at: str) -> None:
    told = explained("--name", "Marija", text=text, at=at)
    now = datetime.fromisoformat(told["at"]).astimezone(UTC)
    event = Event(
        channel="whatsapp",
        kind=Kind.MESSAGE,
        event_id="1",
        contact_ids=("1",),
        contact_name="Marija",
        text=text,
        timestamp_ms=int(now.timestamp() * 1000),
    )
    decided = policy.decide(event, None, playbook(), now)
    assert (told["rule"], told["reason"], told["reply"]) == (decided.rule, decided.reason, decided.reply_text)
    assert told["handoff"] == list(decided.handoff)
    looked_at = [(each["rule"], each["verdict"]) for each in told["rules"] if each["verdict"] is not None]
    assert looked_at == [tuple(each) for each in decided.why]


def test_every_rule_is_listed_and_one_decides() -> None:
    told = explained()
    assert [each["rule"] for each in told["rules"]][: len(policy.TABLE)] == [rule for rule, _ in policy.TABLE]
    assert [each["rule"] for each in told["rules"] if each["decides"]] == [told["rule"]]


def test_times_are_local_to_the_playbook() -> None:
    told = explained()
    assert told["at"] == "2026-11-14T23:40:00+01:00"
    assert told["open"] is False
    assert told["due_at"] == "2026-11-16T09:00:00+01:00"
    assert explained(at="2026-11-14T22:40Z") == told
    assert explained(at="2026-12-25T09:00")["open"] is False
    assert explained(at="2026-12-28T09:00")["open"] is True


def test_the_page_shows_verdicts_reply_and_due_time() -> None:
    told, page = explained("--name", "Marija"), asked("--name", "Marija").stdout
    assert page.startswith("Sat 14 Nov 2026 23:40 Europe/Zagreb, whatsapp, closed\n")
    assert f"→ {told['rule']}" in page
    assert told["reply"] in page
    assert f"{told['reply_units']:,} of 4,096 units" in page
    assert "For a person: " + ", ".join(told["handoff"]) in page
    assert page.endswith("Due Mon 16 Nov 2026 09:00 (Europe/Zagreb)\n")


def test_the_contacts_state_counts(state: Path) -> None:
    state.write_text(json.dumps({"owner": "ana", "lease_until": NOW_MS + 60_000}), encoding="utf-8")
    told = explained("--contact-state", str(state))
    assert (told["rule"], told["reason"], told["reply"]) == ("human_has_it", "claimed", None)
    assert "No reply." in asked("--contact-state", str(state)).stdout


def test_a_stored_thread_head_is_taken_whole(state: Path) -> None:
    head = ThreadHead(inbox="support", contact_id="1", opted_out_at=NOW_MS - 1, auto_times=(NOW_MS - 5,))
    state.write_text(head.model_dump_json(), encoding="utf-8")
    assert explained("--contact-state", str(state))["rule"] == "opted_out"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[]", "must be one JSON object"),
        ("{", "is not JSON"),
        ("[" * 100_001, "must be one JSON object of at most 100,000 bytes"),
        ("[" * 90_000, "is not JSON"),
        ('{"ownr": "ana"}', 'ownr: a thread has no such field; did you mean "owner"?'),
        ('{"colour": "\\u202e"}', "colour: a thread has no such field; take it out"),
        ('{"lease_until": "soon"}', "lease_until: Input should be a valid integer"),
        ('{"status": "gone"}', "status: Input should be 'automated'"),
    ],
)
def test_a_state_that_cannot_be_is_refused(state: Path, content: str, words: str) -> None:
    state.write_text(content, encoding="utf-8")
    result = asked("--contact-state", str(state))
    assert result.exit_code == 2
    assert words in result.stderr
    assert "--contact-state" in result.stderr


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"at": "yesterday"}, "--at yesterday: is not a time; write for example 2026-11-14T23:40"),
        ({"at": "9999-12-31T23:59"}, "--at 9999-12-31T23:59: must be a year from 2000 to 2100"),
        ({"channel": "fax"}, "--channel fax: is not known; one of whatsapp"),
    ],
)
def test_a_question_that_cannot_be_is_refused(options: dict[str, str], words: str) -> None:
    result = asked(**options)
    assert result.exit_code == 2
    assert words in result.stderr


@pytest.mark.parametrize(("name", "channel"), sliced(product(NAMES, CHANNELS), 5))
def test_strange_names_and_texts_give_harmless_text(name: str, channel: str) -> None:
    told = explained("--name", name, text=f"{name} hello", channel=channel)
    assert "__class__" not in (told["reply"] or "")
    page = asked("--name", name, text=f"{name} hello", channel=channel)
    assert page.exit_code == 0
    assert "\x1b" not in page.stdout
    assert "\u202e" not in page.stdout


def test_a_comment_is_answered_in_private_and_a_note_says_so() -> None:
    told = explained(channel="instagram_comments")
    assert (told["reply_limit"], told["private_reply"]) == (1000, True)
    assert told["public_note"].startswith("Thank you for your comment.")
    assert "Beneath the comment, for all to read:" in asked(channel="instagram_comments").stdout
    assert explained(channel="whatsapp")["public_note"] is None


def test_a_wrong_playbook_is_told_as_by_check(tmp_path: Path) -> None:
    wrong = tmp_path / "x.playbook.yaml"
    wrong.write_text("brand: x\n", encoding="utf-8")
    arguments = ["why", "--playbook", str(wrong), "--channel", "whatsapp", "--at", SATURDAY_NIGHT, "--text", "x"]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 2
    assert f"{wrong}:1: hours: is missing" in result.stderr


def test_why_has_an_example_and_json() -> None:
    said = " ".join(CliRunner().invoke(app, ["why", "--help"]).stdout.split())
    assert "Example: afterhours why --playbook hotel.playbook.yaml" in said
    assert "--json" in said
