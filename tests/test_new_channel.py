"""A new channel costs its files, its samples and one line in the registry: made up, in a copy of the tree.

The files below made_up/ stand where a real channel's would. FACTS are the two entries of the contract test, and the
account in the configuration is one as `account add` writes it.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MADE_UP = ROOT / "tests/made_up"
REGISTRY = "layers/afterhours/python/afterhours/channels/__init__.py"
LINE = '    "parley": Registered("parley"),\n'
FACTS = """
SOURCES["parley"] = Source("x-parley-signature", "parley/text.json", {"id": "m-82", "hologram": {}})
CHANNELS["parley"] = Channel(
    sent=answer(201, {"id": "m-83"}),
    refused=answer(400, {"message": "no"}),
    unauthorized=answer(401, {"message": "no"}),
)
"""
APP = "  - {source: parley, app: jadran-parley, secrets: [env:PARLEY_SECRET]}\n"
ACCOUNT = "  - {channel: parley, id: jadran-parley, app: jadran-parley, inbox: support, token: env:PARLEY_TOKEN}\n"
SECRETS = "PARLEY_SECRET=local-fake-parley-secret\nPARLEY_TOKEN=local-fake-parley-token\n"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    for part in ("functions", "layers", "infra", "events", "tests"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__", "made_up"))
    for file in ("template.yaml", "pyproject.toml"):
        shutil.copy(ROOT / file, tmp_path)
    for part in ("layers", "infra", "events", "tests"):
        shutil.copytree(MADE_UP / part, tmp_path / part, dirs_exist_ok=True)
    insert(tmp_path / "tests/channels/facts.py", "", FACTS)
    samples = tmp_path / "infra/local/afterhours_local/samples"
    insert(samples / "afterhours.yaml", "\napps:\n", APP)
    insert(samples / "afterhours.yaml", "\naccounts:\n", ACCOUNT)
    insert(samples / "env.example", "", SECRETS)
    return tmp_path


def insert(file: Path, after: str, text: str) -> None:
    """At the end, or after a line that stands there once."""
    there = file.read_text(encoding="utf-8")
    before, found, rest = there.partition(after) if after else (there, "", "")
    assert found == after
    file.write_text(f"{before}{found}{text}{rest}", encoding="utf-8")


def passed(tree: Path) -> set[str]:
    """The tests that the contract and the journey have for the made-up channel, all of which passed."""
    files = ["channels/test_contract.py", "channels/test_protocols.py", "test_imports.py", "journeys/parley.py"]
    command = [sys.executable, "-m", "pytest", "-n", "0", "-k", "parley", "-rA", *(f"tests/{file}" for file in files)]
    environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    run = subprocess.run(command, cwd=tree, env=environ, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr
    assert "skipped" not in run.stdout
    return {line.partition("::")[2] for line in run.stdout.splitlines() if line.startswith("PASSED ")}


@pytest.mark.proof  # it runs other tests
def test_a_channel_of_one_line_passes_the_contract_and_answers_a_customer(tree: Path) -> None:
    insert(tree / REGISTRY, "\nCHANNELS = {\n", LINE)
    assert passed(tree) >= {
        "test_what_a_secret_signs_it_verifies_also_while_secrets_are_rotated[parley]",
        "test_a_message_that_the_platform_takes_is_sent_with_one_request[parley]",
        "test_a_module_has_all_that_its_protocol_asks_for_and_as_it_asks[parley-Channel]",
        "test_a_module_imports_only_what_its_part_may[afterhours.channels.parley]",
        "test_a_signed_delivery_becomes_a_thread_that_is_answered[ministack]",
    }
