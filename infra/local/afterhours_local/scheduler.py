"""Fires the template's schedules: each at its rate in the background, or all of them at once by hand."""

import json
import threading
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from afterhours_local.engine import REGION
from afterhours_local.executors import FunctionError, Invoke
from afterhours_local.notices import Say
from afterhours_local.template import Schedule


class Scheduler:
    def __init__(self, schedules: Sequence[Schedule], *, invoke: Invoke, now: Callable[[], datetime], say: Say) -> None:
        self._schedules = schedules
        self._invoke = invoke
        self._now = now
        self._say = say
        self._stopping = threading.Event()

    def start(self) -> None:
        for schedule in self._schedules:
            if schedule.every_s is None:
                self._say("not_fired", {"schedule": schedule.name, "expression": schedule.expression})
            else:
                threading.Thread(
                    target=self._run, args=(schedule, schedule.every_s), name=f"fire-{schedule.name}", daemon=True
                ).start()

    def stop(self) -> None:
        self._stopping.set()

    def tick(self) -> dict[str, Any]:
        """Fire every schedule once, now; what each function returned. Raises FunctionError."""
        return {schedule.name: self._fire(schedule) for schedule in self._schedules}

    def _run(self, schedule: Schedule, every_s: int) -> None:
        while not self._stopping.wait(every_s):
            try:
                self._fire(schedule)
            except FunctionError as error:
                self._say("failed", {"function": schedule.function, "error": str(error)})

    def _fire(self, schedule: Schedule) -> Any:
        self._say("fired", {"schedule": schedule.name, "function": schedule.function})
        event = json.loads(schedule.payload) if schedule.payload else self._event(schedule)
        return self._invoke(schedule.function, event)

    def _event(self, schedule: Schedule) -> dict[str, Any]:
        return {
            "version": "0",
            "id": str(uuid.uuid4()),
            "detail-type": "Scheduled Event",
            "source": "aws.events",
            "account": "000000000000",
            "time": self._now().strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": REGION,
            "resources": [f"arn:aws:events:{REGION}:000000000000:rule/{schedule.name}"],
            "detail": {},
        }
