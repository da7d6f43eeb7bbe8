"""afterhours.yaml: what is read, and that every mistake is named by file, line, field and the way out."""

from pathlib import Path

import pytest
from afterhours_local import config
from afterhours_local.cli import app
from typer.testing import CliRunner

from .conftest import SECRETS

run = CliRunner().invoke


def problems_of(file: Path) -> list[str]:
    with pytest.raises(config.ConfigError) as caught:
        config.load(file)
    return [f"{Path(problem.file).name}:{problem.line}: {problem.field}: {problem.message}" for problem in
            caught.value.problems]  # fmt: skip


def spoil(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new, 1), encoding="utf-8")


def test_a_right_file_is_read_with_its_playbooks(files: Path) -> None:
    found = config.load(files)
    assert [account.id for account in found.accounts] == ["106540352242922", "1234567890", "shop"]
    assert found.playbooks["hotel"].id == "hotel"
    assert found.playbooks["hotel"].languages == ("en", "no")
    assert found.agents == {
        "ana@example.org": {"support": "lead", "sales": "agent"},
        "ivo@example.org": {"sales": "agent"},
    }


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "message"),
    [
        ("app: main, inbox: sales", "app: mian, inbox: sales", 6, "accounts[1].app", "there is no app mian; known: "),
        ("app: main, inbox: sales", "app: shop, inbox: sales", 6, "accounts[1].app", "needs an app of source meta"),
        ("inbox: sales,", "inbox: sails,", 6, "accounts[1].inbox", "there is no inbox sails; known: sales, support"),
        ("token: env:WA_TOKEN, ", "", 5, "accounts[0].token", "is missing"),
        ("inbox: support}", "inbox: support, token: env:WA_TOKEN}", 7, "accounts[2].token", "not used by webchat"),
        (", verify_token: env:META_VERIFY_TOKEN", "", 2, "apps[0].verify_token", "is missing"),
        ("channel: messenger", "channel: messanger", 6, "accounts[1].channel", "must be one of whatsapp, messenger"),
        ("source: webchat", "source: chat", 3, "apps[1].source", "must be one of meta, webchat"),
        ("https://shop.example.org", "https://shop.example.org/chat", 3, "apps[1].origins[0]", "without a path"),
        ("id: 106540352242922", "id: 1.5", 5, "accounts[0].id", "put it in quotes"),
        ("id: 106540352242922", "id: 0123", 5, "", "0123 is read as different numbers"),
        ("id: 106540352242922", "id: 1_000", 5, "", "put it in quotes"),
        ("id: 106540352242922", "id: 1e5", 5, "", "put it in quotes"),
        ("id: 106540352242922", "id: true", 5, "accounts[0].id", "put it in quotes"),
        ("id: 106540352242922, ", "", 5, "accounts[0].id", "is missing"),
        ("name: Hotel Jadran", "nam: Hotel Jadran", 5, "accounts[0].nam", 'did you mean "name"?'),
        ("name: Hotel Jadran", "name: 1960", 5, "accounts[0].name", "must be text; put it in quotes"),
        ('messenger, id: "1234567890"', "whatsapp, id: '106540352242922'", 6, "accounts[1]", "first on line 5"),
        ("{id: sales", "{id: support", 10, "inboxes[1]", "support stands twice; first on line 9"),
        ("ivo@example.org", "ANA@example.org", 10, "inboxes[1].agents[1].email", "stands twice"),
        ("agents: [{email: Ana", "notify: {slack: 'https://hooks.slack.com/services/T0/B0/x'}, agents: [{email: Ana", 9,
         "inboxes[0].notify.slack", "must say where the secret is"),
        ("agents: [{email: Ana", "notify: {every: 30s}, agents: [{email: Ana", 9, "inboxes[0].notify.every", "60"),
        ("agents: [{email: Ana", "notify: {every: 5}, agents: [{email: Ana", 9, "inboxes[0].notify.every", "duration"),
        ("agents: [{email: Ana", "notify: {mail: x}, agents: [{email: Ana", 9, "inboxes[0].notify.mail", "known here"),
        ("agents: [{email: Ana", "notify: {page: 'https://a.example/?x=<!channel>'}, agents: [{email: Ana", 9,
         "inboxes[0].notify.page", "must be an address"),
        ("role: lead", "role: boss", 9, "inboxes[0].agents[0].role", "'agent', 'lead' or 'admin'"),
        ("ivo@example.org", "ivo", 10, "inboxes[1].agents[1].email", "must be an e-mail address"),
        ("playbook: hotel.playbook.yaml", "playbook: motel.yaml", 9, "inboxes[0].playbook", "there is no file"),
        ("[env:META_APP_SECRET]", "[]", 2, "apps[0].secrets", "must not be empty"),
        ("[env:META_APP_SECRET]", "[env:A, env:B, env:C]", 2, "apps[0].secrets", "at most 2 items"),
        ("inboxes:", "apps:", 8, "", "the key 'apps' stands here for the second time (first on line 1)"),
        ("name: Hotel Jadran", "name: &x Hotel", 5, "", "anchors"),
        ("name: Hotel Jadran", "name: *x", 5, "", "aliases"),
        ("name: Hotel Jadran", "name: !!python/name:os.system x", 5, "", "tags"),
        ("inboxes:\n", "inboxes:\n\t- {}\n", 9, "", "a tab stands where only spaces may"),
        ("inboxes:", "---\ninboxes:", 8, "", "more than one document"),
        ("inboxes:", "inboxes: [", 0, "", "is not YAML"),
        ("Hotel Jadran", '"\x01"', 5, "", "U+0001"),
    ],
)  # fmt: skip
def test_every_mistake_is_named(files: Path, old: str, new: str, line: int, field: str, message: str) -> None:
    spoil(files, old, new)
    found = problems_of(files)
    assert any(
        problem.startswith(f"afterhours.yaml:{line}: {field}: " if line else "afterhours.yaml:") and message in problem
        for problem in found
    ), found


