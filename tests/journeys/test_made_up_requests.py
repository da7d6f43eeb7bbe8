"""Requests that schemathesis makes up from the API's own description, right ones and spoilt ones, over HTTP.

No answer but the declared ones, and none of 500 and more. Most of them meet a thread that is there, with a fence that
holds, so that they reach further than a 404.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import pytest
import schemathesis
from afterhours import settings
from afterhours_local.authorizer import JwtAuthorizer
from afterhours_local.gateway import Gateway
from afterhours_local.notices import say_nothing
from declared import description
from hypothesis import HealthCheck, Phase, given
from hypothesis import settings as examples
from hypothesis import strategies as st
from schemathesis import APIOperation, Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)
from seeded import Seeded
from world import ANA, PASSWORD, Ulid, World

CHECKS = [
    *(not_a_server_error, status_code_conformance, content_type_conformance),
    *(response_schema_conformance, response_headers_conformance),
]
MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]
AIMS = [*["with what is there"] * 4, "at the thread", "as made up"]
STATES = [("mine", False), ("mine", True), ("free", True)]  # whose the thread is; whether a reply waits for approval
SCHEMA = schemathesis.openapi.from_dict(description())
BEYOND_CHANCE = {"find", "reopen"}  # exactly one of four words; of a thread that is resolved
WRITING = {"reply", "approve", "resolve"}  # after which a customer may be sent something
OPERATIONS = [found.ok() for found in SCHEMA.get_all_operations()]
ALWAYS = {
    "derandomize": True,
    "database": None,
    "deadline": None,
    "phases": [Phase.generate, Phase.shrink],
}


@dataclass
class Caller:
    """An admin of the inbox, over HTTP."""

    seeded: Seeded
    ulid: Ulid
    url: str
    token: str
    sub: str
    seen: Counter[tuple[str, int]] = field(default_factory=Counter)

    def call(self, case: Case, aim: str) -> int:
        """The status; whatever is undeclared in the answer raises."""
        if aim != "as made up":
            self._aim(case)
        if aim == "with what is there" and "day" in (case.query or {}):
            case.query["day"] = "2026-11-11"
        if aim == "with what is there" and isinstance(case.body, dict):
            self._fill(case.body)
        if isinstance(case.body, dict) and isinstance(case.body.get("wait_s"), int):
            case.body["wait_s"] = 0  # nobody waits for a bell here
        answer = case.call(base_url=self.url, headers={"authorization": f"Bearer {self.token}"})
        self.seen[(name_of(case.operation), answer.status_code)] += 1
        case.validate_response(answer, checks=CHECKS)
        return answer.status_code

    def _aim(self, case: Case) -> None:
        _, event, index = self.seeded.picture.split("/")
        there = {"inbox": "support", "thread": self.seeded.thread, "event": event, "index": index}
        for name in case.path_parameters or {}:
            case.path_parameters[name] = there[name]

    def _fill(self, body: dict[str, Any]) -> None:
        head = self.seeded.world.threads.head(self.seeded.pk)
        there = {
            "fence": head.fence if head else 1,
            "last_inbound": head.last_inbound if head else None,
            "key": self.seeded.held if "reason" in body or len(body) == 1 else self.ulid(),
            "agent": self.sub,
            "inbox": "sales",
            "confirm": self.seeded.thread,
            "answer": "draft",
            "until": "next_opening",
        }
        for name in body.keys() & there.keys():
            body[name] = there[name]


@pytest.fixture
def caller(world: World, ulid: Ulid) -> Iterator[Caller]:
    stack, known = world.stack, settings.load()
    pool = stack.user_pool
    sub = pool.add_user(ANA, PASSWORD)
    seeded = Seeded.plant(world, ulid)
    seeded.permit(sub, support="admin")
    agents = JwtAuthorizer(
        issuer=known.user_pool_issuer,
        audience=[known.user_pool_client_id],
        keys_url=f"{pool.url}/{pool.pool_id}/.well-known/jwks.json",
    )
    gateway = Gateway(
        stack.template.routes,
        invoke=stack.invoke,
        authorizers={"Agents": agents},
        now_ms=stack.clock.now_ms,
        say=say_nothing,
    )
    token = pool.sign_in(ANA, PASSWORD).access_token
    yield Caller(seeded, ulid, f"http://127.0.0.1:{gateway.start()}", token, sub)
    gateway.stop()


def name_of(operation: APIOperation) -> str:
    return str(operation.definition.raw["operationId"])


def ask_each(caller: Caller, mode: GenerationMode, times: int) -> None:
    """Each operation so often, each time with the tables set back."""
    for operation in OPERATIONS:
        if mode is GenerationMode.NEGATIVE and not operation.definition.raw.keys() & {"parameters", "requestBody"}:
            continue  # there is nothing to spoil

        @examples(**ALWAYS, max_examples=times, suppress_health_check=list(HealthCheck))
        @given(
            case=operation.as_strategy(generation_mode=mode), aim=st.sampled_from(AIMS), state=st.sampled_from(STATES)
        )
        def ask(case: Case, aim: str, state: tuple[str, bool]) -> None:
            owner, held = state
            caller.seeded.set_back(caller.sub if owner == "mine" else None, held=held)
            caller.call(case, aim)

        ask()


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
def test_made_up_requests_get_declared_answers(caller: Caller, mode: GenerationMode) -> None:
    ask_each(caller, mode, 3)
    assert len(caller.seen) > len(OPERATIONS)


@pytest.mark.proof
@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.value)
def test_many_made_up_requests_get_declared_answers(caller: Caller, mode: GenerationMode) -> None:
    ask_each(caller, mode, 40)
    if mode is GenerationMode.POSITIVE:
        succeeded = {name for name, status in caller.seen if status < 300}
        assert {name_of(operation) for operation in OPERATIONS} - succeeded <= BEYOND_CHANCE
    print(
        f"{sum(caller.seen.values())} {mode.value} requests:", Counter(status for _, status in caller.seen.elements())
    )


@pytest.mark.proof
def test_made_up_requests_in_a_row_get_declared_answers_and_leave_nothing_undone(caller: Caller) -> None:
    world = caller.seeded.world
    verbs = [operation for operation in OPERATIONS if operation.method == "post"]
    verbs += [operation for operation in verbs if name_of(operation) in WRITING] * 3
    requests = st.one_of(*(operation.as_strategy() for operation in verbs))
    steps = st.lists(st.tuples(requests, st.sampled_from(AIMS)), min_size=4, max_size=12)

    @examples(**ALWAYS, max_examples=120, suppress_health_check=list(HealthCheck))
    @given(steps=steps)
    def ask(steps: list[tuple[Case, str]]) -> None:
        caller.seeded.set_back(caller.sub, held=False)
        sent, accepted = len(world.sent), 0
        for case, aim in steps:
            if isinstance(case.body, dict) and "text" in case.body:
                case.body["text"] = "We are here."  # odd ones are many above; here they shall be sent
            accepted += caller.call(case, aim) < 300 and name_of(case.operation) in WRITING
        world.settle()
        assert len(world.sent) - sent <= accepted
        assert world.dead_letters() == 0

    ask()
    assert world.sent.count("We are here.") > 3
    print(f"{sum(caller.seen.values())} requests in a row:", Counter(status for _, status in caller.seen.elements()))
