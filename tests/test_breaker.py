"""The breaker lets so many through in a minute, and again when the minute is over."""

from afterhours.breaker import Breaker


def test_it_opens_at_its_limit_and_closes_by_itself() -> None:
    breaker = Breaker(3)
    assert [breaker.lets_through(ms) for ms in (0, 10, 20, 30)] == [True, True, True, False]
    assert not breaker.lets_through(59_999)
    assert breaker.lets_through(60_000)
    assert not breaker.lets_through(60_005), "the second of the first minute still counts"
    assert breaker.lets_through(60_010)
