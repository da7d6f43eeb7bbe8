"""How long X takes a post to be. The figures are those of twitter-text-parser 3.0 (configuration 3), run by hand."""

import pytest
from afterhours.channels.x_text import weight


@pytest.mark.parametrize(
    ("text", "units"),
    [
        ("This is a test.", 15),
        ("http://test.com", 23),
        ("https://test.com", 23),
        ("test.com", 23),
        ("Test https://test.com test https://test.com test.com test", 86),
        ("https://hotel.hr/čć/đ?a=1&b=2", 23),
        ("www.hotel.hr/foo?x=1", 23),
        ("https://hotel.hr.", 24),
        ("(https://hotel.hr/a)", 25),
        ("https://t.co/abc, and", 28),
        ("日本hotel.hr日本", 31),
        ("mail@hotel.hr", 13),
        ("http://x", 8),
        ("12.11.2026", 10),
        ("저찀쯿쿿", 8),
        ("日本語", 6),
        ("e\u0301", 1),
        ("Čćžšđ", 5),
        ("Добрый день", 11),
        ("مرحبا", 5),
        ("“x” – ’", 7),
        ("…", 2),
        ("€", 2),
        ("H🐱☺", 5),
        ("👨‍👩‍👧", 2),
        ("👍🏽", 2),
        ("1️⃣", 2),
        ("🇭🇷", 2),
        ("🏴󠁧󠁢󠁥󠁮󠁧󠁿", 2),
        ("❤️", 2),
        ("©", 2),
        ("", 0),
    ],
)
def test_a_text_weighs_what_the_maintained_library_says(text: str, units: int) -> None:
    assert weight(text) == units


@pytest.mark.parametrize(
    ("text", "at_least"), [("https://hotel-jadran.example/abc", 32), ("end.Start next", 14), ("hotel.museum", 23)]
)
def test_what_may_be_a_link_or_not_counts_the_longer_of_both(text: str, at_least: int) -> None:
    assert weight(text) >= at_least


def test_a_long_text_is_counted_in_no_time() -> None:
    assert weight("a." * 20_000) > 280
    assert weight("https://" + "a-" * 20_000) > 280
    assert weight("👨‍" * 20_000) > 280
