"""`afterhours playbook`: every mistake named by line and field, what is in force, five samples, versions in a stack."""

import json
import os
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from afterhours import faq, hours
from afterhours.playbook import Playbook
from afterhours.section import problems
from afterhours_local import config, playbook_page, playbook_texts, rehearsal, session, yaml_lines
from afterhours_local.cli import app
from afterhours_local.clients import Clients
from afterhours_local.engine import Ministack
from pydantic import ValidationError
from slices import sliced
from typer.testing import CliRunner

run = CliRunner().invoke
SAMPLES = Path(str(config.__file__)).parent / "samples"
SAMPLE_FILES = sorted(SAMPLES.glob("*.playbook.yaml"))
AT = "2026-11-14T23:40"
NOW = datetime(2026, 11, 14, 22, 40, tzinfo=UTC)
SHOP = """\
brand: Corner Shop
languages: [en, hr]
hours:
  zone: Europe/Zagreb
  week:
    mon-fri: ["08:00-12:00", "13:00-18:00"]
    sat: ["09:00-13:00"]
  holidays:
    - HR
  exceptions:
    - {date: 2026-12-24, open: ["08:00-12:00"]}
replies:
  instant: {after_silence: 12h}
texts:
  en:
    away: "We are closed[[ until {next_opening}]]."
channels:
  webchat: {instant: true}
service_levels:
  - {channel: whatsapp, first_reply: 60m}
faq:
  - id: parking
    when: PARKING & !PRICE
    title: {en: Parking, hr: Parking}
    examples:
      - "Where can I park?"
      - "Imate li parking?"
    answer: {en: "Behind the shop.", hr: "Iza trgovine."}
  - id: returns
    title: {en: Returns, hr: Povrat}
    examples: ["How do I return something?"]
    answer: {en: "Bring it along.", hr: "Donesite ga."}
"""


@cache
def loaded(sample: Path) -> Playbook:
    return config.load_playbook(sample)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    place = tmp_path / "shop.playbook.yaml"
    place.write_text(SHOP, encoding="utf-8")
    return place


