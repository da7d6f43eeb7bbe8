"""Answers spoilt on their way in the ways of any platform; its own errors are the fake's.

`taken` says whether the message reaches the customer all the same: where a sender cannot tell, the worse, yes.
"""

from enum import StrEnum

from afterhours_local.platforms.faults import HUGE, Reply, as_json


class Spoilt(StrEnum):
    RESET = "reset"
    ERROR_500 = "500"
    BAD_GATEWAY_502 = "502"
    EMPTY_BODY = "empty_body"
    HTML = "html"
    TRUNCATED_JSON = "truncated_json"
    HUGE_BODY = "huge_body"
    WRONG_TYPE = "wrong_type"
    NULL_ID = "null_id"
    REDIRECT_302 = "302"
    REDIRECT_307 = "307"

    @property
    def taken(self) -> bool:
        return self not in (Spoilt.BAD_GATEWAY_502, Spoilt.REDIRECT_302, Spoilt.REDIRECT_307)


def spoil(how: Spoilt, good: Reply, null_id: bytes) -> Reply | None:
    """What comes in the place of `good`; None where the connection is reset. `null_id` is a good answer without the id
    of the message."""
    html = {"Content-Type": "text/html; charset=utf-8"}
    match how:
        case Spoilt.RESET:
            return None
        case Spoilt.ERROR_500:
            return as_json(500, b'{"message":"Internal Server Error"}')
        case Spoilt.BAD_GATEWAY_502:
            return Reply(502, b"<html><body><h1>502 Bad Gateway</h1></body></html>", html)
        case Spoilt.EMPTY_BODY:
            return as_json(200, b"")
        case Spoilt.HTML:
            return Reply(200, b"<!DOCTYPE html><html><body>Log in to continue</body></html>", html)
        case Spoilt.TRUNCATED_JSON:
            return as_json(200, good.body[: len(good.body) // 2])
        case Spoilt.HUGE_BODY:
            return as_json(200, good.body[:-1] + b',"padding":"' + b"x" * HUGE + b'"}')
        case Spoilt.WRONG_TYPE:
            return as_json(200, b'["ok"]')
        case Spoilt.NULL_ID:
            return as_json(200, null_id)
        case Spoilt.REDIRECT_302 | Spoilt.REDIRECT_307:
            return Reply(int(how), b"", {"Location": "https://elsewhere.example/"})
