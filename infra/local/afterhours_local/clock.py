"""The clock file of `afterhours.settings`: set the time that the functions see, freeze it, move it, give it back.

Only what asks `settings.now()` moves. The engine keeps real time: visibility time-outs, the life of a token, and the
deletion of items by `ttl`, so an item written under a clock far in the past may be swept at once.
"""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path


class Clock:
    def __init__(self, file: Path) -> None:
        self.file = file
        self.real()

    def set_to(self, moment: datetime) -> None:
        """Stop the clock at a moment (aware)."""
        if moment.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        self._write(f"={round(moment.timestamp() * 1000)}")

    def start_from(self, moment: datetime) -> None:
        """Let the clock run from a moment (aware) on."""
        if moment.tzinfo is None:
            raise ValueError("a moment needs its time zone")
        self._write(f"{round(moment.timestamp() * 1000) - _real_ms():+d}")

    def advance(self, step: timedelta) -> None:
        """Move the clock on, stopped or running."""
        word = self.file.read_text(encoding="ascii")
        step_ms = round(step / timedelta(milliseconds=1))
        if word.startswith("="):
            self._write(f"={int(word[1:]) + step_ms}")
        else:
            self._write(f"{int(word) + step_ms:+d}")

    def real(self) -> None:
        self._write("+0")

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.now_ms() / 1000, UTC)

    def now_ms(self) -> int:
        word = self.file.read_text(encoding="ascii")
        return int(word[1:]) if word.startswith("=") else _real_ms() + int(word)

    def _write(self, word: str) -> None:
        # Another process may read at any moment: it sees the old word or the new one, never half of one.
        fresh = self.file.with_suffix(".new")
        fresh.write_text(word, encoding="ascii")
        fresh.replace(self.file)


def _real_ms() -> int:
    return time.time_ns() // 1_000_000
