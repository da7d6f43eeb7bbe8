"""A small configuration on disk that is right (a test spoils one thing), and a server that answers as told."""

import json
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from afterhours.texts import TextKind

CONFIG = """\
apps:
  - {source: meta, app: main, secrets: [env:META_APP_SECRET], verify_token: env:META_VERIFY_TOKEN}
  - {source: webchat, app: shop, secrets: [env:WEBCHAT_SECRET], origins: ["https://shop.example.org"]}
accounts:
  - {channel: whatsapp, id: 106540352242922, app: main, inbox: support, token: env:WA_TOKEN, name: Hotel Jadran}
  - {channel: messenger, id: "1234567890", app: main, inbox: sales, token: file:page.token}
  - {channel: webchat, id: shop, app: shop, inbox: support}
inboxes:
  - {id: support, playbook: hotel.playbook.yaml, agents: [{email: Ana@example.org, role: lead}]}
  - {id: sales, playbook: hotel.playbook.yaml, agents: [{email: ana@example.org}, {email: ivo@example.org}]}
"""
# Norwegian has no texts of ours: a playbook that lists it brings all of them.
NORWEGIAN = ", ".join(f'{kind}: "Takk for meldingen."' for kind in TextKind)
PLAYBOOK = f"""\
brand: Hotel Jadran
languages: [en, no]
hours:
  zone: Europe/Zagreb
  week: {{mon-fri: ["08:00-20:00"], sat: 09:00-13:00, sun: closed}}
  holidays: [HR]
texts:
  no: {{{NORWEGIAN}}}
"""
SECRETS = {
    "META_APP_SECRET": "the-app-secret",
    "META_VERIFY_TOKEN": "the-verify-token",
    "WEBCHAT_SECRET": "the-webchat-secret",
    "WA_TOKEN": "the-whatsapp-token",
}


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """afterhours.yaml of a folder with everything it names."""
    (tmp_path / "afterhours.yaml").write_text(CONFIG, encoding="utf-8")
    (tmp_path / "hotel.playbook.yaml").write_text(PLAYBOOK, encoding="utf-8")
    (tmp_path / "page.token").write_text("the-page-token\n", encoding="utf-8")
    return tmp_path / "afterhours.yaml"


class Answers:
    """A server on this machine that gives the answers it was told, in order, and keeps what it was asked."""

    def __init__(self) -> None:
        self.told: list[tuple[int, str, dict[str, str]]] = []
        self.asked: list[dict[str, Any]] = []
        answers = self

        class Handler(BaseHTTPRequestHandler):
            def _answer(self) -> None:
                raw = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                headers = {name.lower(): value for name, value in self.headers.items()}
                answers.asked.append({"method": self.command, "path": self.path, "headers": headers, "body": raw})
                status, text, told = answers.told.pop(0)
                self.send_response(status)
                for name, value in told.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def do_GET(self) -> None:
                self._answer()

            def do_POST(self) -> None:
                self._answer()

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def tell(self, status: int, document: Any = None, headers: dict[str, str] | None = None) -> None:
        self.told.append((status, document if isinstance(document, str) else json.dumps(document), headers or {}))

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def answers() -> Iterator[Answers]:
    server = Answers()
    yield server
    server.close()


@pytest.fixture(autouse=True)
def _own_runtime_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test meets the stack that somebody runs on this machine."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / "runtime"))
    for name in ("AFTERHOURS_URL", "AFTERHOURS_TOKEN"):
        monkeypatch.delenv(name, raising=False)
