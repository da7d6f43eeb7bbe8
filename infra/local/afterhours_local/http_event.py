"""HTTP to and from API Gateway's payload format 2.0, in both directions, without a server."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import parse_qsl, unquote

_TEXT_TYPES = ("application/json", "application/xml", "application/javascript")


class UnusableAnswer(ValueError):
    """A function returned something that API Gateway cannot turn into a response."""


@dataclass(frozen=True)
class HttpRequest:
    method: str
    target: str  # as on the wire: path and query, still encoded
    headers: tuple[tuple[str, str], ...]
    body: bytes = b""
    source_ip: str = "127.0.0.1"
    protocol: str = "HTTP/1.1"

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]


class HttpAnswer(NamedTuple):
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def message(status: int, text: str, *headers: tuple[str, str]) -> HttpAnswer:
    """What the gateway itself says."""
    return HttpAnswer(status, (("content-type", "application/json"), *headers), json.dumps({"message": text}).encode())


def build_event(
    request: HttpRequest,
    *,
    route_key: str,
    path_parameters: Mapping[str, str],
    authorizer: Mapping[str, Any] | None,
    request_id: str,
    now_ms: int,
    api_id: str,
) -> dict[str, Any]:
    """Members that have nothing to say are left out, as API Gateway does."""
    headers, cookies = _joined(request.headers)
    path = decoded_path(request.path)
    domain = headers.get("host", "")
    context: dict[str, Any] = {
        "accountId": "000000000000",
        "apiId": api_id,
        "domainName": domain,
        "domainPrefix": domain.partition(".")[0],
        "http": {
            "method": request.method,
            "path": path,
            "protocol": request.protocol,
            "sourceIp": request.source_ip,
            "userAgent": headers.get("user-agent", ""),
        },
        "requestId": request_id,
        "routeKey": route_key,
        "stage": "$default",
        "time": datetime.fromtimestamp(now_ms / 1000, UTC).strftime("%d/%b/%Y:%H:%M:%S +0000"),
        "timeEpoch": now_ms,
    }
    if authorizer:
        context["authorizer"] = dict(authorizer)
    is_text = _is_text(headers.get("content-type", ""))
    optional = {
        "cookies": cookies,
        "queryStringParameters": _query(request.query),
        "pathParameters": dict(path_parameters),
        "body": request.body.decode("utf-8", "replace") if is_text else base64.b64encode(request.body).decode(),
    }
    return {
        "version": "2.0",
        "routeKey": route_key,
        "rawPath": path,
        "rawQueryString": request.query,
        "headers": headers,
        "requestContext": context,
        **{name: value for name, value in optional.items() if value},
        "isBase64Encoded": bool(request.body) and not is_text,
    }


def decoded_path(path: str) -> str:
    """`rawPath` is decoded, all but an encoded percent sign."""
    return "%25".join(unquote(part) for part in path.split("%25"))


def read_answer(result: Any) -> HttpAnswer:
    """A function's result as a response. Raises UnusableAnswer."""
    if not isinstance(result, dict) or "statusCode" not in result:
        text = result if isinstance(result, str) else json.dumps(result)
        return HttpAnswer(200, (("content-type", "application/json"),), text.encode())
    status, body = result["statusCode"], result.get("body") or ""
    if not str(status).isdecimal() or not 200 <= int(status) <= 599:
        raise UnusableAnswer(f"statusCode {status!r}")
    if not isinstance(body, str):
        raise UnusableAnswer("body is not a string")
    headers = {str(name).lower(): _header(value) for name, value in (result.get("headers") or {}).items()}
    headers.setdefault("content-type", "text/plain;charset=UTF-8")
    cookies = tuple(("set-cookie", str(cookie)) for cookie in result.get("cookies") or ())
    try:
        payload = base64.b64decode(body, validate=True) if result.get("isBase64Encoded") else body.encode()
    except ValueError as error:
        raise UnusableAnswer("isBase64Encoded, but the body is not") from error
    return HttpAnswer(int(status), (*headers.items(), *cookies), payload)


def _joined(headers: tuple[tuple[str, str], ...]) -> tuple[dict[str, str], list[str]]:
    joined: dict[str, str] = {}
    cookies: list[str] = []
    for name, value in headers:
        lower = name.lower()
        if lower == "cookie":
            cookies += [each.strip() for each in value.split(";") if each.strip()]
        else:
            joined[lower] = f"{joined[lower]},{value}" if lower in joined else value
    return joined, cookies


def _query(query: str) -> dict[str, str]:
    joined: dict[str, str] = {}
    for name, value in parse_qsl(query, keep_blank_values=True):
        joined[name] = f"{joined[name]},{value}" if name in joined else value
    return joined


def _is_text(content_type: str) -> bool:
    """Which bodies arrive as text; all others, and those without a type, arrive in base64."""
    kind = content_type.partition(";")[0].strip().lower()
    return kind.startswith("text/") or kind in _TEXT_TYPES


def _header(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    if "\r" in text or "\n" in text:
        raise UnusableAnswer("a line break in a header")
    return text
