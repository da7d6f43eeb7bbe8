"""Fetching what customers sent: by media id (WhatsApp), or by the address in the webhook (Messenger, Instagram).

Contract: platforms/meta.md, sections 2.2 and 6.3. The addresses come from strangers' webhooks: only https on Meta's own
file hosts is asked, for every hop anew, and a token goes to Graph and to WhatsApp's one file host only.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple
from urllib.parse import quote, urljoin

from afterhours.channels import graph, untrusted
from afterhours.channels.contract import MalformedPayload, Missing, NotFetched
from afterhours.channels.http import Answer, Limits, NotSent, TooLarge, Unconfirmed, get
from afterhours.models import Account, Attachment

FILE_LIMIT = 4 * 1024 * 1024  # in base64 it still fits into a function's answer of 6 MB
LIMITS = Limits(connect_s=2.0, total_s=6.0, answer_bytes=FILE_LIMIT)

_WHATSAPP_HOST = "lookaside.fbsbx.com"
_FILE_HOSTS = ("lookaside.fbsbx.com", "cdn.fbsbx.com")
_FILE_DOMAINS = (".fbcdn.net", ".cdninstagram.com")
# Stricter than any parser, so that no two of them can read different hosts out of it: no user, no port, no backslash.
_ADDRESS = re.compile(r"https://(?P<host>(?:[a-z0-9-]{1,63}\.)+[a-z]{2,63})(?P<rest>[/?][!-\[\]-~]*)?", re.IGNORECASE)
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REQUESTS = 2  # one redirect; with the look-up of a media id three requests, well within a function's time
_GONE = (403, 404, 410)  # the file hosts say 403 when the signature in an address has expired
_NO_SUCH_OBJECT = (100, 33)
_HEADERS = {"User-Agent": "afterhours", "Accept": "*/*"}


class _Address(NamedTuple):
    host: str
    rest: str


def fetch_by_address(
    account: Account, token: str, attachment: Attachment, *, limits: Limits = LIMITS
) -> bytes | NotFetched:
    """Messenger and Instagram: the address alone opens the file, for a while. The token goes nowhere."""
    if attachment.url is None or _read(attachment.url, _is_file_host) is None:
        return NotFetched(Missing.NO_FILE, "foreign_address")
    return _download(account, attachment.url, _is_file_host, _HEADERS, limits)


def fetch_by_id(account: Account, token: str, attachment: Attachment, *, limits: Limits = LIMITS) -> bytes | NotFetched:
    """WhatsApp: the id leads to an address that is good for five minutes; both want the token."""
    if attachment.id is None:
        return NotFetched(Missing.NO_FILE, "no_media_id")
    if not graph.can_travel(token):
        return NotFetched(Missing.UNAVAILABLE, "token_invalid")
    headers = {**_HEADERS, "Authorization": f"Bearer {token}"}
    host = graph.host_of(account, graph.FACEBOOK)
    url = f"{host}/{quote(account.api_version, safe='')}/{quote(attachment.id, safe='')}"
    answer = _get(url, headers, limits)
    found = answer if isinstance(answer, NotFetched) else _found(answer, limits.answer_bytes)
    if isinstance(found, NotFetched):
        return found
    return _download(account, found, _is_whatsapp_host, headers, limits)


def _found(answer: Answer, limit: int) -> str | NotFetched:
    """The address that Graph gives for a media id."""
    try:
        body = untrusted.mapping(untrusted.loads(answer.body))
    except MalformedPayload:
        body = {}
    error = untrusted.mapping(body.get("error"))
    if (untrusted.integer(error.get("code")), untrusted.integer(error.get("error_subcode"))) == _NO_SUCH_OBJECT:
        return NotFetched(Missing.GONE, "unknown_media")
    url = untrusted.text(body.get("url"))
    if answer.status != 200 or url is None:
        reason = graph.outcome_of(answer).reason if error else None
        return NotFetched(Missing.UNAVAILABLE, reason or "unreadable_answer")
    if (untrusted.integer(body.get("file_size")) or 0) > limit:
        return NotFetched(Missing.TOO_LARGE, "answer_too_large")
    return url


def _download(
    account: Account, url: str, is_allowed: Callable[[str], bool], headers: Mapping[str, str], limits: Limits
) -> bytes | NotFetched:
    for _ in range(_MOST_REQUESTS):
        address = _read(url, is_allowed)
        if address is None:
            return NotFetched(Missing.UNAVAILABLE, "foreign_address")
        answer = _get(graph.host_of(account, f"https://{address.host}") + address.rest, headers, limits)
        if isinstance(answer, NotFetched):
            return answer
        if answer.status == 200 and answer.body:
            return answer.body
        if answer.status in _GONE:
            return NotFetched(Missing.GONE, str(answer.status))
        if answer.status not in _REDIRECTS:
            return NotFetched(Missing.UNAVAILABLE, str(answer.status))
        url = _joined(url, answer.headers.get("location", ""))
    return NotFetched(Missing.UNAVAILABLE, "redirected")


def _get(url: str, headers: Mapping[str, str], limits: Limits) -> Answer | NotFetched:
    try:
        return get(url, headers, limits=limits)
    except TooLarge as error:
        return NotFetched(Missing.TOO_LARGE, str(error))
    except (NotSent, Unconfirmed) as error:
        return NotFetched(Missing.UNAVAILABLE, str(error))


def _read(url: str, is_allowed: Callable[[str], bool]) -> _Address | None:
    """The parts of an address that may be asked; None for every other."""
    match = _ADDRESS.fullmatch(url)
    if match is None or not is_allowed(match["host"].lower()):
        return None
    return _Address(match["host"].lower(), match["rest"] or "/")


def _is_whatsapp_host(host: str) -> bool:
    return host == _WHATSAPP_HOST


def _is_file_host(host: str) -> bool:
    return host in _FILE_HOSTS or host.endswith(_FILE_DOMAINS)


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return ""
