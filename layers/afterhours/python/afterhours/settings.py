"""The environment, read once into one frozen object, and the clock.

Nothing else reads the environment or the time. The local stack (and the tests, which use the same seam)
may shift or freeze the clock through a small file; a deployed function cannot.
"""

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """Names of what a function works with; empty where the template gives it none."""

    stack: str
    threads_table: str
    config_table: str
    inbound_queue_url: str
    overflow_bucket: str
    user_pool_issuer: str
    user_pool_client_id: str
    sign_in_url: str
    api_scope: str
    auto_replies_per_minute: int
    notification_topic: str
    mail_topic: str
    mail_bucket: str
    local: bool
    clock_file: str


@cache
def load() -> Settings:
    """Read the environment; `load.cache_clear()` forgets it (tests)."""
    env = os.environ.get
    local = env("AFTERHOURS_LOCAL") == "1"
    return Settings(
        stack=env("STACK_NAME", "afterhours"),
        threads_table=env("THREADS_TABLE", ""),
        config_table=env("CONFIG_TABLE", ""),
        inbound_queue_url=env("INBOUND_QUEUE_URL", ""),
        overflow_bucket=env("OVERFLOW_BUCKET", ""),
        user_pool_issuer=env("USER_POOL_ISSUER", ""),
        user_pool_client_id=env("USER_POOL_CLIENT_ID", ""),
        sign_in_url=env("SIGN_IN_URL", ""),
        api_scope=env("API_SCOPE", "afterhours/agent"),
        auto_replies_per_minute=int(env("AUTO_REPLIES_PER_MINUTE", "300")),
        notification_topic=env("NOTIFICATION_TOPIC", ""),
        mail_topic=env("MAIL_TOPIC", ""),
        mail_bucket=env("MAIL_BUCKET", ""),
        local=local,
        clock_file=env("AFTERHOURS_CLOCK", "") if local else "",
    )


def now_ms() -> int:
    """Epoch milliseconds. The clock file, local stack only, holds `=<ms>` (frozen) or `<signed ms>` (shift)."""
    real = time.time_ns() // 1_000_000
    clock_file = load().clock_file
    if not clock_file:
        return real
    word = Path(clock_file).read_text(encoding="ascii").strip()
    return int(word[1:]) if word.startswith("=") else real + int(word or "0")


def issuers_now_s() -> float:
    """Epoch seconds by the machine's own clock, never shifted: what a token's times are compared with, because its
    issuer goes by that one."""
    return time.time()


def now() -> datetime:
    """The current time, aware, UTC."""
    return datetime.fromtimestamp(now_ms() / 1000, UTC)
