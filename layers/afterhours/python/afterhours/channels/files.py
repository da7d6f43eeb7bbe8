"""Fetching a file of a platform's: whose hosts are asked, how much is read and for how long.

Addresses come from strangers' webhooks, or the platform tells them: only https on the hosts that a channel names is
asked, for every hop anew.
"""

import re
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple
from urllib.parse import urljoin

from afterhours.channels import graph
from afterhours.channels.contract import Missing, NotFetched
from afterhours.channels.http import Answer, Limits, NotSent, TooLarge, Unconfirmed, get
from afterhours.models import Account

FILE_LIMIT = 4 * 1024 * 1024  # in base64 it still fits into a function's answer of 6 MB
LIMITS = Limits(connect_s=2.0, total_s=6.0, answer_bytes=FILE_LIMIT)
HEADERS = {"User-Agent": "afterhours", "Accept": "*/*"}
GONE = (404, 410)
EXPIRED = (403, *GONE)  # of hosts that say 403 when the signature in an address has expired

# Stricter than any parser, so that no two of them can read different hosts out of it: no user, no port, no backslash.
_ADDRESS = re.compile(r"https://(?P<host>(?:[a-z0-9-]{1,63}\.)+[a-z]{2,63})(?P<rest>[/?][!-\[\]-~]*)?", re.IGNORECASE)
_REDIRECTS = (301, 302, 303, 307, 308)
_MOST_REQUESTS = 2  # one redirect; with the look-up of a media id three requests, well within a function's time

Allowed = Callable[[str], bool]  # of a host, in small letters


class Address(NamedTuple):
    host: str
    rest: str


def read(url: str, is_allowed: Allowed) -> Address | None:
    """The parts of an address that may be asked; None for every other."""
    match = _ADDRESS.fullmatch(url)
    if match is None or not is_allowed(match["host"].lower()):
        return None
    return Address(match["host"].lower(), match["rest"] or "/")


def of_webhook(account: Account, url: str | None, is_allowed: Allowed, limits: Limits) -> bytes | NotFetched:
    """By an address out of a webhook, which alone opens the file, for a while. No token goes there."""
    if url is None or read(url, is_allowed) is None:
        return NotFetched(Missing.NO_FILE, "foreign_address")
    return download(account, url, is_allowed, HEADERS, limits, gone=EXPIRED)


def of_one_host(
    account: Account,
    url: str,
    is_allowed: Allowed,
    token: Mapping[str, str],
    limits: Limits,
    *,
    gone: Collection[int] = GONE,
) -> bytes | NotFetched:
    """By an address that the platform told, with the header of a `token`, which goes to no second host."""
    address = read(url, is_allowed)
    if address is None:
        return NotFetched(Missing.UNAVAILABLE, "foreign_address")
    return download(account, url, lambda host: host == address.host, {**HEADERS, **token}, limits, gone=gone)


def download(
    account: Account,
    url: str,
    is_allowed: Allowed,
    headers: Mapping[str, str],
    limits: Limits,
    *,
    gone: Collection[int],
) -> bytes | NotFetched:
    for _ in range(_MOST_REQUESTS):
        address = read(url, is_allowed)
        if address is None:
            return NotFetched(Missing.UNAVAILABLE, "foreign_address")
        answer = got(graph.host_of(account, f"https://{address.host}") + address.rest, headers, limits)
        if isinstance(answer, NotFetched) or answer.status not in _REDIRECTS:
            return body_of(answer, gone=gone)
        url = _joined(url, answer.headers.get("location", ""))
    return NotFetched(Missing.UNAVAILABLE, "redirected")


def got(url: str, headers: Mapping[str, str], limits: Limits) -> Answer | NotFetched:
    """Whatever is answered, or why nothing was."""
    try:
        return get(url, headers, limits=limits)
    except TooLarge as error:
        return NotFetched(Missing.TOO_LARGE, str(error))
    except (NotSent, Unconfirmed) as error:
        return NotFetched(Missing.UNAVAILABLE, str(error))


def body_of(answer: Answer | NotFetched, *, gone: Collection[int] = GONE) -> bytes | NotFetched:
    """The file, where the answer is one."""
    if isinstance(answer, NotFetched):
        return answer
    if answer.status == 200 and answer.body:
        return answer.body
    return NotFetched(Missing.GONE if answer.status in gone else Missing.UNAVAILABLE, str(answer.status))


def _joined(url: str, location: str) -> str:
    try:
        return urljoin(url, location)
    except ValueError:
        return ""
