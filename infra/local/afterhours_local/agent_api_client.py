"""The agents' API as the commands call it: where it is, who calls, what a thread is called, what a refusal means."""

import os
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlencode

from afterhours_local import output, session

if TYPE_CHECKING:
    import requests

LAST = "last"
CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
NUMBER = re.compile(r"[A-Za-z2-7]{8}-[0-9]{1,6}")
HINTS = {
    "already": "look at what has become of it: afterhours agent show {thread}",
    "bad_key": "it was never taken: send it again without --key",
    "bad_request": "see what the command takes: afterhours agent COMMAND --help",
    "bad_text": "write at least a word, and no control characters",
    "busy": "try again in a moment",
    "erased": "there is nothing left of it; see which threads there are: afterhours agent list",
    "gone": "open it in the platform's own app",
    "held": "see the reply that waits, then afterhours agent approve or reject: afterhours agent show {thread}",
    "lease_over": "your claim has run out; take the thread again: afterhours agent claim {thread}",
    "new_message": "the customer has written since; read it first: afterhours agent show {thread}",
    "not_allowed": "see who leads the inbox: afterhours agent colleagues",
    "not_an_agent": "sign in as somebody else: afterhours agent login",
    "not_confirmed": "repeat the id or the ticket number of the thread that you want erased",
    "not_approved": "see which ones are approved: afterhours agent answers {thread}",
    "not_claimable": "someone else has it, or it is resolved: afterhours agent show {thread}",
    "opted_out": "still possible: afterhours agent note {thread} TEXT",
    "past": "write for example --until '2026-11-23 08:00', --for 2h or --next-opening",
    "stale_fence": "someone else has had the thread since; take it again: afterhours agent claim {thread}",
    "too_large": "write less; what a customer sent can be opened in the platform's own app",
    "too_long": "shorten it, or send it in parts",
    "too_many": "take a tag off first: afterhours agent tag {thread} --remove TAG",
    "unauthorized": "the access token is missing, wrong or has run out: afterhours agent login",
    "unavailable": "try again in a moment",
    "unfinished": "there is much to erase; go on with: afterhours agent erase {thread}",
    "unknown_agent": "see who works there: afterhours agent colleagues",
    "unknown_answer": "see what there is: afterhours agent answers {thread}",
    "unknown_attachment": "see what there is: afterhours agent show {thread}",
    "unknown_inbox": "see which are yours: afterhours agent me",
    "unknown_reply": "see the keys of replies that wait: afterhours agent show {thread}",
    "unknown_thread": "see which there are: afterhours agent list",
    "unknown_ticket": "see what was said: afterhours agent show {thread}",
    "unsupported": "see how else to reach the customer: afterhours agent answers {thread}",
    "window_closed": "still possible: afterhours agent note {thread} TEXT; other ways to reach the customer: "
    "afterhours agent answers {thread}",
}


class Trouble(Exception):
    """Why a command ends without its result: the words, what to do, the exit code."""

    is_unclear = False  # whether what was asked may have been done all the same

    def __init__(self, words: str, hint: str = "", *, code: int = 1) -> None:
        super().__init__(words)
        self.words, self.hint, self.code = words, hint, code


class NoAnswer(Trouble):
    """Nothing came back; the request may have arrived."""

    is_unclear = True


class Refused(Trouble):
    """The API said no; `document` is what it said."""

    def __init__(self, status: int, document: Any, thread: str) -> None:
        problem = document if isinstance(document, dict) else {}
        words = problem.get("detail") or problem.get("message") or problem.get("title") or "refused"
        code = "unauthorized" if status == 401 else str(problem.get("code"))
        hint = HINTS.get(code, "").format(thread=thread or "THREAD")
        super().__init__(output.plain(f"{status} {words}"), hint)
        self.document, self.is_unclear = document, status >= 500


class File(NamedTuple):
    """What a customer attached."""

    content: bytes
    content_type: str
    disposition: str


