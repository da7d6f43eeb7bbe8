"""When automation has to say that it is automation. Pure."""

from datetime import timedelta

from afterhours.models import ThreadHead

LONG_GAP = timedelta(hours=12)


def is_due(head: ThreadHead | None, now_ms: int) -> bool:
    """At the start, after a long gap, and when a person has spoken since."""
    if head is None or not head.disclosed_at or head.human_at > head.disclosed_at:
        return True
    return now_ms - max(head.last_in_at, head.last_out_at) > LONG_GAP / timedelta(milliseconds=1)
