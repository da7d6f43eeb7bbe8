"""Who may import whom (DESIGN section 2), and who reads the environment and the clock."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "layers/afterhours/python/afterhours"
FUNCTIONS = ROOT / "functions"
LOCAL = ROOT / "infra/local/afterhours_local"

EDGES = {"settings", "gateway", "counts", "channels", "stores"}
# Everything beside the edges is pure: models, playbook, hours, policy, faq, language, texts and what they are made of.
PURE = {path.stem for path in PACKAGE.glob("*.py")} - EDGES - {"__init__"}
# Part of the package -> the parts that it may import besides itself. A part that is not named stands alone.
MAY_IMPORT = {
    **dict.fromkeys(PURE, PURE),
    "channels": {"models", "settings"},
    "stores": {"counts", "grounding", "models", "playbook", "settings", "wording"},
}
# The same for packages of others; the functions may use all that the layer carries.
LAYER = {
    *("aws_lambda_powertools", "boto3", "botocore", "cryptography", "pydantic", "pydantic_core", "requests", "urllib3"),
}
MAY_USE = {
    **{part: {"pydantic", "pydantic_core"} for part in PURE},
    # Of boto3 only the client of sesv2, of cryptography what unseals WeChat's deliveries.
    "channels": {"boto3", "botocore", "cryptography", "requests", "urllib3"},
    "stores": {"boto3", "botocore", "pydantic"},
    "counts": {"aws_lambda_powertools"},
}
IMPURE = {
    *("asyncio", "http", "importlib", "io", "logging", "os", "pathlib", "random", "secrets", "shutil", "socket"),
    *("subprocess", "sys", "tempfile", "threading", "time", "urllib", "uuid"),
}
CLOCK = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"}
# Parts with a second real user: who may ask for what is one answer for everything below /api.
SHARED = {
    **{name: {"agent_api", "attachments", "eraser"} for name in ("access", "calls")},
    "receiving": {"webhook", "answer"},
    **{name: {"worker", "answer"} for name in ("answering", "assisting", "merging", "sends")},
}
NOT_ON_THE_WAY_IN = {"pydantic", "requests", "aws_xray_sdk"}


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), str(path))


class Module(NamedTuple):
    path: Path
    name: str

    @property
    def part(self) -> str:
        """`policy` for afterhours.policy, `stores` for afterhours.stores.queues, "" for the package itself."""
        return self.name.partition(".")[2].partition(".")[0]

    @property
    def tree(self) -> ast.Module:
        return parsed(self.path)


def modules(package: Path) -> Iterator[Module]:
    for path in sorted(package.rglob("*.py")):
        names = path.relative_to(package.parent).with_suffix("").parts
        yield Module(path, ".".join(names[:-1] if names[-1] == "__init__" else names))


IN_PACKAGE = {module.name: module for module in modules(PACKAGE)}
FUNCTION_MODULES = [Module(path, path.stem) for path in sorted(FUNCTIONS.glob("*.py"))]
LOCALS = list(modules(LOCAL))


def run_nodes(node: ast.AST, *, at_import: bool = False) -> Iterator[ast.AST]:
    """All nodes but those for type checkers; with `at_import` only what runs when the module is loaded."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        if at_import and isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        yield child
        yield from run_nodes(child, at_import=at_import)


def imports(module: Module, *, at_import: bool = False) -> set[str]:
    """Dotted names imported; `from afterhours import hours` is afterhours.hours."""
    found = set()
    for node in run_nodes(module.tree, at_import=at_import):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module, f"{module.name}: imports are absolute"
            assert node.level == 0, f"{module.name}: imports are absolute"
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                found.add(whole if whole in IN_PACKAGE else node.module)
    return found


def top(name: str) -> str:
    return name.partition(".")[0]


def foreign(module: Module) -> set[str]:
    return {top(name) for name in imports(module)} - sys.stdlib_module_names - {"afterhours", "afterhours_local"}