def spoil(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def told(file: Path) -> list[str]:
    """What `check` says about a wrong file, without its path."""
    result = run(app, ["playbook", "check", str(file)])
    assert result.exit_code == 2, result.stdout
    assert result.stdout == ""
    return result.stderr.replace(f"{file}:", "").splitlines()


# --- check -----------------------------------------------------------------------------------------------


def test_a_clean_file_is_told_what_was_checked(file: Path) -> None:
    result = run(app, ["playbook", "check", str(file), "--at", AT])
    assert result.exit_code == 0
    assert result.stdout == (
        "OK: 2 languages, 1 own text, 2 FAQ entries, opens 49 h a week, next holiday 2026-11-18 Dan sjećanja na žrtve "
        "Domovinskog rata i Dan sjećanja na žrtvu Vukovara i Škabrnje\n"
    )
    counted = json.loads(run(app, ["playbook", "check", str(file), "--at", AT, "--json"]).stdout)
    assert counted["ok"] is True
    assert counted["hours_a_week"] == 49
    assert counted["next_holiday"]["date"] == "2026-11-18"
    assert counted["hints"] == []


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "words"),
    [
        # hours
        ('"08:00-12:00", "13:00-18:00"', '"08:00-14:00", "13:00-18:00"', 6, "hours.week.mon-fri", "overlap; join them"),
        ('"13:00-18:00"', '"13:00-24:30"', 6, "hours.week.mon-fri[1]", "closing to 24:00"),
        ('"13:00-18:00"', '"18:00-13:00"', 6, "hours.week.mon-fri", 'was "13:00-18:00" meant?'),
        ('"09:00-13:00"', '"09:00-09:00"', 7, "hours.week.sat[0]", "is empty; the whole day"),
        ('"09:00-13:00"', "9", 7, "hours.week.sat[0]", 'not an interval; write "08:00-20:00"'),
        ("sat:", "satt:", 7, "hours.week.satt", "write mon, tue"),
        ("Europe/Zagreb", "Europe/Zagrb", 4, "hours.zone", 'did you mean "Europe/Zagreb"?'),
        ("Europe/Zagreb", "5", 4, "hours.zone", "put it in quotes"),
        ("- HR", "- QQ", 9, "hours.holidays[0]", "write the two letters of a country"),
        ("- HR", "- DE-XX", 9, "hours.holidays[0]", "known are DE-BB, DE-BE"),
        ("- HR", "- HR-21", 9, "hours.holidays[0]", 'write "HR"'),
        ("2026-12-24, open", "2026-02-30, open", 11, "hours.exceptions[0].date", "not a date; write 2026-12-24"),
        ("2026-12-24, open", "2026-12-24, opne", 11, "hours.exceptions[0].opne", 'did you mean "open"?'),
        # languages and texts
        ("[en, hr]", "[en, hr, fi]", 2, "languages[2]", 'no texts in "fi" for instant'),
        ("[en, hr]", "[en, hr, hr]", 2, "languages[2]", "given twice; keep one"),
        ("[en, hr]", "en", 2, "languages", "must be a list"),
        ("  en:\n    away", "  sl:\n    away", 15, "texts.sl", 'not among `languages`; add it there'),
        ("away:", "awya:", 16, "texts.en.awya", 'did you mean "away"?'),
        ('"We are closed[[ until {next_opening}]]."', '"  "', 16, "texts.en.away", "empty; write it"),
        ("{next_opening}", "{nextopening}", 16, "texts.en.away", "did you mean {next_opening}?"),
        ("{next_opening}", "{0.__class__}", 16, "texts.en.away", "unknown placeholder {0.__class__}; known are"),
        ("]].", ".", 16, "texts.en.away", 'end the segment with "]]"'),
        ("We are closed", "x" * 4001, 16, "texts.en.away", "at most 4000"),
        ("We are closed", "č" * 500, 16, "texts.en.away", "instagram (1,0"),
        # rules and types
        ("brand:", "brnd:", 1, "brnd", 'did you mean "brand"?'),
        ("brand: Corner Shop", "brand: ''", 1, "brand", "must not be empty"),
        ("12h}", "12}", 13, "replies.instant.after_silence", '"15m", "12h"'),
        ("{instant: true}", "{instant: maybe}", 18, "channels.webchat.instant", "boolean"),
        ("webchat:", "webcat:", 18, "channels.webcat", 'did you mean "webchat"?'),
        ("channel: whatsapp", "channel: whatsup", 20, "service_levels[0].channel", 'did you mean "whatsapp"?'),
        # questions
        ("id: returns", "id: parking", 29, "faq[1].id", "given twice; keep one"),
        ("id: returns", "id: My returns", 29, "faq[1].id", "must be small letters, digits"),
        ("PARKING & !PRICE", "PARKNG", 23, "faq[0].when", "PARKING"),
        ("PARKING & !PRICE", "PARKING &", 23, "faq[0].when", ""),
        ("Imate li parking?", "where can i PARK", 27, "faq[0].examples[1]", 'of "parking" already; keep one'),
        ("How do I return something?", "Imate li parking", 31, "faq[1].examples[0]", 'an example of "parking"'),
        ("How do I return something?", "???", 31, "faq[1].examples[0]", "holds no word"),
        ('"Bring it along."', '""', 32, "faq[1].answer.en", "empty"),
        # YAML itself
        ("  zone:", "\tzone:", 4, "", "indent with spaces"),
        ("Corner Shop", "&a Corner", 1, "", "write the value out"),
        ("[en, hr]", "[en, *a]", 2, "", "write the value out"),
        ("Corner Shop", "!!python/object:os.system {}", 1, "", "put text in quotes"),
        ('"Where can I park?"', "[Where can I park?]", 26, "", "belongs in quotes"),
        ("languages:", "brand: x\nlanguages:", 2, "", "second time (first on line 1)"),
    ],
)  # fmt: skip
def test_a_mistake_is_told_by_line_and_field_with_what_would_be_right(
    file: Path, old: str, new: str, line: int, field: str, words: str
) -> None:
    spoil(file, old, new)
    found = told(file)
    start = f"{line}: {field}: " if field else f"{line}: "
    assert any(each.startswith(start) and words in each for each in found), found


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(file: Path) -> None:
    spoil(file, "- HR", "- QQ")
    spoil(file, "PARKING & !PRICE", "PARKNG")
    spoil(file, "webchat:", "webcat:")
    document = json.loads(run(app, ["playbook", "check", str(file), "--json"]).stdout)
    assert document["ok"] is False
    assert [(each["line"], each["field"]) for each in document["problems"]] == [
        (9, "hours.holidays[0]"),
        (18, "channels.webcat"),
        (23, "faq[0].when"),
    ]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"#" * 10_000_000, "is larger than 1,000,000 bytes"),
        (b"a: &a [x, x]\nb: &b [*a, *a, *a]\n", "anchors (&) and aliases (*) are not allowed"),
        (b"[" * 5_000, "is nested more than 50 deep"),
        (b"brand: \xff", "is not UTF-8"),
        (b"- brand", "must be a mapping of keys to values"),
        (b"", "is empty"),
    ],
)
def test_what_is_no_playbook_at_all_is_refused(tmp_path: Path, content: bytes, words: str) -> None:
    place = tmp_path / "bad.playbook.yaml"
    place.write_bytes(content)
    assert words in told(place)[0]


