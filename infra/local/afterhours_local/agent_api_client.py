"""The agents' API as the commands call it: where it is, who calls, and what a refusal means."""

import os
from typing import Any, NoReturn

from afterhours_local import output, session

HINTS = {
    "new_message": "the customer has written since; read it first: afterhours agent show {thread}",
    "stale_fence": "someone else has had the thread since; take it again: afterhours agent claim {thread}",
    "lease_over": "your claim has run out; take the thread again: afterhours agent claim {thread}",
    "not_claimable": "someone else has it, or it is resolved: afterhours agent show {thread}",
}


class Api:
    """The agents' API at one address; every error ends the command with exit 1."""

    def __init__(self, url: str, token_env: str, *, as_json: bool) -> None:
        from afterhours_local import web

        lent = _lent()
        self.as_json = as_json
        self.url = (url or (lent.url if lent else "")).rstrip("/")
        if not self.url:
            output.stop("no local stack is up: start `afterhours run`, or say where the API is: --url", code=1)
        if not self.url.startswith("https://") and not web.is_this_machine(self.url):
            output.stop(f"--url {self.url}: must begin with https://, or your token could be read on the way")
        self.token = os.environ.get(token_env or "AFTERHOURS_TOKEN", "")
        if not self.token and token_env:
            output.stop(f"--token-env {token_env}: the environment variable is not set, or empty")
        if not self.token and lent and lent.url == self.url:
            self.token = lent.token
        if not self.token:
            output.stop("no access token: afterhours agent login, or set AFTERHOURS_TOKEN")

    def get(self, path: str, thread: str = "") -> Any:
        return self._call("GET", path, None, thread, "")

    def post(self, path: str, body: Any, thread: str = "", *, retry_hint: str = "") -> Any:
        """The answer, None where it is empty (204)."""
        return self._call("POST", path, body, thread, retry_hint)

    def only_inbox(self) -> str:
        inboxes = list(self.get("/api/me")["inboxes"])
        if len(inboxes) != 1:
            output.stop(f"--inbox: say which; yours: {output.plain(', '.join(inboxes)) or 'none'}")
        return str(inboxes[0])

    def _call(self, method: str, path: str, body: Any, thread: str, retry_hint: str) -> Any:
        import requests

        from afterhours_local import web

        try:
            with web.opened(self.url) as http:
                answer = http.request(
                    method,
                    self.url + path,
                    json=body,
                    auth=web.Bearer(self.token),
                    timeout=web.TIMEOUT_S,
                    allow_redirects=False,
                )
        except requests.ConnectionError:
            output.stop(f"{self.url} does not answer: start `afterhours run`. {retry_hint}".rstrip(), code=1)
        except requests.RequestException as error:
            output.stop(f"{self.url}: {type(error).__name__}. {retry_hint}".rstrip(), code=1)
        if answer.status_code == 204:
            return None
        try:
            document = answer.json()
        except ValueError:
            document = {
                "status": answer.status_code,
                "title": answer.reason,
                "detail": answer.content[:300].decode("utf-8", "replace"),
            }
        if answer.status_code >= 300:
            self._refused(answer.status_code, document, thread)
        return document

    def _refused(self, status: int, document: Any, thread: str) -> NoReturn:
        if self.as_json:
            output.emit(document)
        problem = document if isinstance(document, dict) else {}
        words = problem.get("detail") or problem.get("message") or problem.get("title") or "refused"
        hint = HINTS.get(str(problem.get("code")), "").format(thread=thread)
        if status == 401:
            hint = "the access token is missing, wrong or has run out"
        output.stop(output.plain(f"{status} {words}") + (f"\n{hint}" if hint else ""), code=1)


def _lent() -> session.Session | session.Login | None:
    """The running local stack, else the deployed one that somebody signed in at."""
    try:
        return session.read() or session.login()
    except session.UnsafeDirectory as error:
        output.stop(str(error))
