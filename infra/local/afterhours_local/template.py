"""Reads template.yaml: what the functions are, what calls them, and which of its resources a local engine makes.

The SAM transform is the real one, so routes, roles and event sources are those of a deployment. Values that only
the engine can know (`!Ref`, `!Sub`, `!GetAtt`) stay expressions here; `resources` has them resolved.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from afterhours_local import engine_template, sam
from afterhours_local.expressions import NO_VALUE, evaluate, parameter_values
from afterhours_local.sam import Resource, TemplateError

_UNIT_SECONDS = {"minute": 60, "hour": 3600, "day": 86400}


@dataclass(frozen=True)
class Function:
    name: str  # its logical id
    handler: str
    code: Path
    timeout_s: int
    memory_mb: int
    environment: Mapping[str, Any]
    role: Any

    @property
    def module(self) -> str:
        return self.handler.rpartition(".")[0]

    @property
    def entry(self) -> str:
        return self.handler.rpartition(".")[2]


@dataclass(frozen=True)
class Route:
    method: str  # upper case, or ANY
    path: str
    function: str
    authorizer: str | None = None
    scopes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Authorizer:
    """A JWT authorizer; issuer and audience are expressions."""

    issuer: Any
    audience: tuple[Any, ...]


@dataclass(frozen=True)
class QueueSource:
    queue: str  # logical id
    function: str
    batch_size: int
    partial_failures: bool
    concurrency: int


@dataclass(frozen=True)
class Schedule:
    """`every_s` is None for a cron expression, which only a tick by hand fires."""

    name: str
    function: str
    expression: str
    every_s: int | None
    payload: str | None


@dataclass(frozen=True)
class Cors:
    """The rules of an HTTP API for browsers of other sites, in lower case where case means nothing."""

    origins: tuple[str, ...]
    methods: tuple[str, ...]
    headers: tuple[str, ...]
    exposed: tuple[str, ...]
    credentials: bool
    max_age: int | None


@dataclass(frozen=True)
class Template:
    functions: Mapping[str, Function]
    layers: tuple[Path, ...]
    routes: tuple[Route, ...]
    authorizers: Mapping[str, Authorizer]
    cors: Cors | None
    queue_sources: tuple[QueueSource, ...]
    schedules: tuple[Schedule, ...]
    resources: Mapping[str, Resource]  # those that an engine makes
    sections: Mapping[str, Any]  # Parameters, Mappings, Conditions as written
    parameters: Mapping[str, str]

    def of_type(self, kind: str) -> dict[str, Resource]:
        return {name: resource for name, resource in self.resources.items() if resource["Type"] == kind}


def read(path: Path, given: Mapping[str, str] | None = None) -> Template:
    """`given` are values for parameters. Raises TemplateError."""
    raw = sam.load_yaml(path)
    parameters = parameter_values(raw, given or {})
    whole = sam.transformed(raw, parameters)
    conditions = whole.get("Conditions", {})
    resources: dict[str, Resource] = whole["Resources"]
    apis = [each for each in resources.values() if each["Type"] == "AWS::ApiGatewayV2::Api"]
    if len(apis) > 1:
        raise TemplateError("more than one HTTP API")
    body = apis[0]["Properties"].get("Body", {}) if apis else {}
    directory = path.absolute().parent
    return Template(
        functions={function.name: function for function in _functions(raw, resources, directory)},
        layers=_layers(raw, directory),
        routes=tuple(_routes(body, resources)),
        authorizers=_authorizers(body),
        cors=_cors(evaluate(body.get("x-amazon-apigateway-cors", {}), parameters, conditions)),
        queue_sources=tuple(_queue_sources(resources, parameters, conditions)),
        schedules=tuple(_schedules(resources)),
        resources=engine_template.made_locally(resources),
        sections={name: whole[name] for name in ("Parameters", "Mappings", "Conditions") if name in whole},
        parameters=parameters,
    )


def _of_type(resources: Mapping[str, Resource], *kinds: str) -> Iterator[tuple[str, Resource]]:
    for name, resource in resources.items():
        if resource["Type"] in kinds:
            yield name, resource.get("Properties", {})


def _functions(raw: Mapping[str, Any], resources: Mapping[str, Resource], directory: Path) -> Iterator[Function]:
    common = raw.get("Globals", {}).get("Function", {})
    for name, properties in _of_type(resources, "AWS::Lambda::Function"):
        code = raw["Resources"][name]["Properties"].get("CodeUri", common.get("CodeUri", "."))
        yield Function(
            name=name,
            handler=properties["Handler"],
            code=directory / code,
            timeout_s=properties.get("Timeout", 3),
            memory_mb=properties.get("MemorySize", 128),
            environment=properties.get("Environment", {}).get("Variables", {}),
            role=properties["Role"],
        )


def _layers(raw: Mapping[str, Any], directory: Path) -> tuple[Path, ...]:
    """The `python` folders of layers that are source here; a layer that a build makes has none."""
    contents = (
        directory / resource["Properties"]["ContentUri"] / "python"
        for resource in raw["Resources"].values()
        if resource["Type"] == "AWS::Serverless::LayerVersion"
    )
    return tuple(folder for folder in contents if folder.is_dir())


def _routes(body: Mapping[str, Any], resources: Mapping[str, Resource]) -> Iterator[Route]:
    for path, methods in body.get("paths", {}).items():
        for method, operation in methods.items():
            security: dict[str, list[str]] = next(iter(operation.get("security", [])), {})
            authorizer, scopes = next(iter(security.items()), ("NONE", []))
            yield Route(
                method="ANY" if method == "x-amazon-apigateway-any-method" else method.upper(),
                path=path,
                function=_integrated(operation["x-amazon-apigateway-integration"]["uri"], resources),
                authorizer=None if authorizer == "NONE" else authorizer,
                scopes=tuple(scopes),
            )


def _integrated(uri: Mapping[str, Any], resources: Mapping[str, Resource]) -> str:
    found = re.search(r"functions/\$\{(\w+)(?:\.Arn)?\}/invocations", uri.get("Fn::Sub", ""))
    if not found:
        raise TemplateError(f"a route with an integration that is not a function: {uri}")
    return _function(found[1], resources)


def _function(name: str, resources: Mapping[str, Resource]) -> str:
    """The function behind a function, alias or version."""
    resource = resources[name]
    if resource["Type"] == "AWS::Lambda::Function":
        return name
    return _function(_referred(resource["Properties"]["FunctionName"]), resources)


def _referred(expression: Any) -> str:
    """The logical id of a `Ref` or `GetAtt`."""
    if isinstance(expression, dict):
        if "Ref" in expression:
            return str(expression["Ref"])
        if "Fn::GetAtt" in expression:
            return str(expression["Fn::GetAtt"][0])
    raise TemplateError(f"expected !Ref or !GetAtt, found {expression}")


def _authorizers(body: Mapping[str, Any]) -> dict[str, Authorizer]:
    schemes = body.get("components", {}).get("securitySchemes", {})
    found = {}
    for name, scheme in schemes.items():
        rule = scheme.get("x-amazon-apigateway-authorizer", {})
        if rule.get("type") != "jwt" or rule.get("identitySource") != "$request.header.Authorization":
            raise TemplateError(f"authorizer {name} is not a JWT in the Authorization header")
        jwt = rule["jwtConfiguration"]
        found[name] = Authorizer(issuer=jwt["issuer"], audience=tuple(jwt["audience"]))
    return found


def _cors(rules: Any) -> Cors | None:
    if rules is NO_VALUE or not rules:
        return None
    return Cors(
        origins=tuple(rules.get("allowOrigins", ())),
        methods=tuple(rules.get("allowMethods", ())),
        headers=tuple(each.lower() for each in rules.get("allowHeaders", ())),
        exposed=tuple(rules.get("exposeHeaders", ())),
        credentials=bool(rules.get("allowCredentials")),
        max_age=rules.get("maxAge"),
    )


def _queue_sources(
    resources: Mapping[str, Resource], parameters: Mapping[str, str], conditions: Mapping[str, Any]
) -> Iterator[QueueSource]:
    for name, properties in _of_type(resources, "AWS::Lambda::EventSourceMapping"):
        queue = _referred(properties["EventSourceArn"])
        if resources[queue]["Type"] != "AWS::SQS::Queue":
            raise TemplateError(f"{name}: only queues can be polled here")
        if "FilterCriteria" in properties:
            raise TemplateError(f"{name}: a filter deletes what it does not match; we have none")
        scaling = properties.get("ScalingConfig", {})
        yield QueueSource(
            queue=queue,
            function=_function(_referred(properties["FunctionName"]), resources),
            batch_size=properties.get("BatchSize", 10),
            partial_failures="ReportBatchItemFailures" in properties.get("FunctionResponseTypes", ()),
            concurrency=int(evaluate(scaling.get("MaximumConcurrency", 5), parameters, conditions)),
        )


def _schedules(resources: Mapping[str, Resource]) -> Iterator[Schedule]:
    for name, properties in _of_type(resources, "AWS::Events::Rule", "AWS::Scheduler::Schedule"):
        targets = properties["Targets"] if "Targets" in properties else [properties["Target"]]
        expression = properties.get("ScheduleExpression")
        if expression is None:
            raise TemplateError(f"{name}: only schedules are fired here")
        for target in targets:
            yield Schedule(
                name=name,
                function=_function(_referred(target["Arn"]), resources),
                expression=expression,
                every_s=_every_s(expression),
                payload=target.get("Input"),
            )


def _every_s(expression: str) -> int | None:
    found = re.fullmatch(r"rate\((\d+) (minute|hour|day)s?\)", expression)
    return int(found[1]) * _UNIT_SECONDS[found[2]] if found else None
