"""Search rows on the table itself: what they are called, what is written and what is read."""

from typing import Any

import pytest
from afterhours import settings
from afterhours.models import ThreadHead
from afterhours.stores import search
from afterhours.stores.dynamo import from_item
from afterhours.stores.search import Span, Writer
from afterhours.stores.threads import Threads
from conftest import Backend

PEPPER = bytes.fromhex("5a" * 32)
TID = "mfrggzdfmztwq2lkmfrggzdfmz"
PK = f"T#whatsapp#106540352242922#{TID}"
BEGAN = 1_772_618_400_000  # 2026-03-04, 10:00 UTC


@pytest.fixture
def threads(aws: Backend) -> Threads:
    return Threads(settings.load().threads_table)


def writer(number: int = 0, inbox: str = "support") -> Writer:
    return Writer(PEPPER, inbox, f"{PK[:-1]}{chr(97 + number)}", BEGAN + number, BEGAN)


def put(writes: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [from_item(write["Put"]["Item"]) for write in writes]


def named(word: str) -> str:
    return search.token(PEPPER, "name", word)


def test_the_names_of_rows_do_not_change_because_stored_ones_would_not_be_found_any_more() -> None:
    assert search.token(PEPPER, "number", "mfrggzdf") == "ab4ea3agokwmlhdm6zfywp64r6"
    assert search.name_words("Đorđe Müller-Новак ŁÓDŹ") == ["djordje", "muller", "novak", "lodz"]


def test_a_row_tells_nobody_what_it_is_for_and_kinds_are_apart() -> None:
    names = {search.token(PEPPER, kind, "novak") for kind in ("number", "name", "tag")}
    assert len(names | {search.token(b"other", "name", "novak")}) == 4
    assert not [name for name in names if "novak" in name]


def test_a_thread_that_people_are_given_gets_a_row_for_its_number_day_name_and_tags() -> None:
    rows = put(writer().opened("Petra Novák", ("vip",)))
    assert [row["pk"] for row in rows] == [
        f"S#support#{search.token(PEPPER, 'number', TID[:8])}",
        "S#support#DAY#2026-03-04",
        f"S#support#{named('petra')}",
        f"S#support#{named('novak')}",
        f"S#support#{search.token(PEPPER, 'tag', 'vip')}",
    ]
    assert {row["sk"] for row in rows} == {f"{BEGAN:013d}#{PK[:-1]}a"}
    assert {row["ttl"] for row in rows} == {BEGAN // 1000 + 400 * 86_400}


def test_of_a_long_name_the_four_longest_words_are_kept_and_of_none_nothing() -> None:
    assert search.name_words("Ana de los Angeles Maria Lopez") == ["angeles", "maria", "lopez", "ana"]
    assert search.name_words("\U0001f600 !") == search.name_words(None) == []


def test_a_name_that_changes_adds_the_words_that_are_new() -> None:
    [row] = put(writer().named("Petra Horvat", before="Petra Novak"))
    assert row["pk"] == f"S#support#{named('horvat')}"


def test_rows_are_read_newest_first_a_page_at_a_time_each_once(threads: Threads) -> None:
    for number in range(5):
        threads.transact(*writer(number).named("Novak"))
    threads.transact(*writer(inbox="billing").named("Novak"))
    seen, before, more = [], "", True
    while more:
        rows, more = search.rows(threads, "support", named("novak"), before=before, limit=2)
        seen += [row.began - BEGAN for row in rows]
        before = rows[-1].key
    assert seen == [4, 3, 2, 1, 0]


def test_a_cursor_whose_row_is_gone_loses_none(threads: Threads) -> None:
    for number in range(4):
        threads.transact(*writer(number).named("Novak"))
    rows, more = search.rows(threads, "support", named("novak"), before=f"{BEGAN + 3:013d}#~", limit=3)
    assert ([row.began - BEGAN for row in rows], more) == ([3, 2, 1], True)


@pytest.mark.parametrize(
    ("span", "found"),
    [
        (Span(), [2, 1, 0]),
        (Span(since=BEGAN + 1), [2, 1]),
        (Span(until=BEGAN + 1), [0]),
        (Span(BEGAN + 1, BEGAN + 2), [1]),
        (Span(BEGAN + 9, BEGAN + 2), []),
    ],
)
def test_a_span_takes_its_first_millisecond_and_not_its_last(
    threads: Threads, span: Span, found: list[int]
) -> None:  # fmt: skip
    for number in range(3):
        threads.transact(*writer(number).named("Novak"))
    rows, _ = search.rows(threads, "support", named("novak"), span=span, limit=9)
    assert [row.began - BEGAN for row in rows] == found


def test_an_episode_begins_when_people_were_given_the_thread_not_when_it_opened_again() -> None:
    head = ThreadHead(inbox="support", contact_id="1", opened_at=BEGAN + 5)
    assert search.began(head) == BEGAN + 5
    assert search.began(head.model_copy(update={"episode_at": BEGAN})) == BEGAN
