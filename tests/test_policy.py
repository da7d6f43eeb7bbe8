"""The table of decisions: plain calls, one row at a time, and what holds for all of them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from afterhours import policy
from afterhours.models import Disposition, Event, Kind, ThreadHead, ThreadStatus
from afterhours.playbook import Playbook

OPEN = datetime(2026, 11, 11, 10, 0, tzinfo=UTC)  # a Wednesday, 11:00 in Zagreb
CLOSED = datetime(2026, 11, 14, 22, 40, tzinfo=UTC)  # Saturday 23:40 in Zagreb
PLAYBOOK = Playbook.model_validate(
    {
        "brand": "Hotel Jadran",
        "languages": ["en"],
        "hours": {
            "zone": "Europe/Zagreb",
            "week": {"mon-fri": ["08:00-20:00"], "sat": ["09:00-13:00"], "sun": "closed"},
        },
        "replies": {"instant": {"after_silence": "12h"}, "away": {"once_per": "closed_period"}},
        "service_levels": [{"channel": "*", "first_reply": "60m"}],
    }
)


def ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def message(at: datetime, text: str = "Is breakfast included?", **changes: Any) -> Event:
    given = {
        "channel": "whatsapp",
        "account_id": "1",
        "kind": Kind.MESSAGE,
        "event_id": "e",
        "contact_ids": ("385911",),
    }
    return Event(**{**given, "contact_name": "Petra Novak", "text": text, "timestamp_ms": ms(at), **changes})


def head(**changes: Any) -> ThreadHead:
    return ThreadHead(**{"version": 1, "inbox": "support", "contact_id": "385911", **changes})


def decide(event: Event, before: ThreadHead | None, now: datetime, playbook: Playbook = PLAYBOOK) -> Disposition:
    return policy.decide(event, before, playbook, now)


def after(event: Event, before: ThreadHead | None, now: datetime) -> tuple[Disposition, ThreadHead]:
    """Decide, and the head as it is committed."""
    disposition = decide(event, before, now)
    changes = policy.advance(
        event, before, disposition, sk="E#1", at_ms=ms(now), now_ms=ms(now), inbox="support",
        window=timedelta(hours=24), priority=PLAYBOOK.priority,
    )  # fmt: skip
    known = before.model_dump() if before else {"version": 0}
    return disposition, ThreadHead.model_validate({**known, **changes, "version": known["version"] + 1})


def test_first_message_in_open_hours_gets_the_instant_reply_and_a_person() -> None:
    disposition = decide(message(OPEN), None, OPEN)
    assert (disposition.rule, disposition.reason) == ("instant", "first_of_a_session")
    assert disposition.reply_text is not None
    assert disposition.reply_text.startswith("Hi Petra!")
    assert disposition.handoff == ("unanswered",)
    assert disposition.due_at == ms(OPEN + timedelta(hours=1))


def test_first_message_in_the_night_gets_the_away_reply_with_the_next_opening() -> None:
    disposition = decide(message(CLOSED), None, CLOSED)
    assert disposition.rule == "away"
    assert "on Monday at 08:00" in (disposition.reply_text or "")
    assert disposition.due_at == ms(datetime(2026, 11, 16, 8, 0, tzinfo=UTC)), "an hour after Monday's opening"


def test_no_second_away_reply_in_one_closed_period_also_over_midnight() -> None:
    _, known = after(message(CLOSED), None, CLOSED)
    later = CLOSED + timedelta(hours=11)
    disposition = decide(message(later), known, later)
    assert (disposition.rule, disposition.reason, disposition.reply_text) == (
        "away",
        "told_in_this_closed_period",
        None,
    )


def test_the_next_closed_period_has_an_away_reply_of_its_own() -> None:
    _, known = after(message(CLOSED), None, CLOSED)
    monday_night = datetime(2026, 11, 16, 21, 0, tzinfo=UTC)
    assert decide(message(monday_night), known, monday_night).rule == "away"
    assert decide(message(monday_night), known, monday_night).reply_text is not None


def test_fragments_of_one_question_get_one_instant_reply() -> None:
    disposition, known = after(message(OPEN), None, OPEN)
    replies = [disposition.reply_text]
    for second in (3, 6):
        moment = OPEN + timedelta(seconds=second)
        disposition, known = after(message(moment), known, moment)
        replies.append(disposition.reply_text)
    assert [bool(reply) for reply in replies] == [True, False, False]


def test_a_new_session_after_a_long_silence_is_greeted_again() -> None:
    known = head(last_in_at=ms(OPEN - timedelta(hours=13)), instant_at=ms(OPEN - timedelta(hours=13)))
    assert decide(message(OPEN), known, OPEN).rule == "instant"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"owner": "ana", "lease_until": ms(OPEN) + 1}, "claimed"),
        ({"human_at": ms(OPEN - timedelta(minutes=14))}, "human_spoke"),
    ],
)
def test_nothing_automatic_while_a_person_has_the_thread(changes: dict[str, Any], reason: str) -> None:
    disposition = decide(message(OPEN), head(**changes), OPEN)
    assert (disposition.rule, disposition.reason, disposition.reply_text) == ("human_has_it", reason, None)


def test_a_quarter_of_an_hour_after_a_person_spoke_automation_may_speak_again() -> None:
    known = head(human_at=ms(CLOSED - timedelta(minutes=16)))
    assert decide(message(CLOSED), known, CLOSED).rule == "away"


@pytest.mark.parametrize("text", ["A person please!", "I want a PERSON", "can I talk to a  person, pls", "not a robot"])
def test_who_asks_for_a_person_is_handed_over_and_told_so(text: str) -> None:
    disposition = decide(message(OPEN, text), None, OPEN)
    assert disposition.rule == "wants_a_person"
    assert "asked_for_a_person" in disposition.handoff
    assert "passing this to a member of our team" in (disposition.reply_text or "")


def test_asking_for_a_person_in_the_night_says_when_one_is_there_and_counts_as_the_away_reply() -> None:
    disposition, known = after(message(CLOSED, "I want a person"), None, CLOSED)
    assert "on Monday at 08:00" in (disposition.reply_text or "")
    moment = CLOSED + timedelta(hours=2)
    assert decide(message(moment), known, moment).reply_text is None


def test_asking_again_within_the_hour_is_not_answered_again() -> None:
    _, known = after(message(OPEN, "I want a person"), None, OPEN)
    moment = OPEN + timedelta(minutes=5)
    disposition = decide(message(moment, "I want a person!!"), known, moment)
    assert (disposition.reason, disposition.reply_text) == ("asked_for_a_person_again", None)


def test_a_personal_word_inside_another_is_no_request() -> None:
    assert decide(message(OPEN, "Is it 20 € a personal use?"), None, OPEN).rule == "instant"


def test_stop_is_confirmed_once_and_then_nothing_automatic_is_sent() -> None:
    disposition, known = after(message(OPEN, " Stop. "), None, OPEN)
    assert (disposition.reason, disposition.handoff) == ("opt_out_word", ())
    assert disposition.reply_text is not None
    moment = OPEN + timedelta(minutes=1)
    assert decide(message(moment, "stop"), known, moment).reply_text is None
    silent = decide(message(moment), known, moment)
    assert (silent.rule, silent.reply_text, silent.handoff) == ("opted_out", None, ("unanswered",))


def test_start_brings_automation_back() -> None:
    _, known = after(message(OPEN, "stop"), None, OPEN)
    moment = OPEN + timedelta(days=2)
    disposition, known = after(message(moment, "START"), known, moment)
    assert (disposition.reason, known.opted_out_at) == ("opt_in_word", 0)


def test_the_loop_guard_ends_a_quarrel_of_two_machines_and_calls_a_person() -> None:
    known = head(auto_times=tuple(ms(OPEN - timedelta(minutes=minute)) for minute in (9, 6, 3)))
    disposition = decide(message(OPEN, "I want a person"), known, OPEN)
    assert (disposition.rule, disposition.reply_text) == ("loop_guard", None)
    assert "loop_guard" in disposition.handoff


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"kind": Kind.REFERRAL}, "kind_referral"),
        ({"standby": True}, "standby"),
        ({"group_id": "g"}, "group"),
        ({"from_page_itself": True}, "our_own"),
        ({"timestamp_ms": ms(OPEN - timedelta(minutes=16))}, "too_old"),
    ],
)
def test_what_is_not_answerable_gets_no_reply(changes: dict[str, Any], reason: str) -> None:
    disposition = decide(message(OPEN, **changes), None, OPEN)
    assert (disposition.rule, disposition.reason, disposition.reply_text) == ("not_answerable", reason, None)


def test_a_message_that_comes_hours_late_still_reaches_a_person() -> None:
    assert decide(message(OPEN - timedelta(hours=3)), None, OPEN).handoff == ("unanswered",)


def test_an_answer_to_an_agent_reopens_the_thread_for_its_last_owner_first() -> None:
    known = head(status=ThreadStatus.WAITING, kept_for="ana", owner="ana", human_at=ms(OPEN - timedelta(hours=1)))
    disposition, moved = after(message(OPEN), known, OPEN)
    assert "customer_replied" in disposition.handoff
    assert (moved.status, moved.kept_for, moved.kept_until) == (
        ThreadStatus.OPEN,
        "ana",
        ms(OPEN + policy.KEEP_FOR_LAST_OWNER),
    )


def test_an_open_thread_keeps_its_due_time_and_collects_reasons() -> None:
    _, known = after(message(OPEN), None, OPEN)
    moment = OPEN + timedelta(minutes=20)
    _, moved = after(message(moment, "I want a person"), known, moment)
    assert moved.due_at == known.due_at
    assert set(moved.handoff_reasons) == {"unanswered", "asked_for_a_person"}


def test_why_names_every_row_looked_at_up_to_the_one_that_hit() -> None:
    rules = [rule for rule, _ in policy.TABLE]
    why = decide(message(OPEN), None, OPEN).why
    assert [rule for rule, _ in why] == rules[: len(why)]
    assert dict(why)["faq"] == "not configured", "this playbook has no FAQ"
    assert why[-1] == ("instant", "first_of_a_session")


def test_a_calendar_that_never_opens_still_answers() -> None:
    shut = PLAYBOOK.model_copy(update={"hours": PLAYBOOK.model_validate(
        {**PLAYBOOK.model_dump(mode="json"), "hours": {"zone": "UTC", "week": {"mon-sun": "closed"}}}
    ).hours})  # fmt: skip
    disposition = decide(message(OPEN), None, OPEN, shut)
    assert disposition.rule == "away"
    assert "will be back" not in (disposition.reply_text or "will be back")


@pytest.mark.parametrize(
    ("changes", "seconds", "reason"),
    [
        ({}, 60, None),
        ({"fence": 2}, 60, "human_has_it"),
        ({"human_at": ms(OPEN) + 1}, 60, "human_has_it"),
        ({"opted_out_at": ms(OPEN) + 1}, 60, "opted_out"),
        ({}, 16 * 60, "stale"),
    ],
)
def test_a_planned_reply_is_dropped_when_the_moment_has_passed(
    changes: dict[str, Any], seconds: int, reason: str | None
) -> None:
    known = head(**{"fence": 1, **changes})
    assert policy.gone_stale(known, 1, ms(OPEN), ms(OPEN) + seconds * 1000) == reason


def test_what_is_no_message_moves_neither_what_agents_have_seen_nor_the_window() -> None:
    known = head(last_inbound="E#0", last_in_at=1, window_until=1)
    _, moved = after(message(OPEN, kind=Kind.SYSTEM), known, OPEN)
    assert (moved.last_inbound, moved.last_in_at, moved.window_until) == ("E#0", 1, 1)