def test_a_text_counts_with_the_longest_name_and_date_in_each_channels_own_unit(file: Path) -> None:
    spoil(file, "We are closed[[ until {next_opening}]].", "{first_name}" + "x" * 800)
    assert "OK" in run(app, ["playbook", "check", str(file)]).stdout
    spoil(file, "{first_name}", "{first_name} {next_opening} x")
    (problem,) = told(file)
    assert problem.startswith(
        "16: texts.en.away: the text with the longest name and date is too long for instagram (1,0"
    )
    assert problem.endswith(" of 1,000); shorten it, or set `away: false` for it under `channels`")


def test_a_text_may_be_longer_than_a_channel_takes_that_does_not_get_it(file: Path) -> None:
    spoil(file, "We are closed", "x" * 2500)
    assert "instagram (2" in told(file)[0]
    assert "messenger (2" in told(file)[0]
    silent = ("messenger", "instagram", "wechat", "facebook_comments", "instagram_comments")
    spoil(file, "  webchat: {instant: true}", "\n".join(f"  {name}: {{away: false}}" for name in silent))
    checked = run(app, ["playbook", "check", str(file)])
    assert checked.exit_code == 0, checked.output


def test_a_default_text_that_becomes_too_long_is_told_with_the_key_to_write(file: Path) -> None:
    spoil(file, "languages: [en, hr]", f"languages: [en, hr, hy]\nways: {{links: ['{'ճ' * 200}']}}")
    found = told(file)
    assert all(each.startswith('2: languages[2]: the default text "') for each in found)
    assert any('"away_holiday" in "hy"' in each and "write a shorter texts.hy.away_holiday" in each for each in found)


