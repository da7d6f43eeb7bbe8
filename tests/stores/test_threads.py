"""The one commit, the send states and the claims on the table itself; answers that were lost or cut on the way.

moto has no atomic transactions: what races is shown in tests/journeys.
"""

from typing import Any

import pytest
from afterhours import settings
from afterhours.models import Outcome, Result, ThreadHead, ThreadStatus
from afterhours.stores import config
from afterhours.stores.claims import Claims, NewMessage, StaleFence
from afterhours.stores.sending import Sending
from afterhours.stores.threads import (
    HeadMoved,
    Threads,
    inbound_key,
    open_keys,
    outbound_key,
    pk_of,
    thread_key,
    thread_name,
    ulid_ms,
)
from conftest import Backend, Clock
from counting import answered, asked_twice

PK = "T#whatsapp#106540352242922#" + "a" * 26
ULID = "01KJW5ZV00000000000000000A"
NOW = 1_772_618_400_000


@pytest.fixture
def threads(aws: Backend) -> Threads:
    return Threads(settings.load().threads_table)


def item(number: int = 1, **changes: Any) -> dict[str, Any]:
    values = {"type": "inbound", "kind": "message", "attempt": f"attempt-{number}", "attempt_at": NOW, "reply": "none"}
    return {"pk": PK, "sk": inbound_key(NOW + number, f"{number:026d}"), "ring": "none", **values, **changes}


def changes(**more: Any) -> dict[str, Any]:
    return {"inbox": "support", "contact_id": "385911111111", "status": ThreadStatus.OPEN, **more}


def opened(threads: Threads, **more: Any) -> ThreadHead:
    threads.commit(item(), None, changes(**open_keys(PK, "support", 1, NOW, NOW), last_inbound=item()["sk"], **more))
    head = threads.head(PK)
    assert head
    return head


# Keys


def test_the_key_of_a_thread_hides_the_contact_and_is_the_same_every_time() -> None:
    key = thread_key(b"pepper", "whatsapp", "1", "385911111111")
    assert key == thread_key(b"pepper", "whatsapp", "1", "385911111111")
    assert "385911111111" not in key
    assert len({key, thread_key(b"other", "whatsapp", "1", "385911111111"), thread_key(b"pepper", "x", "1", "3")}) == 3


def test_a_thread_has_a_name_for_addresses_whatever_the_account_is_called() -> None:
    for account in ("106540352242922", "shop.example.org", "a.b", "support+hr@hotel.example"):
        pk = f"T#email#{account}#{'a' * 26}"
        assert pk_of(thread_name(pk)) == pk


@pytest.mark.parametrize("name", ["", "x", "whatsapp.1", "whatsapp.1." + "a" * 25, "a#b.1." + "a" * 26, "a" * 3000])
def test_what_is_no_threads_name_is_refused(name: str) -> None:
    with pytest.raises(ValueError):
        pk_of(name)


def test_a_message_without_a_time_sorts_first_and_never_by_our_clock() -> None:
    assert inbound_key(None, "x") == "E#0000000000000#I#x"


def test_a_composed_texts_key_comes_from_its_ulid_alone() -> None:
    assert outbound_key(ULID) == f"E#{ulid_ms(ULID):013d}#O#{ULID}"


# The commit


def test_a_commit_stores_the_event_and_moves_the_head(threads: Threads) -> None:
    head = opened(threads)
    assert (head.version, head.status) == (1, "open")
    assert threads.commit(item(2), head, changes(status=ThreadStatus.OPEN)) is None
    moved = threads.head(PK)
    assert moved
    assert moved.version == 2


def test_a_commit_on_a_head_that_moved_stores_nothing(threads: Threads) -> None:
    head = opened(threads)
    threads.commit(item(2), head, changes())
    with pytest.raises(HeadMoved):
        threads.commit(item(3), head, changes())
    assert threads.get(PK, item(3)["sk"]) is None


def test_a_known_event_gives_back_what_was_decided_then(threads: Threads) -> None:
    head = opened(threads)
    known = threads.commit(item(1, attempt="another", reply="claimed"), head, changes())
    assert known
    assert (known["attempt"], known["reply"]) == ("attempt-1", "none")


def test_a_commit_whose_answer_was_lost_is_known_by_its_attempt(threads: Threads) -> None:
    with asked_twice("dynamodb.TransactWriteItems"):
        assert threads.commit(item(), None, changes()) is None


# Sending


