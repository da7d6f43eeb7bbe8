"""/inbox: the agents' page. Serves the files beside it and says where people sign in; holds and reads nothing else."""

import hashlib
import json
from functools import cache
from http import HTTPStatus
from pathlib import Path
from typing import Any, NamedTuple

from afterhours import gateway, settings

FOLDER = Path(__file__).with_name("inbox")
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
    ".json": "application/json",
}
# Everything comes from here; of elsewhere only the token endpoint is called. Text that a customer wrote cannot become
# markup, because no Trusted Types policy can be made.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self' {sign_in}; img-src 'self' blob:; "
    "form-action 'none'; base-uri 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; "
    "trusted-types 'none'"
)
HEADERS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()",
    "strict-transport-security": "max-age=31536000",
    # Short, so that a deployment is whole in every browser soon; the page itself is asked for each time.
    "cache-control": "public, max-age=60",
}


class File(NamedTuple):
    content_type: str
    body: str
    etag: str


def lambda_handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    name = (event.get("pathParameters") or {}).get("file", "index.html")
    found = _config() if name == "config.json" else _files().get(name)
    headers = {**HEADERS, "content-security-policy": POLICY.format(sign_in=settings.load().sign_in_url)}
    if found is None:
        headers |= {"content-type": "text/plain; charset=utf-8", "cache-control": "no-store"}
        return {"statusCode": HTTPStatus.NOT_FOUND, "headers": headers, "body": "Not found\n"}
    if name == "index.html":
        headers["cache-control"] = "no-cache"
    headers |= {"content-type": found.content_type, "etag": found.etag}
    if found.etag in _known(gateway.headers(event).get("if-none-match", "")):
        return {"statusCode": HTTPStatus.NOT_MODIFIED, "headers": headers, "body": ""}
    return {"statusCode": HTTPStatus.OK, "headers": headers, "body": found.body, "isBase64Encoded": False}


def _known(if_none_match: str) -> set[str]:
    return {tag.strip().removeprefix("W/") for tag in if_none_match.split(",")}


def _config() -> File:
    """Where people sign in, as whom, for what: what every visitor may know."""
    env = settings.load()
    config = {"sign_in_url": env.sign_in_url, "client_id": env.user_pool_client_id, "scope": env.api_scope}
    return _file(".json", json.dumps(config))


@cache
def _files() -> dict[str, File]:
    """All that can be asked for, read once."""
    return {path.name: _file(path.suffix, path.read_text(encoding="utf-8")) for path in FOLDER.iterdir()}


def _file(suffix: str, body: str) -> File:
    return File(TYPES[suffix], body, f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"')
