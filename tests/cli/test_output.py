"""Texts of strangers on a terminal."""

import pytest
from afterhours_local import output


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("hello\x1b[2Jworld", "hello\ufffd[2Jworld"),
        ("a\x9b31mb", "a\ufffd31mb"),
        ("name\u202etxt.exe", "name\ufffdtxt.exe"),
        ("one\r\ntwo\rthree", "one\ntwo\nthree"),
        ("lone \ud83d", "lone \ufffd"),
        ("čšž 日本 🙂\tok\n", "čšž 日本 🙂\tok\n"),
    ],
)
def test_what_steers_a_terminal_is_replaced_and_the_rest_stays(text: str, shown: str) -> None:
    assert output.plain(text) == shown


def test_markup_and_emoji_names_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    output.say("[red]x[/red] :smile: " + "long " * 40)
    assert capsys.readouterr().out == "[red]x[/red] :smile: " + "long " * 40 + "\n"


def test_documents_are_ascii(capsys: pytest.CaptureFixture[str]) -> None:
    output.emit({"text": "\x1b[2J\ud83dč"})
    assert capsys.readouterr().out.isascii()
