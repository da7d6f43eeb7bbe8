"""The clock file, written by the local stack and read by `settings`."""

import os
from datetime import UTC, datetime, timedelta

import pytest
from afterhours import settings
from afterhours_local.clock import Clock

CHRISTMAS = datetime(2026, 12, 24, 18, 0, tzinfo=UTC)


@pytest.fixture
def clock(tmp_path, monkeypatch):
    clock = Clock(tmp_path / "clock")
    monkeypatch.setitem(os.environ, "AFTERHOURS_LOCAL", "1")
    monkeypatch.setitem(os.environ, "AFTERHOURS_CLOCK", str(clock.file))
    settings.load.cache_clear()
    yield clock
    settings.load.cache_clear()


def test_a_stopped_clock_shows_the_moment(clock):
    clock.set_to(CHRISTMAS)
    assert settings.now() == clock.now() == CHRISTMAS


def test_a_stopped_clock_can_be_moved_on(clock):
    clock.set_to(CHRISTMAS)
    clock.advance(timedelta(hours=2))
    assert settings.now() == CHRISTMAS + timedelta(hours=2)


def test_a_running_clock_goes_on_from_the_moment(clock):
    clock.start_from(CHRISTMAS)
    clock.advance(timedelta(days=1))
    assert timedelta(0) <= settings.now() - (CHRISTMAS + timedelta(days=1)) < timedelta(minutes=1)


def test_real_time_comes_back(clock):
    before = clock.now()
    clock.set_to(CHRISTMAS)
    clock.real()
    assert timedelta(0) <= settings.now() - before < timedelta(minutes=1)


def test_a_moment_without_a_zone_is_refused(clock):
    with pytest.raises(ValueError, match="time zone"):
        clock.set_to(datetime(2026, 12, 24))  # noqa: DTZ001
