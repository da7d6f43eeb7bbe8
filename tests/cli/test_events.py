"""`afterhours events`: parse, verify, send."""

import json
from pathlib import Path
from typing import Any

import pytest
from afterhours.channels import meta_source
from afterhours_local.cli import app
from typer.testing import CliRunner

from .conftest import Answers

run = CliRunner().invoke
SECRET = "local-secret"


@pytest.fixture
def body(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A page's delivery with a message and a comment, and the secret of its app in the environment."""
    monkeypatch.setenv("APP_SECRET", SECRET)
    message = {
        "mid": "m_1",
        "text": "Hi č",
        "attachments": [{"type": "image", "payload": {"url": "https://x.example"}}],
    }
    entry = {
        "id": "1234567890",
        "time": 1772618400000,
        "messaging": [
            {
                "sender": {"id": "111"},
                "recipient": {"id": "1234567890"},
                "timestamp": 1772618400000,
                "message": message,
            }
        ],
    }
    file = tmp_path / "body.json"
    file.write_text(json.dumps({"object": "page", "entry": [entry]}), encoding="utf-8")
    return file


def parsed(*arguments: str, stdin: bytes | None = None) -> Any:
    result = run(app, ["events", "parse", *arguments], input=stdin)
    assert result.exit_code == 0, result.stderr
    return json.loads(result.stdout)


def test_parse_prints_one_object_per_event(body: Path) -> None:
    (event,) = parsed("--channel", "messenger", str(body))
    assert {name: event[name] for name in ("kind", "subkind", "sender_id", "recipient_id", "text", "message_id")} == {
        "kind": "message",
        "subkind": "image",
        "sender_id": "111",
        "recipient_id": "1234567890",
        "text": "Hi č",
        "message_id": "m_1",
    }
    assert event["timestamp_ms"] == 1772618400000
    assert event["is_echo"] is False
    assert event["channel"] == "messenger"
    assert event["attachment_types"] == ["image"]


@pytest.mark.parametrize("channel", ["whatsapp", "instagram", "facebook-page", "instagram-comments"])
def test_the_content_says_which_channel_reads_it(body: Path, channel: str) -> None:
    assert parsed("--channel", channel, str(body), "--json")[0]["channel"] == "messenger"


def test_parse_reads_standard_input(body: Path) -> None:
    assert parsed("--channel", "messenger", "-", stdin=body.read_bytes())[0]["text"] == "Hi č"


def test_parse_reads_a_web_chat_message(tmp_path: Path) -> None:
    piece = {"site": "shop", "visitor_id": "v_1", "client_message_id": "c1", "text": "Hello", "sent_ms": 1772618400000}
    (tmp_path / "chat.json").write_text(json.dumps(piece), encoding="utf-8")
    assert parsed("--channel", "webchat", str(tmp_path / "chat.json"))[0]["sender_id"] == "v_1"


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"{", "body.json:1: is not JSON"),
        (b"", "is not JSON"),
        (b'{"a": "\xff"}', "not UTF-8 at byte 7"),
        (b"[" * 200_000, "is JSON that nobody should read"),
        (b'{"n": ' + b"9" * 5000 + b"}", "is JSON that nobody should read"),
        (b"[]", "cannot be understood as a body of messenger"),
        (b'"text"', "cannot be understood as a body of messenger"),
    ],
)
def test_a_body_that_cannot_be_read_ends_with_the_reason(body: Path, content: bytes, reason: str) -> None:
    body.write_bytes(content)
    result = run(app, ["events", "parse", "--channel", "messenger", str(body)])
    assert result.exit_code == 2
    assert reason in result.stderr
    assert result.stdout == ""


def test_a_file_that_is_not_there_and_a_channel_that_is_unknown_end_with_the_reason(body: Path) -> None:
    result = run(app, ["events", "parse", "--channel", "messenger", f"{body}.no"])
    assert (result.exit_code, "No such file" in result.stderr) == (2, True)
    result = run(app, ["events", "parse", "--channel", "icq", str(body)])
    assert (result.exit_code, "one of whatsapp, messenger" in result.stderr) == (2, True)