def test_a_claim_whose_answer_was_lost_is_still_ours_and_nobody_elses(threads: Threads) -> None:
    threads.put(item(reply="planned"))
    sending = Sending(threads)
    with asked_twice("dynamodb.UpdateItem"):
        assert sending.claim(item(), "mine", NOW)
    assert not sending.claim(item(), "another", NOW)


def test_an_expired_claim_becomes_unknown_and_a_late_outcome_lifts_it_to_what_is_sure(threads: Threads) -> None:
    sending = Sending(threads)
    for late, state in ((Result.SENT, "sent"), (Result.REFUSED, "refused"), (Result.NOT_SENT, "unknown")):
        threads.put(item(reply="claimed"))
        assert sending.expire(item())
        sending.record(item(), "attempt-1", Outcome(result=late), NOW, NOW, rung=False)
        stored = threads.get(PK, item()["sk"])
        assert stored
        assert stored["reply"] == state


def test_nobody_records_over_a_claim_that_is_anothers(threads: Threads) -> None:
    threads.put(item(reply="claimed"))
    assert not Sending(threads).record(item(), "another", Outcome(result=Result.SENT), NOW, NOW, rung=False)


# Claims


def test_whoever_resolves_and_hears_nothing_is_told_that_it_is_done(threads: Threads) -> None:
    opened(threads)
    head = Claims(threads).pull(PK, "support", "ana", NOW)
    assert head
    with asked_twice("dynamodb.TransactWriteItems"):
        assert Claims(threads).resolve(PK, "ana", head.fence, head.last_inbound, NOW).status == "resolved"


def test_a_resolve_says_whether_the_claim_or_the_news_was_against_it(threads: Threads) -> None:
    opened(threads)
    head = Claims(threads).pull(PK, "support", "ana", NOW)
    assert head
    with pytest.raises(NewMessage):
        Claims(threads).resolve(PK, "ana", head.fence, "E#0000000000000#I#other", NOW)
    with pytest.raises(StaleFence):
        Claims(threads).resolve(PK, "ana", head.fence + 1, head.last_inbound, NOW)


def test_a_snoozed_thread_that_was_claimed_can_be_resolved(threads: Threads) -> None:
    opened(threads)
    threads.update(PK, "#", "SET #status = :snoozed", when="attribute_exists(#pk)", snoozed="snoozed")
    head = Claims(threads).claim(PK, "support", "ana", NOW)
    assert head
    assert Claims(threads).resolve(PK, "ana", head.fence, head.last_inbound, NOW).status == "resolved"


def test_a_thread_kept_for_somebody_is_pulled_by_nobody_else_until_it_is_time(threads: Threads) -> None:
    opened(threads, kept_for="ana", kept_until=NOW + 60_000)
    assert Claims(threads).pull(PK, "support", "ivo", NOW) is None
    assert Claims(threads).pull(PK, "support", "ivo", NOW + 60_001)


# Configuration


def put_account(threads: Threads, **more: Any) -> None:
    fields = {"channel": "whatsapp", "id": "1", "app": "main", "source": "meta", "inbox": "support", **more}
    Threads(settings.load().config_table).put({"pk": "ACCOUNT", "sk": "whatsapp#1", **fields})


def test_an_answer_that_was_cut_makes_no_account_unknown(threads: Threads) -> None:
    put_account(threads)
    with answered("dynamodb.GetItem", dict.clear), pytest.raises(config.AnswerCut):
        config.account("whatsapp", "1")
    assert config.account("whatsapp", "1")


def test_a_cut_answer_or_an_unreadable_record_leaves_the_last_good_one_in_force(threads: Threads, clock: Clock) -> None:
    put_account(threads)
    assert config.account("whatsapp", "1")
    clock.advance(61)
    with answered("dynamodb.GetItem", dict.clear):
        assert config.account("whatsapp", "1")
    put_account(threads, shape="of tomorrow")
    clock.advance(61)
    assert config.account("whatsapp", "1")


def test_an_account_is_read_once_in_a_minute_also_when_there_is_none(threads: Threads, clock: Clock) -> None:
    assert config.account("whatsapp", "1") is None
    put_account(threads)
    assert config.account("whatsapp", "1") is None
    clock.advance(61)
    assert config.account("whatsapp", "1")


def test_an_account_that_is_switched_off_is_none(threads: Threads) -> None:
    put_account(threads, enabled=False)
    assert config.account("whatsapp", "1") is None
