"""What may be shown as a picture, by its bytes alone. The pictures are made here, byte by byte."""

import struct
from collections.abc import Callable

import pytest
from afterhours.pictures import LONGEST_SIDE, picture_type
from hypothesis import given
from hypothesis import strategies as some

Make = Callable[[int, int], bytes]


def png(width: int, height: int) -> bytes:
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", width, height, 8, 6, 0, 0, 0) + b"rest"


def gif(width: int, height: int, frame: tuple[int, int, int, int] | None = None, version: bytes = b"89a") -> bytes:
    """With colours, a comment and a pause before its first picture."""
    head = b"GIF" + version + struct.pack("<HHBBB", width, height, 0x80 | 1, 0, 0) + b"\0" * 12
    extras = b"\x21\xfe\x05Hello\x00" + b"\x21\xf9\x04\x00\x0a\x00\x00\x00"
    return head + extras + b"\x2c" + struct.pack("<HHHHB", *(frame or (0, 0, width, height)), 0) + b"\x02\x00\x3b"


def jpeg(width: int, height: int, frame: int = 0xC0) -> bytes:
    """With a thumbnail of its own dimensions inside the EXIF segment, and fill bytes."""
    thumbnail = b"\xff\xd8\xff\xc0\x00\x11\x08" + struct.pack(">HH", 50_000, 50_000)
    exif = b"\xff\xe1" + struct.pack(">H", len(thumbnail) + 8) + b"Exif\0\0" + thumbnail
    return (
        b"\xff\xd8" + exif + b"\xff\xff\xff\xdb\x00\x04ab"
        + bytes([0xFF, frame]) + b"\x00\x11\x08" + struct.pack(">HH", height, width) + b"\x03" + b"\0" * 9
        + b"\xff\xda\x00\x02data"
    )  # fmt: skip


def webp(chunk: bytes) -> bytes:
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk + b"\0" * 20


def lossy(width: int, height: int) -> bytes:
    return webp(b"VP8 " + struct.pack("<I", 30) + b"\0\0\0\x9d\x01\x2a" + struct.pack("<HH", width, height))


def lossless(width: int, height: int) -> bytes:
    bits = (width - 1) | (height - 1) << 14
    return webp(b"VP8L" + struct.pack("<I", 30) + b"\x2f" + struct.pack("<I", bits))


def extended(width: int, height: int) -> bytes:
    size = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    return webp(b"VP8X" + struct.pack("<I", 10) + b"\0\0\0\0" + size)


MAKERS: dict[str, list[Make]] = {
    "image/png": [png],
    "image/gif": [gif, lambda width, height: gif(width, height, version=b"87a")],
    "image/jpeg": [jpeg, lambda width, height: jpeg(width, height, frame=0xC2)],
    "image/webp": [lossy, lossless, extended],
}
EVERY = [(mime_type, make) for mime_type, makers in MAKERS.items() for make in makers]


@pytest.mark.parametrize(("mime_type", "make"), EVERY)
@pytest.mark.parametrize("size", [(1, 1), (640, 480), (4000, 3000), (1, 16_000)])
def test_a_picture_is_known_by_its_bytes(mime_type: str, make: Make, size: tuple[int, int]) -> None:
    assert picture_type(make(*size)) == mime_type


@pytest.mark.parametrize("make", [make for _, make in EVERY])
@pytest.mark.parametrize("size", [(16_383, 16_383), (9000, 9000), (3, 16_383 * 2)])
def test_a_picture_of_too_many_pixels_is_none(make: Make, size: tuple[int, int]) -> None:
    width, height = size
    if make in (lossy, lossless) and height > 16_383:  # their headers know no more
        height = 16_384
        width = 3000
    assert picture_type(make(width, height)) is None


@pytest.mark.parametrize("make", [png, gif, jpeg, extended])
def test_a_picture_of_50000_by_50000_is_none(make: Make) -> None:
    assert picture_type(make(50_000, 50_000)) is None


@pytest.mark.parametrize(
    "body",
    [
        png(0, 10),
        png(2**32 - 1, 1),
        png(LONGEST_SIDE + 1, 1),
        gif(10, 10, frame=(0, 0, 50_000, 50_000)),
        gif(10, 10, frame=(60_000, 0, 10, 10)),
        gif(0, 0, frame=(0, 0, 0, 0)),
    ],
)
def test_dimensions_that_no_picture_of_a_customer_has_make_it_none(body: bytes) -> None:
    assert picture_type(body) is None


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
        b'<?xml version="1.0"?><svg onload="alert(1)"/>',
        b"<!doctype html><script>alert(1)</script>",
        b"GIF89a",
        b"GIF89a/*<script>*/=1;",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff",
        b"\xff\xd8\xff\xda\x00\x02data",
        b"RIFF\0\0\0\0WAVEfmt ",
        b"RIFF\0\0\0\0WEBPVP8 ",
        b"RIFF\0\0\0\0WEBP" + b"VP9 " + b"\0" * 30,
        b"\n" + png(1, 1),
        b"%PDF-1.7",
        b"BM" + b"\0" * 60,
        b"\0\0\0\x1cftypavif" + b"\0" * 60,
        b"\0\0\1\0\1\0" + b"\0" * 60,
        b"PK\x03\x04",
        b"MZ",
    ],
)
def test_everything_else_is_none(body: bytes) -> None:
    assert picture_type(body) is None


@given(some.sampled_from([make(640, 480) for _, make in EVERY]), some.integers(0, 80), some.binary(max_size=60))
def test_a_picture_cut_or_followed_by_anything_never_fails(whole: bytes, length: int, junk: bytes) -> None:
    picture_type(whole[:length] + junk)