@pytest.mark.parametrize(
    ("old", "new", "line", "field", "message"),
    [
        ("Europe/Zagreb", "Europe/Zagrb", 4, "hours.zone", 'did you mean "Europe/Zagreb"?'),
        ("brand:", "brnd:", 1, "brnd", 'did you mean "brand"?'),
        ("brand: Hotel Jadran", "brand: 1960", 1, "brand", "put it in quotes"),
        ("[HR]", "[XX]", 6, "hours.holidays", 'no public holidays are known for "XX"'),
        ("[HR]", "[HR-99]", 6, "hours.holidays", 'no public holidays are known for "HR-99"'),
        ("08:00-20:00", "08:00-28:00", 5, "hours.week", "does not exist"),
        ("brand:", "id: motel\nbrand:", 1, "id", "must be hotel"),
        ("languages: [en, no]\n", "", 1, "languages", "is missing"),
    ],
)
def test_a_mistake_in_a_playbook_is_named_by_the_playbooks_own_line(
    files: Path, old: str, new: str, line: int, field: str, message: str
) -> None:
    spoil(files.parent / "hotel.playbook.yaml", old, new)
    found = problems_of(files)
    assert any(p.startswith(f"hotel.playbook.yaml:{line}: {field}") and message in p for p in found), found


def test_all_mistakes_are_named_at_once(files: Path) -> None:
    spoil(files, "app: main, inbox: sales", "app: mian, inbox: sails")
    spoil(files.parent / "hotel.playbook.yaml", "Europe/Zagreb", "Nowhere")
    assert [problem.split(": ")[1] for problem in problems_of(files)] == [
        "accounts[1].app", "accounts[1].inbox", "hours.zone",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("old", "secret"),
    [
        ("env:WA_TOKEN", "EAAGm0PX4ZCpsBAKZC"),
        ("env:META_VERIFY_TOKEN", "hunter2"),
        ("[env:META_APP_SECRET]", "[76f1a2c9d0e4]"),
        ("[env:META_APP_SECRET]", "76f1a2c9d0e4"),
        ("env:WA_TOKEN", "env:EAAG-m0PX4ZCpsBAKZC"),
    ],
)
def test_a_secret_in_the_file_is_refused_and_not_repeated(files: Path, old: str, secret: str) -> None:
    spoil(files, old, secret)
    result = run(app, ["config", "check", str(files)])
    assert result.exit_code == 2
    assert "env:NAME" in result.stderr or "must be a list" in result.stderr
    assert secret.strip("[]") not in result.stderr + result.stdout


def test_two_playbooks_of_one_name_are_refused(files: Path) -> None:
    (files.parent / "other").mkdir()
    (files.parent / "other" / "hotel.yaml").write_text("brand: x", encoding="utf-8")
    spoil(files, "id: sales, playbook: hotel.playbook.yaml", "id: sales, playbook: other/hotel.yaml")
    assert "has the same name" in problems_of(files)[0]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"[]", "must be a mapping"),
        (b"a: \xff", "is not UTF-8"),
        (b"[" * 100_000, "nested more than 50 deep"),
        (b"#" * 1_000_001, "is larger than 1,000,000 bytes"),
    ],
)
def test_a_file_that_is_no_configuration_is_refused(tmp_path: Path, content: bytes, message: str) -> None:
    file = tmp_path / "afterhours.yaml"
    file.write_bytes(content)
    assert message in problems_of(file)[0]


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    result = run(app, ["config", "check", str(tmp_path / "none.yaml")])
    assert result.exit_code == 2
    assert "none.yaml: cannot be read: No such file or directory" in result.stderr


