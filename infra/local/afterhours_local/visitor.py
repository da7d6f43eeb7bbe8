"""A visitor of our own web chat, as a page plays one: a session, messages in, answers by polling."""

from dataclasses import dataclass, field
from typing import Any

from afterhours_local import web
from afterhours_local.agent_api_client import new_ulid


@dataclass
class Visitor:
    """`url` is the site's, without a trailing slash: `http://127.0.0.1:8400/webchat/jadran-web`."""

    url: str
    session: str = ""
    message_id: str = ""  # of what was written last
    cursor: str = "0"
    known: set[str] = field(default_factory=set)  # pages overlap

    def say(self, text: str, *, now_ms: int | None = None) -> int:
        """Write a message, in a new session where there is none; the status. Raises requests.RequestException."""
        with web.opened(self.url) as http:
            if not self.session:
                started = http.post(f"{self.url}/session", json={}, timeout=web.TIMEOUT_S)
                if started.status_code != 201:
                    return started.status_code
                self.session = started.json()["session"]
            message = {"client_message_id": new_ulid(now_ms), "type": "text", "text": text}
            written = http.post(f"{self.url}/messages", json=message, headers=self._headers(), timeout=web.TIMEOUT_S)
        if written.status_code == 202:
            self.message_id = written.json()["message_id"]
        return written.status_code

    def read(self) -> list[dict[str, Any]]:
        """The answers that are new to this page. Raises requests.RequestException."""
        with web.opened(self.url) as http:
            answer = http.get(
                f"{self.url}/messages", params={"after": self.cursor}, headers=self._headers(), timeout=web.TIMEOUT_S
            )
        answer.raise_for_status()
        page = answer.json()
        new = [message for message in page["messages"] if message["id"] not in self.known]
        self.cursor, self.session = page["cursor"], page.get("session", self.session)
        self.known |= {message["id"] for message in new}
        return new

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.session}"}