def test_a_configuration_counts_the_channels_of_its_accounts_only(file: Path, files: Path) -> None:
    text = SHOP.replace("We are closed", "x" * 2500)
    (files.parent / "hotel.playbook.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(config.ConfigError) as caught:
        config.load(files)
    assert "messenger (2" in str(caught.value)
    assert "instagram" not in str(caught.value)


def test_what_may_not_be_meant_is_a_hint_and_no_mistake(file: Path) -> None:
    spoil(file, 'mon-fri: ["08:00-12:00", "13:00-18:00"]', "mon-fri: closed")
    spoil(file, 'sat: ["09:00-13:00"]', "sat: closed")
    spoil(file, ', open: ["08:00-12:00"]', ", closed: true")
    spoil(file, ', hr: "Donesite ga."', "")
    result = run(app, ["playbook", "check", str(file)])
    assert result.exit_code == 0
    assert "opens 0 h a week" in result.stdout
    assert "hours: does not open within 366 days" in result.stderr
    assert "faq returns: has no answer in hr" in result.stderr


def test_texts_of_strangers_do_not_steer_the_terminal(file: Path) -> None:
    spoil(file, "id: returns", 'id: "\u202eevil"')
    spoil(file, "channel: whatsapp", 'channel: "\u202e"')
    assert "\u202e" not in "".join(told(file))


# --- show and schema -------------------------------------------------------------------------------------


def test_show_fills_in_defaults_and_dates(file: Path) -> None:
    shown = json.loads(run(app, ["playbook", "show", str(file), "--at", AT, "--json"]).stdout)
    assert shown["replies"]["human_silence"] == "15m"
    assert shown["texts"]["en"]["away"] == "We are closed[[ until {next_opening}]]."
    assert shown["texts"]["hr"]["instant"] == playbook_texts.default(playbook_texts.TextKind.INSTANT, "hr")
    dates = [day["date"] for day in shown["hours"][0]["holiday_dates"]]
    assert dates[:2] == ["2026-11-18", "2026-12-25"]
    assert dates[-1] == "2027-11-01"


def test_the_page_is_a_playbook_of_the_same_meaning(file: Path, tmp_path: Path) -> None:
    result = run(app, ["playbook", "show", str(file), "--at", AT])
    assert result.stdout.startswith("# closed now, opens on Monday at 08:00 (Europe/Zagreb)\n")
    (tmp_path / "page.playbook.yaml").write_text(result.stdout, encoding="utf-8")
    document = yaml_lines.read(tmp_path / "page.playbook.yaml").data
    found = playbook_page.effective(Playbook.model_validate(document), NOW)
    assert found == playbook_page.effective(config.load_playbook(file), NOW)


def test_the_published_schema_is_fresh() -> None:
    printed = run(app, ["playbook", "schema"]).stdout
    published = (SAMPLES / "playbook.schema.json").read_text(encoding="utf-8")
    assert printed == published, "write it anew: afterhours playbook schema > …/samples/playbook.schema.json"


@pytest.mark.parametrize("sample", SAMPLE_FILES, ids=lambda path: path.name)
def test_the_schema_takes_what_the_model_takes(sample: Path) -> None:
    jsonschema.validate(yaml_lines.read(sample).data, playbook_page.schema())


@pytest.mark.parametrize(
    ("old", "new"),
    [("brand:", "brnd:"), ("mon-fri:", "mo-fr:"), ("[en, hr]", "[]"), ("away:", "awya:"), ("60m", "60")],
)
def test_the_schema_refuses_what_the_model_refuses(file: Path, old: str, new: str) -> None:
    spoil(file, old, new)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(yaml_lines.read(file).data, playbook_page.schema())


# --- the samples -----------------------------------------------------------------------------------------


def test_there_are_five_samples() -> None:
    names = [path.name.removesuffix(".playbook.yaml") for path in SAMPLE_FILES]
    assert names == ["bank", "hotel", "municipality", "night-clinic", "shop"]


@pytest.mark.parametrize("sample", SAMPLE_FILES, ids=lambda path: path.name)
def test_a_sample_is_right_without_a_hint(sample: Path) -> None:
    result = run(app, ["playbook", "check", str(sample), "--at", AT, "--json"])
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["hints"] == []
    first = sample.read_text(encoding="utf-8").splitlines()[0]
    assert first == "# yaml-language-server: $schema=playbook.schema.json"


@pytest.mark.parametrize("sample", SAMPLE_FILES, ids=lambda path: path.name)
def test_every_example_of_a_sample_finds_its_own_entry(sample: Path) -> None:
    entries = loaded(sample).faq
    matcher = faq.compile(entries)
    for entry in entries:
        for example in entry.examples:
            found = faq.match(matcher, example, None)
            assert isinstance(found, faq.Answer)
            assert found.entry_id == entry.id


@pytest.mark.parametrize("sample", sliced(SAMPLE_FILES, 2), ids=lambda path: path.name)
def test_a_sample_rehearses(sample: Path) -> None:
    lines = json.loads(run(app, ["playbook", "rehearse", str(sample), "--at", AT, "--json"]).stdout)
    situations = list(dict.fromkeys(line["situation"].partition(":")[0] for line in lines))
    assert situations[:6] == ["Monday morning", "lunch", "evening", "Friday night", "Saturday", "Sunday night"]
    assert lines == sorted(lines, key=lambda line: situations.index(line["situation"].partition(":")[0]))
    assert all(line["rule"] for line in lines)
    assert any(line["reply"] for line in lines)
    shown = run(app, ["playbook", "rehearse", str(sample), "--at", AT]).stdout
    assert len(shown.splitlines()) == len(lines) + len(situations)


@pytest.mark.parametrize(
    ("sample", "open_in"),
    [
        ("bank", {"Monday morning"}),
        ("hotel", {"Monday morning", "lunch", "evening", "Friday night", "Saturday"}),
        ("municipality", {"Monday morning"}),
        ("night-clinic", {"Friday night", "Saturday", "Sunday night"}),
        ("shop", {"Monday morning", "lunch", "evening", "Friday night", "Saturday"}),
    ],
)  # fmt: skip
def test_the_situations_meet_each_sample_open_and_closed(sample: str, open_in: set[str]) -> None:
    playbook = loaded(SAMPLES / f"{sample}.playbook.yaml")
    weekly = [each for each in rehearsal.situations(playbook, NOW) if each[0] != "the clock changes"][:6]
    assert {name for name, at in weekly if hours.is_open(playbook.hours, at)} == open_in


def test_a_rehearsal_plays_the_holiday_the_exception_and_the_change_of_the_clock() -> None:
    lines = json.loads(
        run(app, ["playbook", "rehearse", str(SAMPLES / "municipality.playbook.yaml"), "--at", AT, "--json"]).stdout
    )
    first = {line["situation"]: line["at"] for line in reversed(lines)}
    assert first["holiday: Erster Weihnachtstag"] == "2026-12-25T10:00:00+01:00"
    assert first["exception"] == "2026-12-10T12:30:00+01:00"
    assert first["the clock changes"] == "2027-03-28T03:30:00+02:00"


# --- versions --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def engine() -> Iterator[Ministack]:
    with Ministack() as started:
        yield started


@pytest.fixture
def local(engine: Ministack, tmp_path: Path) -> Clients:
    """An empty stack on this machine, the one that --local finds: its table is named after the test."""
    clients, table = Clients(engine.url), tmp_path.name
    clients.dynamodb.create_table(
        TableName=table,
        BillingMode="PAY_PER_REQUEST",
        KeySchema=[{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in ("pk", "sk")],
    )
    inbox = {"pk": "INBOX", "sk": "support", "id": "support", "playbook": "shop", "queue_url": "http://queue"}
    clients.dynamodb.put_item(TableName=table, Item={name: {"S": value} for name, value in inbox.items()})
    ids = {
        "ConfigTable": table,
        "HumanQueue": "http://queue",
        "UserPool": "pool",
        "ThreadsTable": table,
        "MailBucket": "mails",
    }
    started = session.Session("http://here", "", "", os.getpid(), "local", engine.url, None, ids)
    session.write(started)
    return clients


Do = Callable[..., Any]


@pytest.fixture
def do(local: Clients) -> Do:
    def command(*arguments: str) -> Any:
        result = run(app, ["playbook", *arguments, "--local", "--json"])
        assert result.exit_code == 0, result.stderr
        return json.loads(result.stdout)

    return command


def test_a_push_stores_a_version_where_the_content_is_new(file: Path, do: Do) -> None:
    pushed = do("push", str(file), "--inbox", "support")
    assert (pushed["action"], pushed["name"], pushed["detail"]) == ("created", "shop", "version 1")
    assert pushed["inboxes"] == ["support"]
    assert do("push", str(file))["action"] == "unchanged"
    spoil(file, "Corner Shop", "Corner")
    assert do("push", str(file), "--dry-run")["detail"] == "version 2"
    assert do("push", str(file), "--id", "shop")["detail"] == "version 2"
    listed = do("versions", "--inbox", "support")["versions"]
    assert [(each["version"], each["brand"], each["faq"]) for each in listed] == [
        (2, "Corner", 2),
        (1, "Corner Shop", 2),
    ]
    assert all(datetime.fromisoformat(each["stored_on"]) for each in listed)


def test_a_push_that_no_inbox_uses_says_so(file: Path, local: Clients) -> None:
    result = run(app, ["playbook", "push", str(file), "--id", "other", "--local"])
    assert result.exit_code == 0
    assert "created: playbook other (version 1)" in result.stdout
    assert "No inbox answers by it yet" in result.stderr


def test_a_wrong_file_is_not_pushed(file: Path, local: Clients) -> None:
    spoil(file, "PARKING & !PRICE", "PARKNG")
    assert run(app, ["playbook", "push", str(file), "--local"]).exit_code == 2
    assert run(app, ["playbook", "versions", "--id", "shop", "--local"]).exit_code == 1


def test_a_diff_shows_what_changed_and_nothing_else(file: Path, do: Do) -> None:
    do("push", str(file))
    assert do("diff", str(file))["same"] is True
    spoil(file, "Corner Shop", "Corner")
    compared = do("diff", str(file))
    changed = [line for line in compared["diff"].splitlines() if line[:1] in "+-"]
    assert changed == ["--- in force", f"+++ {file}", "-brand: Corner Shop", "+brand: Corner"]
    do("push", str(file))
    assert do("diff", "1", "2", "--id", "shop")["diff"].splitlines()[:2] == ["--- shop version 1", "+++ shop version 2"]
    assert do("diff", "1", "--id", "shop")["same"] is False
    assert do("diff", "2", "--id", "shop")["same"] is True


def test_a_rollback_stores_the_old_content_as_a_new_version(file: Path, do: Do) -> None:
    do("push", str(file))
    spoil(file, "Corner Shop", "Corner")
    do("push", str(file))
    assert do("rollback", "1", "--inbox", "support")["detail"] == "version 3"
    assert do("diff", "1", "3", "--id", "shop")["same"] is True
    assert [each["version"] for each in do("versions", "--id", "shop")["versions"]] == [3, 2, 1]
    assert do("rollback", "1", "--id", "shop")["action"] == "unchanged"


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["versions"], 2, "say which playbook: --inbox ID or --id NAME"),
        (["versions", "--id", "x", "--inbox", "y"], 2, "not both"),
        (["versions", "--inbox", "sales"], 2, "it has support"),
        (["versions", "--id", "nothing"], 1, "no playbook nothing"),
        (["rollback", "7", "--id", "shop"], 1, "no playbook shop version 7"),
        (["rollback", "0", "--id", "shop"], 2, "greater than or equal to 1"),
    ],
)
def test_what_is_not_there_is_said(local: Clients, arguments: list[str], code: int, words: str) -> None:
    result = run(app, ["playbook", *arguments, "--local"])
    assert result.exit_code == code
    assert words in result.stderr


