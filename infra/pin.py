"""Compile layers/dependencies/requirements.txt from pyproject.toml, for the functions' platform; `--check` checks it.

It holds when every pin is within pyproject's bounds and the pins are closed: nothing that they need is missing, nothing
else is there. The second half asks the package index; where that does not answer, or this is another Python, it is left
out and said so. Run it with the functions' Python: pip reads environment markers with the Python that runs it.
"""

import json
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parent.parent
PINS = ROOT / "layers/dependencies/requirements.txt"
HEADER = "# Compiled by infra/pin.py from pyproject.toml for python {} on linux arm64. Do not edit.\n"
RUNTIME = "3.13"
PLATFORMS = ("manylinux2014_aarch64", "manylinux_2_28_aarch64")


def wanted() -> list[str]:
    project: list[str] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["dependencies"]
    return project


def pinned() -> dict[str, str]:
    lines = [line for line in PINS.read_text().splitlines() if line and not line.startswith("#")]
    return {canonicalize_name(name): version for name, _, version in (line.partition("==") for line in lines)}


def resolve(*options: str) -> subprocess.CompletedProcess[str]:
    """Let pip resolve pyproject's list for the functions' platform, installing nothing."""
    with tempfile.TemporaryDirectory() as nowhere:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        command += ["--dry-run", "--report", "-"]
        command += ["--target", nowhere, "--implementation", "cp", "--python-version", RUNTIME, "--only-binary=:all:"]
        command += [word for platform in PLATFORMS for word in ("--platform", platform)]
        command += [*options, *wanted()]
        return subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  all words are ours


def resolved(answer: str) -> dict[str, str]:
    items = (item["metadata"] for item in json.loads(answer)["install"])
    return dict(sorted((canonicalize_name(item["name"]), item["version"]) for item in items))


def compile_pins() -> str | None:
    """Write the file; what went wrong, or None."""
    if not is_runtime():
        return f"run this with python{RUNTIME}"
    run = resolve()
    if run.returncode:
        return run.stderr
    lines = [f"{name}=={version}\n" for name, version in resolved(run.stdout).items()]
    PINS.write_text(HEADER.format(RUNTIME) + "".join(lines))
    return None


def check_pins() -> str | None:
    """What is wrong with the file, or None."""
    pins = pinned()
    for requirement in map(Requirement, wanted()):
        version = pins.get(canonicalize_name(requirement.name))
        if version is None or version not in requirement.specifier:
            return f"{requirement} is not met by the pins ({version}): run infra/pin.py"
    if not is_runtime():
        print(f"bounds hold; closure not checked, this is not python{RUNTIME}")
        return None
    run = resolve("--constraint", str(PINS))
    if run.returncode and "Retrying" in run.stderr:
        print("bounds hold; closure not checked, the package index does not answer")
        return None
    if run.returncode:
        return run.stderr
    differing = dict(resolved(run.stdout).items() ^ pins.items())
    return f"needed and pinned differ in {', '.join(sorted(differing))}: run infra/pin.py" if differing else None


def is_runtime() -> bool:
    return f"{sys.version_info.major}.{sys.version_info.minor}" == RUNTIME


if __name__ == "__main__":
    sys.exit(check_pins() if sys.argv[1:] == ["--check"] else compile_pins())