@pytest.mark.parametrize("module", IN_PACKAGE.values(), ids=lambda module: module.name)
def test_a_module_imports_only_what_its_part_may(module: Module) -> None:
    inside = {Module(module.path, name).part for name in imports(module) if top(name) == "afterhours"}
    assert inside - {"", module.part} <= MAY_IMPORT.get(module.part, set())
    assert foreign(module) <= MAY_USE.get(module.part, set())
    assert "afterhours_local" not in {top(name) for name in imports(module)}


@pytest.mark.parametrize(
    "module", [module for module in IN_PACKAGE.values() if module.part in PURE], ids=lambda module: module.name
)
def test_a_pure_module_does_no_input_or_output(module: Module) -> None:
    assert not {top(name) for name in imports(module)} & IMPURE
    called = {ast.unparse(node.func) for node in ast.walk(module.tree) if isinstance(node, ast.Call)}
    assert not called & {"open", "print", "input", "__import__", "eval", "exec"}


@pytest.mark.parametrize("module", [*IN_PACKAGE.values(), *FUNCTION_MODULES], ids=lambda module: module.name)
def test_settings_alone_reads_the_environment_and_the_clock(module: Module) -> None:
    if module.name == "afterhours.settings":
        return
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Attribute):
            last_two = ".".join(ast.unparse(node).split(".")[-2:])
            assert last_two not in CLOCK | {"os.environ", "os.getenv"}, f"line {node.lineno}"
        if isinstance(node, ast.ImportFrom):
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            assert not names & (CLOCK | {"os.environ", "os.getenv"}), f"line {node.lineno}"


def is_handler(module: Module) -> bool:
    return any(isinstance(node, ast.FunctionDef) and node.name == "lambda_handler" for node in module.tree.body)


@cache
def parts(module: Module) -> frozenset[str]:
    """The modules of functions that it imports, directly or not, with itself."""
    beside = [each for each in FUNCTION_MODULES if each.name in {top(name) for name in imports(module)}]
    return frozenset({module.name}).union(*(parts(each) for each in beside))


def test_nothing_else_imports_from_functions() -> None:
    names = {module.name for module in FUNCTION_MODULES} | {"functions"}
    for module in [*IN_PACKAGE.values(), *LOCALS]:
        assert not {top(name) for name in imports(module)} & names, module.name


def test_a_module_of_functions_is_a_handler_or_part_of_exactly_one_unless_it_is_shared_on_purpose() -> None:
    handlers = [module for module in FUNCTION_MODULES if is_handler(module)]
    users = {each.name: {module.name for module in handlers if each.name in parts(module)} for each in FUNCTION_MODULES}
    assert {name: found for name, found in users.items() if len(found) != 1} == SHARED
    assert all(users[module.name] == {module.name} for module in handlers)


@pytest.mark.parametrize("module", FUNCTION_MODULES, ids=lambda module: module.name)
def test_a_function_uses_what_its_layers_carry(module: Module) -> None:
    assert foreign(module) - {each.name for each in FUNCTION_MODULES} <= LAYER
    assert "afterhours_local" not in {top(name) for name in imports(module)}


def loaded_with(module: Module, seen: dict[str, set[str]]) -> dict[str, set[str]]:
    """Everything that loading the module imports, by importing module, through the package."""
    if module.name in seen:
        return seen
    seen[module.name] = imports(module, at_import=True)
    for name in seen[module.name]:
        parts = name.split(".")
        for end in range(1, len(parts) + 1):
            if package := IN_PACKAGE.get(".".join(parts[:end])):
                loaded_with(package, seen)
    return seen


def test_the_webhook_loads_neither_pydantic_nor_requests_nor_a_tracer() -> None:
    loaded = loaded_with(Module(FUNCTIONS / "webhook.py", "webhook"), {})
    assert len(loaded) > 1
    for importer, names in loaded.items():
        assert not {top(name) for name in names} & NOT_ON_THE_WAY_IN, importer


def test_the_webhook_does_not_load_them_through_others_either() -> None:
    code = f"import sys, webhook; print(*({NOT_ON_THE_WAY_IN!r} & sys.modules.keys()))"
    path = f"{FUNCTIONS}:{PACKAGE.parent}"
    run = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": path, "AWS_DEFAULT_REGION": "eu-central-1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.stdout.strip(), run.returncode) == ("", 0), run.stderr