@dataclass(frozen=True)
class Api:
    """The agents' API. Where it is and who asks is looked up at each call: a stack or a token may be a new one."""

    given_url: str
    token_env: str
    as_json: bool

    @property
    def url(self) -> str:
        """Raises Trouble."""
        from afterhours_local import web

        lent = _lent()
        url = (self.given_url or (lent.url if lent else "")).rstrip("/")
        if not url:
            raise Trouble("no local stack is up: start `afterhours run`, or say where the API is: --url")
        if not url.startswith("https://") and not web.is_this_machine(url):
            raise Trouble(f"--url {url}: must begin with https://, or your token could be read on the way", code=2)
        return url

    def get(self, *path: str, **query: object) -> Any:
        """The answer; parameters that say nothing are left out. Raises Trouble."""
        return _document(self._asked("GET", path, query=query), path)

    def post(self, *path: str, body: Mapping[str, object]) -> Any:
        """The answer, None where it is empty (204). Raises Trouble."""
        return _document(self._asked("POST", path, body=body), path)

    def download(self, *path: str) -> File:
        """Raises Trouble."""
        answer = self._asked("GET", path)
        if answer.status_code != 200:
            _document(answer, path)
        told = answer.headers
        return File(answer.content, told.get("content-type", ""), told.get("content-disposition", ""))

    def inbox(self, named: str) -> str:
        """The inbox that is meant, where nothing is named the only one. Raises Trouble."""
        inboxes = [named] if named else list(self.get("me")["inboxes"])
        if len(inboxes) != 1:
            raise Trouble(f"--inbox: say which; yours: {output.plain(', '.join(inboxes)) or 'none'}", code=2)
        return str(inboxes[0])

    def thread(self, named: str) -> str:
        """The id of the thread that is meant: by its id, its ticket number, or `last`. Raises Trouble."""
        if named == LAST:
            found = session.last_seen(self.url)
            if found is None:
                raise Trouble("no thread was shown to you yet; name one, or afterhours agent pull", code=2)
            return found
        return self._of_number(named.upper()) if NUMBER.fullmatch(named) else named

    def names(self, inbox: str) -> dict[str, str]:
        """The e-mail addresses of colleagues by their ids; none where they cannot be had."""
        try:
            return {each["id"]: each["email"] for each in self.get("inboxes", inbox, "colleagues")["agents"]}
        except Trouble:
            return {}

    def _of_number(self, number: str) -> str:
        found = [
            thread["id"]
            for inbox in self.get("me")["inboxes"]
            for thread in self.get("inboxes", inbox, "search", number=number)["threads"]
        ]
        if len(set(found)) > 1:
            raise Trouble(f"{number} is not the number of one thread but of these:\n" + "\n".join(found), code=2)
        if not found:
            raise Trouble(f"no thread of yours has the number {number}", "see which there are: afterhours agent list")
        return str(found[0])

    def _token(self, url: str) -> str:
        token = os.environ.get(self.token_env or "AFTERHOURS_TOKEN", "")
        if not token and self.token_env:
            raise Trouble(f"--token-env {self.token_env}: the environment variable is not set, or empty", code=2)
        lent = _lent()
        if not token and lent and lent.url == url:
            token = lent.token
        if not token:
            raise Trouble("no access token: afterhours agent login, or set AFTERHOURS_TOKEN", code=2)
        return token

    def _asked(
        self,
        method: str,
        path: tuple[str, ...],
        *,
        query: Mapping[str, object] | None = None,
        body: Mapping[str, object] | None = None,
    ) -> "requests.Response":
        import requests

        from afterhours_local import web

        url = self.url
        target = f"{url}/api/{'/'.join(quote(part, safe='') for part in path)}"
        if given := {name: value for name, value in (query or {}).items() if value}:
            target += f"?{urlencode(given)}"
        try:
            with web.opened(url) as http:
                return http.request(
                    method,
                    target,
                    json=body,
                    auth=web.Bearer(self._token(url)),
                    timeout=web.TIMEOUT_S,
                    allow_redirects=False,
                )
        except requests.ConnectionError as error:
            raise NoAnswer(f"{url} does not answer: start `afterhours run`.") from error
        except requests.RequestException as error:
            raise NoAnswer(f"{url}: {type(error).__name__}.") from error


def new_ulid(at_ms: int | None = None) -> str:
    """The key of a composed text: the time (now, unless told) in ten characters, chance in sixteen."""
    number = (at_ms or time.time_ns() // 1_000_000) << 80 | secrets.randbits(80)
    return "".join(CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def _document(answer: "requests.Response", path: tuple[str, ...]) -> Any:
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
        raise Refused(answer.status_code, document, path[1] if path[0] == "threads" else "")
    return document


def _lent() -> session.Session | session.Login | None:
    """The running local stack, else the deployed one that somebody signed in at. Raises Trouble."""
    try:
        return session.read() or session.login()
    except session.UnsafeDirectory as error:
        raise Trouble(str(error), code=2) from error
