"""The breaker of last resort: so many automatic replies in a minute from one worker, and no more. Pure.

Caps per contact stop one quarrel; this stops a thousand at once (a mistaken playbook, a flood, a loop across contacts).
"""

from collections import deque

WINDOW_MS = 60_000


class Breaker:
    """Remembers when it last let replies through, at most `limit` of them."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._let_through: deque[int] = deque()

    def lets_through(self, now_ms: int) -> bool:
        """Whether one more may leave now; if so it counts."""
        # What lies ahead of us was counted by a clock that has been put back since.
        while self._let_through and not 0 <= now_ms - self._let_through[0] < WINDOW_MS:
            self._let_through.popleft()
        if len(self._let_through) >= self._limit:
            return False
        self._let_through.append(now_ms)
        return True
