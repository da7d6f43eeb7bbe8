"""Fetching what customers sent: by media id (WhatsApp), or by the address in the webhook (Messenger, Instagram).

Contract: platforms/meta.md, sections 2.2 and 6.3. A token goes to Graph and to WhatsApp's one file host only.
"""

from urllib.parse import quote

from afterhours.channels import files, graph, untrusted
from afterhours.channels.contract import MalformedPayload, Missing, NotFetched
from afterhours.channels.http import Answer, Limits
from afterhours.models import Account, Attachment

_WHATSAPP_HOST = "lookaside.fbsbx.com"
_FILE_HOSTS = ("lookaside.fbsbx.com", "cdn.fbsbx.com")
_FILE_DOMAINS = (".fbcdn.net", ".cdninstagram.com")
_NO_SUCH_OBJECT = (100, 33)


def fetch_by_address(
    account: Account, token: str, attachment: Attachment, *, limits: Limits = files.LIMITS
) -> bytes | NotFetched:
    """Messenger and Instagram: the address alone opens the file, for a while. The token goes nowhere."""
    return files.of_webhook(account, attachment.url, _is_file_host, limits)


def fetch_by_id(
    account: Account, token: str, attachment: Attachment, *, limits: Limits = files.LIMITS
) -> bytes | NotFetched:
    """WhatsApp: the id leads to an address that is good for five minutes; both want the token."""
    if attachment.id is None:
        return NotFetched(Missing.NO_FILE, "no_media_id")
    if not graph.can_travel(token):
        return NotFetched(Missing.UNAVAILABLE, "token_invalid")
    bearer = {"Authorization": f"Bearer {token}"}
    host = graph.host_of(account, graph.FACEBOOK)
    url = f"{host}/{quote(account.api_version, safe='')}/{quote(attachment.id, safe='')}"
    answer = files.got(url, {**files.HEADERS, **bearer}, limits)
    found = answer if isinstance(answer, NotFetched) else _found(answer, limits.answer_bytes)
    if isinstance(found, NotFetched):
        return found
    return files.of_one_host(account, found, _is_whatsapp_host, bearer, limits, gone=files.EXPIRED)


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


def _is_whatsapp_host(host: str) -> bool:
    return host == _WHATSAPP_HOST


def _is_file_host(host: str) -> bool:
    return host in _FILE_HOSTS or host.endswith(_FILE_DOMAINS)
