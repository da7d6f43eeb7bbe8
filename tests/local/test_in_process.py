"""Functions in this process: their output, their environment, and what is left of them afterwards."""

import os
import sys
import threading
from pathlib import Path

import pytest
from afterhours import settings
from afterhours_local import template
from afterhours_local.environment import BorrowedEnvironment, DisagreeingEnvironments, agreed
from afterhours_local.executors import InProcess

SMALL = Path(__file__).parent / "small" / "template.yaml"
EVENT = {"rawPath": "/open/anna", "pathParameters": {"name": "anna"}}


@pytest.fixture(scope="module")
def functions():
    return template.read(SMALL).functions


def test_what_a_function_prints_is_told_with_its_name_and_kept_off_our_output(functions, capsys):
    heard = []
    executor = InProcess(
        functions,
        {name: {} for name in functions},
        stack_name="small",
        say=lambda what, details: heard.append((what, dict(details))),
    )
    try:
        executor.invoke("EchoFunction", EVENT)
        print("ours")
    finally:
        executor.close()
    print("ours again")
    assert heard == [("log", {"function": "EchoFunction", "line": '{"said": "/open/anna"}'})]
    assert capsys.readouterr().out == "ours\nours again\n"


def test_invocations_run_side_by_side_and_each_line_goes_to_its_own_function(functions):
    heard = []
    executor = InProcess(
        functions, {name: {} for name in functions}, stack_name="small", say=lambda what, details: heard.append(details)
    )
    together = threading.Barrier(4, timeout=10)

    def call(number):
        together.wait()
        executor.invoke("EchoFunction", EVENT | {"rawPath": f"/{number}"})

    threads = [threading.Thread(target=call, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    executor.close()
    assert sorted(details["line"] for details in heard) == [f'{{"said": "/{number}"}}' for number in range(4)]


def test_an_executor_loads_functions_afresh_and_takes_them_away_again(functions):
    def loaded():
        return {name for name in sys.modules if name.startswith("afterhours_function_") or name == "neighbour"}

    before, path = loaded(), list(sys.path)
    for expected in ("first", "second"):
        environments = {name: {"POWERTOOLS_SERVICE_NAME": expected} for name in functions}
        borrowed = BorrowedEnvironment()
        borrowed.borrow({})
        executor = InProcess(functions, environments, stack_name="small", say=lambda what, details: None)
        assert f'"loaded_as": "{expected}"' in executor.invoke("EchoFunction", EVENT)["body"]
        executor.close()
        borrowed.give_back()
    assert loaded() == before
    assert sys.path == path


def test_functions_that_want_different_values_are_named():
    with pytest.raises(DisagreeingEnvironments, match="B wants TABLE='two'"):
        agreed({"A": {"TABLE": "one"}, "B": {"TABLE": "two"}})


def test_powertools_variables_may_differ():
    assert agreed({"A": {"POWERTOOLS_SERVICE_NAME": "a", "X": "1"}, "B": {"POWERTOOLS_SERVICE_NAME": "b"}})["X"] == "1"


def test_no_real_account_shines_through_and_everything_comes_back(monkeypatch):
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("STACK_NAME", "before")
    settings.load.cache_clear()
    assert settings.load().stack == "before"
    before = dict(os.environ)
    borrowed = BorrowedEnvironment()
    borrowed.borrow({"STACK_NAME": "during"})
    assert "AWS_PROFILE" not in os.environ
    assert os.environ["AWS_ACCESS_KEY_ID"] == "test"
    assert settings.load().stack == "during"
    borrowed.give_back()
    assert dict(os.environ) == before
    assert settings.load().stack == "before"
    settings.load.cache_clear()


def test_a_module_finds_its_neighbours_as_in_lambda(functions):
    executor = InProcess(
        functions, {name: {} for name in functions}, stack_name="small", say=lambda what, details: None
    )
    try:
        assert executor.invoke("EchoFunction", {"pathParameters": {"name": "plain"}}) == {"just": "next door"}
    finally:
        executor.close()