def test_a_version_that_this_program_cannot_read_is_listed_and_not_taken_back(
    file: Path, do: Do, local: Clients, tmp_path: Path
) -> None:
    do("push", str(file))
    body = zlib.compress(b'{"brand": "Old", "colour": "red"}')
    key = {"pk": {"S": "PLAYBOOK#shop"}, "sk": {"S": "V#00000001"}}
    local.dynamodb.put_item(TableName=tmp_path.name, Item={**key, "version": {"N": "1"}, "body": {"B": body}})
    assert do("versions", "--id", "shop")["versions"] == [{"version": 1, "stored_on": None, "loads": False}]
    result = run(app, ["playbook", "rollback", "1", "--id", "shop", "--local"])
    assert result.exit_code == 2
    assert 'unknown key "colour"' in result.stderr


def test_the_commands_of_a_stack_say_where_to(file: Path) -> None:
    result = run(app, ["playbook", "push", str(file)])
    assert result.exit_code == 2
    assert "--stack NAME" in result.stderr


@pytest.mark.parametrize(
    "command", ["check", "show", "schema", "rehearse", "push", "versions", "diff", "rollback", "unmatched"]
)
def test_every_command_has_an_example_and_json(command: str) -> None:
    said = run(app, ["playbook", command, "--help"]).stdout
    assert f"Example: afterhours playbook {command}" in " ".join(said.split())
    assert "--json" in said


def test_a_mistake_of_the_model_is_told_for_stored_playbooks_as_well() -> None:
    with pytest.raises(ValidationError) as caught:
        Playbook.model_validate({"brand": "x", "languages": ["en", "en"], "hours": {"zone": "UTC", "week": {}}})
    assert problems(caught.value) == [(("languages", 1), 'the language "en" is given twice; keep one')]