def verify(body: Path, *extra: str, secret_env: str = "APP_SECRET") -> Any:
    return run(app, ["events", "verify", "--channel", "messenger", "--secret-env", secret_env, *extra, str(body)])


def test_verify_says_valid_for_the_right_signature_whatever_the_case_of_the_header(body: Path) -> None:
    signature = meta_source.sign(body.read_bytes(), SECRET)["x-hub-signature-256"]
    result = verify(body, "--header", "Accept: */*", "--header", f"X-Hub-SIGNATURE-256:  {signature}")
    assert (result.exit_code, result.stdout) == (0, "valid\n")
    result = verify(body, "--json", "--header", f"x-hub-signature-256: {signature}")
    assert json.loads(result.stdout) == {"valid": True}


def test_verify_says_invalid_when_a_byte_differs(body: Path) -> None:
    signature = meta_source.sign(body.read_bytes(), SECRET)["x-hub-signature-256"]
    body.write_bytes(body.read_bytes() + b"\n")
    result = verify(body, "--header", f"x-hub-signature-256: {signature}")
    assert (result.exit_code, result.stdout) == (1, "invalid\n")


def test_verify_needs_a_secret_and_whole_headers(body: Path) -> None:
    result = verify(body, "--header", "a: b", secret_env="NOT_SET")
    assert (result.exit_code, "NOT_SET" in result.stderr) == (2, True)
    result = verify(body, "--header", "no colon")
    assert (result.exit_code, "'Name: value'" in result.stderr) == (2, True)


def send(body: Path, url: str, *extra: str) -> Any:
    return run(
        app, ["events", "send", "--channel", "messenger", "--secret-env", "APP_SECRET", "--url", url, *extra, str(body)]
    )


def test_send_posts_the_exact_bytes_signed(body: Path, answers: Answers) -> None:
    answers.tell(200, "ok")
    result = send(body, f"{answers.url}/hook/meta/main")
    assert (result.exit_code, result.stdout) == (0, "200 ok\n")
    (asked,) = answers.asked
    assert asked["path"] == "/hook/meta/main"
    assert asked["body"] == body.read_bytes()
    assert asked["headers"]["x-hub-signature-256"] == meta_source.sign(body.read_bytes(), SECRET)["x-hub-signature-256"]
    assert asked["headers"]["content-type"] == "application/json"


@pytest.mark.parametrize("status", [301, 401, 503])
def test_send_exits_1_on_any_other_answer(body: Path, answers: Answers, status: int) -> None:
    answers.tell(status, "no\x1b[2J")
    result = send(body, answers.url, "--json")
    assert result.exit_code == 1
    assert json.loads(result.stdout) == {"status": status, "body": "no\x1b[2J"}


def test_send_says_when_nobody_answers(body: Path, answers: Answers) -> None:
    answers.close()
    result = send(body, answers.url)
    assert (result.exit_code, "is `afterhours run` up?" in result.stderr) == (1, True)


@pytest.mark.parametrize("command", ["send", "verify"])
def test_web_chat_bodies_are_not_signed(body: Path, command: str) -> None:
    extra = ["--url", "http://127.0.0.1:9"] if command == "send" else ["--header", "a: b"]
    result = run(app, ["events", command, "--channel", "webchat", "--secret-env", "APP_SECRET", *extra, str(body)])
    assert (result.exit_code, "not signed" in result.stderr) == (2, True)


def test_every_command_has_help_with_an_example() -> None:
    commands = [[], ["demo"], ["run"], ["config", "check"], ["config", "push"]]
    commands += [["events", name] for name in ("parse", "verify", "send", "say")]
    commands += [
        ["agent", name]
        for name in ("login", "pull", "list", "show", "claim", "heartbeat", "reply", "release", "resolve")
    ]
    for command in commands:
        result = run(app, [*command, "--help"])
        assert result.exit_code == 0
        assert "Example: afterhours" in result.stdout, command
        assert not command or "--json" in result.stdout, command


def test_the_version_is_printed() -> None:
    assert run(app, ["--version"]).stdout.startswith("afterhours ")
