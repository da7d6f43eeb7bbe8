"""/inbox: what the function gives out, and what its files may not contain."""

import json
import re
from pathlib import Path
from typing import Any

import inbox
import pytest
from afterhours import settings
from http_api import request

SIGN_IN = "https://jadran.auth.eu-central-1.amazoncognito.com"
FILES = sorted(path for path in inbox.FOLDER.iterdir())
SCRIPTS = [path for path in FILES if path.suffix == ".js"]


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("SIGN_IN_URL", SIGN_IN)
    monkeypatch.setenv("USER_POOL_CLIENT_ID", "the-client")
    settings.load.cache_clear()
    yield
    settings.load.cache_clear()


def get(file: str | None = None, **headers: str) -> dict[str, Any]:
    if file is None:
        return inbox.lambda_handler(request("GET", "/inbox", {}, headers=headers), None)
    return inbox.lambda_handler(request("GET", "/inbox/{file}", {"file": file}, headers=headers), None)


def test_the_page_is_served_with_a_policy_that_lets_nothing_else_in() -> None:
    answer = get()
    assert (answer["statusCode"], answer["headers"]["content-type"]) == (200, "text/html; charset=utf-8")
    assert answer["body"].startswith("<!doctype html>")
    assert answer["headers"]["content-security-policy"].split("; ") == [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        f"connect-src 'self' {SIGN_IN}",
        "img-src 'self' blob:",
        "form-action 'none'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    ]


@pytest.mark.parametrize("file", [None, "main.js", "inbox.css", "config.json", "nothing.js"])
def test_every_answer_has_the_strict_headers(file: str | None) -> None:
    headers = get(file)["headers"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert "camera=()" in headers["permissions-policy"]
    assert "default-src 'none'" in headers["content-security-policy"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_every_file_is_served_as_what_it_is_and_known_by_its_tag(path: Path) -> None:
    answer = get(path.name)
    assert (answer["statusCode"], answer["body"]) == (200, path.read_text(encoding="utf-8"))
    assert (
        answer["headers"]["content-type"].partition(";")[0]
        == {
            ".html": "text/html",
            ".css": "text/css",
            ".js": "text/javascript",
            ".svg": "image/svg+xml",
        }[path.suffix]
    )
    tag = answer["headers"]["etag"]
    again = get(path.name, **{"if-none-match": f'"other", W/{tag}'})
    assert (again["statusCode"], again["body"], again["headers"]["etag"]) == (304, "", tag)


@pytest.mark.parametrize(
    "file", ["nothing.js", "../inbox.py", "inbox.py", "..%2Finbox.py", "", ".", "INBOX.CSS", "main.js/"]
)
def test_what_is_not_on_the_list_is_not_there(file: str) -> None:
    answer = get(file)
    assert (answer["statusCode"], answer["headers"]["cache-control"]) == (404, "no-store")


def test_the_page_is_asked_for_each_time_and_its_files_at_most_once_a_minute() -> None:
    assert get()["headers"]["cache-control"] == "no-cache"
    assert get("main.js")["headers"]["cache-control"] == "public, max-age=60"


def test_the_configuration_says_where_to_sign_in_and_nothing_else() -> None:
    assert json.loads(get("config.json")["body"]) == {
        "sign_in_url": SIGN_IN,
        "client_id": "the-client",
        "scope": "afterhours/agent",
    }


@pytest.mark.parametrize("path", SCRIPTS, ids=lambda path: path.name)
def test_no_script_makes_markup_or_code_out_of_text_or_reaches_elsewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for banned in (
        *("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "DOMParser", "createContextualFragment"),
        *("eval(", "Function(", "srcdoc", "setHTML", "createPolicy", "import(", "postMessage"),
        *("document.cookie", "indexedDB"),
    ):
        assert banned not in text, banned
    assert not re.findall(r"""["'`](?:https?:)?//\w""", text)
    stored = set(re.findall(r"localStorage\.setItem\((\S+),", text))
    assert stored <= {'"theme"'}


def test_tokens_are_kept_in_memory_alone() -> None:
    text = (inbox.FOLDER / "signin.js").read_text(encoding="utf-8")
    assert re.findall(r"sessionStorage\.setItem\((.*)\);", text) == [
        "PENDING, JSON.stringify({ verifier, state, place: location.hash })"
    ]
    assert "localStorage" not in text


def test_the_page_has_neither_inline_script_nor_style_nor_anything_from_elsewhere() -> None:
    text = (inbox.FOLDER / "index.html").read_text(encoding="utf-8")
    assert not re.findall(r"<script(?![^>]*\bsrc=)|<style|\sstyle=|\son\w+=", text)
    assert {address.split("/")[1] for address in re.findall(r'(?:src|href)="([^"#]+)"', text)} == {"inbox"}
    assert "url(" not in (inbox.FOLDER / "inbox.css").read_text(encoding="utf-8")


def test_every_file_that_is_asked_for_is_there_and_every_file_is_asked_for() -> None:
    asked = {"index.html"}
    for path in FILES:
        text = path.read_text(encoding="utf-8")
        asked |= set(re.findall(r'"/inbox/([\w.]+)"', text)) | set(re.findall(r'from "\./([\w.]+)"', text))
    assert asked - {"config.json"} == {path.name for path in FILES}
