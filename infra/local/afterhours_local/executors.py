"""Runs functions: in this process, for speed, or each in processes of its own as in Lambda, for truth.

Both take an event and give back what the handler returned, having passed both through JSON as Lambda does.
"""

import importlib.util
import json
import os
import sys
import threading
import time
import traceback
import uuid
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Protocol

from afterhours_local.function_output import FunctionOutput, running
from afterhours_local.notices import Say
from afterhours_local.template import Function

Invoke = Callable[[str, Any], Any]
MAX_PAYLOAD = 6 * 1024 * 1024  # of an event and of an answer


class FunctionError(Exception):
    """The function did not return: it raised, timed out, died, or could not be loaded."""

    def __init__(self, kind: str, text: str, trace: str = "") -> None:
        super().__init__(f"{kind}: {text}")
        self.kind = kind
        self.trace = trace


class Executor(Protocol):
    def invoke(self, function: str, event: Any) -> Any:
        """What the handler returned. Raises FunctionError."""

    def close(self) -> None:
        """End everything that was started, put back everything that was changed."""


def as_payload(value: Any) -> bytes:
    """JSON of at most 6 MB. Raises FunctionError."""
    try:
        payload = json.dumps(value).encode()
    except (TypeError, ValueError) as error:
        raise FunctionError("Runtime.MarshalError", str(error)) from error
    if len(payload) > MAX_PAYLOAD:
        raise FunctionError("RequestEntityTooLarge", f"{len(payload)} bytes are more than {MAX_PAYLOAD}")
    return payload


class Context:
    """Lambda's context object, as far as handlers and Powertools ask it."""

    function_version = "$LATEST"
    identity = None
    client_context = None

    def __init__(self, function: Function, name: str) -> None:
        self.function_name = name
        self.memory_limit_in_mb = str(function.memory_mb)
        self.invoked_function_arn = f"arn:aws:lambda:eu-central-1:000000000000:function:{name}"
        self.log_group_name = f"/aws/lambda/{name}"
        self.log_stream_name = "local"
        self.aws_request_id = str(uuid.uuid4())
        self._deadline = time.monotonic() + function.timeout_s

    def get_remaining_time_in_millis(self) -> int:
        return max(0, round((self._deadline - time.monotonic()) * 1000))


class InProcess:
    """All functions in this process, any number at once, in its one environment. Time-outs are not enforced."""

    def __init__(
        self,
        functions: Mapping[str, Function],
        environments: Mapping[str, Mapping[str, str]],
        *,
        stack_name: str,
        layers: Sequence[Path] = (),
        say: Say,
    ) -> None:
        self._functions = functions
        self._environments = environments
        self._stack_name = stack_name
        self._modules: dict[Path, ModuleType] = {}
        self._loaded: set[str] = set()  # the names of these and of their neighbours that they imported
        code = dict.fromkeys(str(each) for each in [*(function.code for function in functions.values()), *layers])
        self._search = [each for each in code if each not in sys.path]
        sys.path[:0] = self._search
        self._loading = threading.Lock()
        self._output = FunctionOutput(lambda function, line: say("log", {"function": function, "line": line}))
        self._output.install()

    def invoke(self, function: str, event: Any) -> Any:
        described = self._functions[function]
        payload = as_payload(event)
        with running(function):
            try:
                handler = getattr(self._module(described), described.entry)
                result = handler(json.loads(payload), Context(described, f"{self._stack_name}-{function}"))
            except Exception as error:  # the boundary that Lambda draws around a handler
                raise _as_function_error(error) from error
        return json.loads(as_payload(result))

    def close(self) -> None:
        self._output.remove()
        for name in self._loaded:
            sys.modules.pop(name, None)
        for folder in self._search:
            sys.path.remove(folder)

    def _module(self, function: Function) -> ModuleType:
        """The handler's module, loaded afresh for this executor, whatever else has imported it."""
        path = function.code / f"{function.module.replace('.', '/')}.py"
        with self._loading:
            if path not in self._modules:
                spec = importlib.util.spec_from_file_location(f"afterhours_function_{function.module}", path)
                if spec is None or spec.loader is None:
                    raise FunctionError("Runtime.ImportModuleError", f"no module at {path}")
                module = importlib.util.module_from_spec(spec)
                sys.modules[spec.name] = module
                os.environ.update(self._environments[function.name])
                before = set(sys.modules) - {spec.name}
                try:
                    spec.loader.exec_module(module)
                    self._modules[path] = module
                finally:
                    self._loaded |= _of_folder(function.code, set(sys.modules) - before)
        return self._modules[path]


def _of_folder(folder: Path, names: Iterable[str]) -> set[str]:
    """Those of the modules whose files are in the folder."""
    files = {name: getattr(sys.modules[name], "__file__", None) for name in names}
    return {name for name, file in files.items() if file and Path(file).is_relative_to(folder)}


def _as_function_error(error: Exception) -> FunctionError:
    if isinstance(error, FunctionError):
        return error
    return FunctionError(type(error).__name__, str(error), "".join(traceback.format_exception(error)))
