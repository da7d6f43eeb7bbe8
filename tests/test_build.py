"""What `sam build` makes of the package and the functions: the makefiles, run as it runs them."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
UNCHECKED_HASH = 1


def build(folder: str, target: str, artifacts: Path, path: str, home: str) -> str:
    artifacts.mkdir()
    environment = {"PATH": path, "HOME": home, "ARTIFACTS_DIR": str(artifacts)}
    run = subprocess.run(
        ["make", "--silent", f"build-{target}"],
        cwd=ROOT / folder,
        env=environment,
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout


def with_runtime(tmp_path: Path) -> str:
    """A search path on which the Python that runs this is the runtime's."""
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "python3.13").write_text(f'#!/bin/sh\ncase "$1" in -c) exit 0;; esac\nexec "{sys.executable}" "$@"\n')
    (tools / "python3.13").chmod(0o755)
    return f"{tools}:{os.environ['PATH']}"


def test_the_package_layer_holds_the_package_with_bytecode_validated_by_hash(tmp_path: Path) -> None:
    artifacts = tmp_path / "layer"
    build("layers/afterhours", "AfterhoursLayer", artifacts, with_runtime(tmp_path), str(tmp_path))
    assert [path.name for path in (artifacts / "python").iterdir() if path.name != "__pycache__"] == ["afterhours"]
    sources = sorted(artifacts.rglob("*.py"))
    assert artifacts / "python/afterhours/stores/__init__.py" in sources
    for source in sources:
        compiled = Path(importlib.util.cache_from_source(str(source))).read_bytes()
        assert int.from_bytes(compiled[4:8], "little") == UNCHECKED_HASH, source
        assert str(tmp_path).encode() not in compiled


def test_a_function_is_built_of_the_handlers_alone(tmp_path: Path) -> None:
    artifacts = tmp_path / "function"
    build("functions", "WebhookFunction", artifacts, with_runtime(tmp_path), str(tmp_path))
    names = {path.name for path in artifacts.iterdir()}
    assert names == {path.name for path in (ROOT / "functions").glob("*.py")} | {"__pycache__", "inbox"}
    assert {path.name for path in (artifacts / "inbox").iterdir()} == {
        path.name for path in (ROOT / "functions/inbox").iterdir()
    }


def test_without_the_runtimes_python_the_build_goes_on_and_says_what_is_missing(tmp_path: Path) -> None:
    tools = tmp_path / "tools"
    tools.mkdir()
    for name in ("python3.13", "python3"):  # as a version manager's shim that has nothing to run
        (tools / name).write_text("#!/bin/sh\nexit 127\n")
        (tools / name).chmod(0o755)
    artifacts = tmp_path / "layer"
    path = f"{tools}:{os.environ['PATH']}"
    said = build("layers/afterhours", "AfterhoursLayer", artifacts, path, str(tmp_path))
    assert "no python3.13 here" in said
    assert list(artifacts.rglob("*.py"))
    assert not list(artifacts.rglob("*.pyc"))
