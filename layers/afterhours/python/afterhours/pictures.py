"""Which bytes may be shown as a picture: known by what they are, never by what they are called. Pure.

An SVG is a document with scripts and never one of them. Dimensions are read as well, because a small file may unfold to
gigabytes in the browser.
"""

from collections.abc import Callable, Iterator

LONGEST_SIDE = 16_384
MOST_PIXELS = 40_000_000  # 160 MB once decoded

Size = tuple[int, int]
_FRAMES = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC})  # the JPEG markers that tell the dimensions
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})


def picture_type(body: bytes) -> str | None:
    """The MIME type of a picture that a browser may show; None for everything else and for huge ones."""
    for mime_type, starts, size_of in _FORMATS:
        if starts(body):
            size = size_of(body)
            return mime_type if size and _is_showable(size) else None
    return None


def _is_showable(size: Size) -> bool:
    width, height = size
    return 0 < width <= LONGEST_SIDE and 0 < height <= LONGEST_SIDE and width * height <= MOST_PIXELS


def _png(body: bytes) -> Size | None:
    if len(body) < 24 or body[12:16] != b"IHDR":
        return None
    return int.from_bytes(body[16:20]), int.from_bytes(body[20:24])


def _gif(body: bytes) -> Size | None:
    """The screen, or the first picture where it reaches beyond: browsers make room for it."""
    if len(body) < 13:
        return None
    at = 13 + (6 << (body[10] & 7) if body[10] & 0x80 else 0)  # after the colours
    while at + 2 < len(body) and body[at] == 0x21:
        at += 2
        while at < len(body) and body[at]:
            at += 1 + body[at]
        at += 1
    if at + 9 > len(body) or body[at] != 0x2C:
        return None
    left, top, width, height = (_little(body[at + part : at + part + 2]) for part in (1, 3, 5, 7))
    return max(_little(body[6:8]), left + width), max(_little(body[8:10]), top + height)


def _webp(body: bytes) -> Size | None:
    if len(body) < 30:
        return None
    match body[12:16]:
        case b"VP8X":
            return 1 + _little(body[24:27]), 1 + _little(body[27:30])
        case b"VP8L" if body[20] == 0x2F:
            bits = _little(body[21:25])
            return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF)
        case b"VP8 " if body[23:26] == b"\x9d\x01\x2a":
            return _little(body[26:28]) & 0x3FFF, _little(body[28:30]) & 0x3FFF
    return None


def _jpeg(body: bytes) -> Size | None:
    for marker, start in _segments(body):
        if marker in _FRAMES and len(body) >= start + 7:
            return int.from_bytes(body[start + 5 : start + 7]), int.from_bytes(body[start + 3 : start + 5])
    return None


def _segments(body: bytes) -> Iterator[tuple[int, int]]:
    """The markers up to the picture's data, and where the length of each stands."""
    at = 2
    while at + 4 <= len(body) and body[at] == 0xFF:
        marker = body[at + 1]
        if marker == 0xFF:  # a fill byte
            at += 1
        elif marker in _STANDALONE:
            at += 2
        elif marker == 0xDA:
            return
        else:
            yield marker, at + 2
            at += 2 + max(2, int.from_bytes(body[at + 2 : at + 4]))


def _little(part: bytes) -> int:
    return int.from_bytes(part, "little")


_FORMATS: tuple[tuple[str, Callable[[bytes], bool], Callable[[bytes], Size | None]], ...] = (
    ("image/png", lambda body: body.startswith(b"\x89PNG\r\n\x1a\n"), _png),
    ("image/jpeg", lambda body: body.startswith(b"\xff\xd8\xff"), _jpeg),
    ("image/gif", lambda body: body.startswith((b"GIF87a", b"GIF89a")), _gif),
    ("image/webp", lambda body: body.startswith(b"RIFF") and body[8:12] == b"WEBP", _webp),
)