def test_missing_secrets_are_named_all_at_once(files: Path) -> None:
    (files.parent / "page.token").unlink()
    with pytest.raises(config.ConfigError) as caught:
        config.load(files).secret_values({**SECRETS, "WA_TOKEN": " ", "META_APP_SECRET": "x" * 1201})
    assert [problem.field for problem in caught.value.problems] == [
        "env:META_APP_SECRET",
        "env:WA_TOKEN",
        "file:page.token",
    ]


def test_secrets_come_from_the_environment_and_from_files(files: Path) -> None:
    values = config.load(files).secret_values(SECRETS)
    assert values["env:WA_TOKEN"] == "the-whatsapp-token"
    assert values["file:page.token"] == "the-page-token"


WEBHOOK = "https://hooks.slack.com/services/T00000000/B00000000/abcDEF123"


@pytest.mark.parametrize(
    "address",
    [
        "http://hooks.slack.com/services/T00000000/B00000000/abcDEF123",
        "https://hooks.slack.com.evil.example/services/T00000000/B00000000/abcDEF123",
        "https://evil.example/services/T00000000/B00000000/abcDEF123",
        "https://hooks.slack.com/services/T00000000/B00000000/abcDEF123?x",
        "https://hooks.slack.com/elsewhere",
    ],
)
def test_a_webhook_that_is_none_of_slacks_is_named_by_line_and_field_and_not_shown(files: Path, address: str) -> None:
    spoil(files, "agents: [{email: Ana", "notify: {slack: env:HOOK}, agents: [{email: Ana")
    with pytest.raises(config.ConfigError) as caught:
        config.load(files).secret_values({**SECRETS, "HOOK": address})
    [problem] = caught.value.problems
    assert (problem.line, problem.field) == (9, "inboxes[0].notify.slack")
    checked = run(app, ["config", "check", str(files)], env={"HOOK": address})
    assert checked.exit_code == 2
    assert "afterhours.yaml:9: inboxes[0].notify.slack: the secret is not an address of Slack's" in checked.stderr
    for said in (str(problem), checked.stdout, checked.stderr):
        assert address not in said


def test_a_check_needs_no_webhook_and_takes_a_right_one(files: Path) -> None:
    spoil(files, "agents: [{email: Ana", "notify: {slack: env:HOOK, every: 10m}, agents: [{email: Ana")
    for environ in ({"HOOK": WEBHOOK}, {}):
        checked = run(app, ["config", "check", str(files)], env=environ)
        assert checked.exit_code == 0
        assert "env:HOOK" in checked.stdout
        assert WEBHOOK not in checked.stdout


def test_check_lists_the_secrets_that_a_push_reads(files: Path) -> None:
    result = run(app, ["config", "check", str(files)])
    assert result.exit_code == 0
    assert "env:META_APP_SECRET" in result.stdout


def test_the_packaged_sample_is_right() -> None:
    assert config.load(Path(config.__file__).parent / "samples" / "afterhours.yaml").inboxes


def test_an_app_with_one_account_lends_it_its_name(files: Path) -> None:
    bot = "  - {source: telegram, app: bot, secrets: [env:WA_TOKEN]}"
    spoil(files, "accounts:\n", f"{bot}\naccounts:\n  - {{channel: telegram, id: another, app: bot, inbox: support}}\n")
    one_account, without_token = problems_of(files)
    assert one_account.endswith(
        "accounts[0].id: must be bot: an app of telegram has one account, which is called as the app is"
    )
    assert "accounts[0].token: is missing" in without_token


MAIL = "  - {source: email, app: ses}"


@pytest.mark.parametrize(
    ("app", "account", "wrong"),
    [
        (MAIL, "channel: email, id: support+hr@hotel.example, app: ses", []),
        (MAIL, "channel: email, id: Support@hotel.example, app: ses", ["id"]),
        (MAIL, "channel: email, id: support, app: ses", ["id"]),
        (MAIL, "channel: email, id: support@hotel.example, app: ses, token: env:WA_TOKEN", ["token"]),
        ("  - {source: email, app: mails}", "channel: email, id: support@hotel.example, app: mails", ["app"]),
        (
            "  - {source: mentions, app: tool, secrets: [env:WA_TOKEN]}",
            "channel: mentions, id: support@hotel.example, app: tool",
            ["id", "id"],
        ),
    ],
)
def test_only_an_e_mail_account_is_called_by_its_address(files: Path, app: str, account: str, wrong: list[str]) -> None:
    spoil(files, "accounts:\n", f"{app}\naccounts:\n  - {{{account}, inbox: support}}\n")
    try:
        config.load(files)
        found = []
    except config.ConfigError as error:
        found = [problem.field.rpartition(".")[2] for problem in error.problems]
    assert found == wrong
