"""When an answer is due, when to warn of it, how late it is, and who is served first."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from afterhours.deadlines import deadlines, escalated_urgent_at, sla_stage, urgent_at
from afterhours.playbook import Playbook, Priority
from hypothesis import given
from hypothesis import strategies as st

MINUTE, HOUR = 60_000, 3_600_000
OPEN = "2026-11-11 11:00"  # a Wednesday in Zagreb


def playbook(**more: Any) -> Playbook:
    week = {"mon-sat": ["08:00-20:00"], "sun": ["10:00-12:00"]}
    hours = {"zone": "Europe/Zagreb", "week": week}
    return Playbook.model_validate({"brand": "Hotel Jadran", "languages": ["en"], "hours": hours, **more})


def moment(wall: str, utc_offset: int = 1) -> datetime:
    """A wall time of Zagreb, by the offset it has then."""
    return (datetime.fromisoformat(wall) - timedelta(hours=utc_offset)).replace(tzinfo=UTC)


def ms(wall: str, utc_offset: int = 1) -> int:
    return int(moment(wall, utc_offset).timestamp() * 1000)


LEVELS = [
    {"channel": "whatsapp", "tag": "vip", "first_reply": "10m"},
    {"channel": "whatsapp", "first_reply": "2h", "warn_before": "30m"},
    {"tag": "vip", "first_reply": "20m"},
    {"first_reply": "4h", "warn_before": "1h"},
]


@pytest.mark.parametrize(
    ("since", "channel", "tags", "due", "warn"),
    [
        (OPEN, "whatsapp", (), "2026-11-11 13:00", "2026-11-11 12:30"),
        (OPEN, "whatsapp", ("vip",), "2026-11-11 11:10", "2026-11-11 11:00"),
        (OPEN, "messenger", ("vip",), "2026-11-11 11:20", "2026-11-11 11:05"),
        (OPEN, "messenger", ("other",), "2026-11-11 15:00", "2026-11-11 14:00"),
        ("2026-11-11 19:00", "whatsapp", (), "2026-11-12 09:00", "2026-11-12 08:30"),
        ("2026-11-11 18:15", "whatsapp", (), "2026-11-12 08:15", "2026-11-11 19:45"),
        ("2026-11-11 18:00", "whatsapp", (), "2026-11-11 20:00", "2026-11-11 19:30"),  # the last moment of the day
        ("2026-11-11 23:00", "whatsapp", (), "2026-11-12 10:00", "2026-11-12 09:30"),
        ("2026-11-11 23:00", "whatsapp", ("vip",), "2026-11-12 08:10", "2026-11-12 08:00"),
        ("2026-11-14 19:00", "messenger", (), "2026-11-16 09:00", "2026-11-15 12:00"),  # over a short Sunday
    ],
)
def test_an_answer_is_due_in_business_time_by_channel_and_tag(
    since: str, channel: str, tags: tuple[str, ...], due: str, warn: str
) -> None:
    found = deadlines(playbook(service_levels=LEVELS), channel, moment(since), tags=tags)
    assert found == (ms(due), ms(warn))


def test_without_service_levels_an_answer_is_due_in_an_hour() -> None:
    found = deadlines(playbook(), "whatsapp", moment(OPEN))
    assert found == (ms("2026-11-11 12:00"), ms("2026-11-11 11:45"))


@pytest.mark.parametrize(
    ("since", "offset", "due", "due_offset"),
    [
        ("2026-10-24 19:30", 2, "2026-10-25 10:30", 1),  # the night has an hour more
        ("2026-03-28 19:30", 1, "2026-03-29 10:30", 2),  # and one less
    ],
)
def test_a_night_in_which_the_clock_is_changed_counts_no_hour_more_or_less(
    since: str, offset: int, due: str, due_offset: int
) -> None:
    assert deadlines(playbook(), "whatsapp", moment(since, offset)).due_at == ms(due, due_offset)


def test_danger_waits_for_no_opening() -> None:
    at = moment("2026-11-11 23:00")
    assert deadlines(playbook(), "whatsapp", at, reasons=("wants_human", "safety")) == (ms("2026-11-11 23:00"),) * 2


def test_where_nobody_ever_opens_the_clock_on_the_wall_counts() -> None:
    shut = playbook(hours={"zone": "Europe/Zagreb", "week": {}})
    assert deadlines(shut, "whatsapp", moment(OPEN)).due_at == ms("2026-11-11 12:00")
    late = playbook(hours={"zone": "Europe/Zagreb", "week": {}}, escalation=["1h"])
    assert sla_stage(late, ms(OPEN), ms(OPEN), ms("2026-11-11 12:01")) == 3


# How late


@pytest.mark.parametrize(
    ("now", "stage"),
    [
        ("2026-11-11 19:15", 0),
        ("2026-11-11 19:29", 0),
        ("2026-11-11 19:30", 1),
        ("2026-11-11 19:45", 1),  # due this minute, and so in time
        ("2026-11-11 19:46", 2),
        ("2026-11-11 23:00", 2),  # the night brings no escalation
        ("2026-11-12 08:15", 2),
        ("2026-11-12 08:16", 3),
        ("2026-11-12 09:45", 3),
        ("2026-11-12 09:46", 4),
        ("2026-11-30 09:46", 4),
    ],
)
def test_lateness_has_stages_that_come_in_business_time(now: str, stage: int) -> None:
    tiers = playbook(escalation=["30m", "2h"])
    assert sla_stage(tiers, ms("2026-11-11 19:45"), ms("2026-11-11 19:30"), ms(now)) == stage


def test_a_thread_from_before_warnings_is_only_overdue() -> None:
    due = ms("2026-11-11 12:00")
    assert [sla_stage(playbook(), due, 0, due + after) for after in (-1, 0, 1)] == [0, 0, 2]


# Who comes first


@pytest.mark.parametrize(
    ("tags", "reasons", "window_h", "ahead_h"),
    [
        ((), (), None, 0),
        (("group",), ("wants_human",), None, 0),
        (("vip",), (), None, 4),
        (("group", "vip"), ("safety",), None, 4),  # one lead, however many reasons
        ((), ("safety",), None, 4),
        ((), ("legal",), None, 4),
        ((), (), 24, 0),  # the window closes long after it is due
        ((), (), 2, 0),  # two hours before it closes is when it is due
        ((), (), 1, 1),
        (("vip",), (), 1, 4),
        (("vip",), (), -10, 12),
    ],
)
def test_what_presses_stands_ahead_in_the_queue(
    tags: tuple[str, ...], reasons: tuple[str, ...], window_h: int | None, ahead_h: int
) -> None:
    due = ms("2026-11-11 12:00")
    closes = 0 if window_h is None else due + window_h * HOUR
    found = urgent_at(due, Priority(), tags=tags, reasons=reasons, window_until=closes)
    assert (due - found) // HOUR == ahead_h


@pytest.mark.parametrize(
    ("before", "stage", "leads"),
    [(0, 1, 0), (0, 2, 1), (1, 2, 1), (2, 3, 1), (1, 4, 3), (0, 4, 3), (3, 4, 1)],
)
def test_what_is_late_moves_ahead_once_for_each_stage(before: int, stage: int, leads: int) -> None:
    now = ms(OPEN)
    assert now - escalated_urgent_at(now, Priority(), before=before, stage=stage) == leads * 4 * HOUR


PRIORITY = Priority.model_validate({"ahead": "3h", "before_window_closes": "1h"})
TAGS = st.sampled_from([(), ("vip",), ("group",)])
REASONS = st.sampled_from([(), ("safety",), ("legal",), ("wants_human",)])


@given(due=st.integers(10 * HOUR, 99 * HOUR), later=st.integers(1, HOUR), tags=TAGS, reasons=REASONS)
def test_nothing_starves(due: int, later: int, tags: tuple[str, ...], reasons: tuple[str, ...]) -> None:
    """Whatever is due more than the lead after a thread comes behind it, however much it presses, so that only so much
    can ever come before it."""
    plain = urgent_at(due, PRIORITY, tags=(), reasons=(), window_until=0)
    other = due + 3 * HOUR + later
    newcomer = urgent_at(other, PRIORITY, tags=tags, reasons=reasons, window_until=other + HOUR)
    assert plain < newcomer


@given(
    waited=st.lists(st.tuples(st.integers(0, 2_000), TAGS, REASONS), min_size=1, max_size=30),
    stages=st.lists(st.integers(0, 5), min_size=30, max_size=30),
)
def test_escalation_only_ever_moves_a_thread_ahead(
    waited: list[tuple[int, tuple[str, ...], tuple[str, ...]]], stages: list[int]
) -> None:
    for (minutes, tags, reasons), stage in zip(waited, stages, strict=False):
        before = urgent_at(ms(OPEN) + minutes * MINUTE, PRIORITY, tags=tags, reasons=reasons, window_until=0)
        after = [escalated_urgent_at(before, PRIORITY, before=0, stage=reached) for reached in range(stage + 1)]
        assert after == sorted(after, reverse=True)
        assert max(after) == before
        step_by_step = before
        for reached in range(1, stage + 1):
            step_by_step = escalated_urgent_at(step_by_step, PRIORITY, before=reached - 1, stage=reached)
        assert step_by_step == after[-1], "an outage in between changes nothing"
