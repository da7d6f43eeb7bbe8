"""template.yaml as the local stack reads it."""

from pathlib import Path

import pytest
from afterhours_local import template
from afterhours_local.expressions import NO_VALUE, Unknown, evaluate
from afterhours_local.template import Cors, QueueSource, Schedule, TemplateError

SMALL = Path(__file__).parent / "small" / "template.yaml"
OURS = Path(__file__).parents[2] / "template.yaml"


@pytest.fixture(scope="module")
def small():
    return template.read(SMALL)


def test_functions_have_what_globals_and_their_own_properties_say(small):
    echo = small.functions["EchoFunction"]
    assert (echo.module, echo.entry, echo.timeout_s) == ("small", "echo", 2)
    assert echo.code == SMALL.parent / "functions"
    assert echo.environment["TABLE"] == {"Ref": "Things"}
    assert echo.environment["POWERTOOLS_SERVICE_NAME"] == "echo"


def test_a_route_is_closed_unless_it_says_otherwise(small):
    routes = {(route.method, route.path): route for route in small.routes}
    assert routes["ANY", "/open/{name}"].authorizer is None
    guarded = routes["GET", "/me"]
    assert (guarded.function, guarded.authorizer, guarded.scopes) == ("EchoFunction", "People", ("small/read",))


def test_the_queue_source_and_the_schedule_are_read(small):
    assert small.queue_sources == (QueueSource("Work", "WorkFunction", 10, partial_failures=True, concurrency=2),)
    assert small.schedules == (
        Schedule("TickFunctionEveryMinute", "TickFunction", "rate(1 minute)", every_s=60, payload=None),
    )


def test_a_parameter_reaches_what_is_written_with_it(small):
    assert small.cors is None
    given = template.read(SMALL, {"Origins": "https://a.example,https://b.example", "Workers": "7"})
    assert given.cors == Cors(
        origins=("https://a.example", "https://b.example"),
        methods=("GET", "POST"),
        headers=("content-type",),
        exposed=(),
        credentials=False,
        max_age=60,
    )
    assert given.queue_sources[0].concurrency == 7


def test_only_what_holds_data_or_rights_is_made(small):
    kinds = {resource["Type"] for resource in small.resources.values()}
    assert "AWS::DynamoDB::Table" in kinds
    assert "AWS::IAM::Role" in kinds
    assert not {kind for kind in kinds if kind.startswith(("AWS::Lambda", "AWS::CloudWatch", "AWS::Events"))}


def test_the_layer_that_is_source_is_found(small):
    assert small.layers == (SMALL.parent / "layer" / "python",)


def test_a_policy_that_asks_for_tls_does_not_shut_out_the_local_engine(small):
    assert small.resources["OnlyOverTls"]["Properties"]["PolicyDocument"]["Statement"] == []


def test_a_filter_on_a_queue_is_refused(tmp_path):
    text = SMALL.read_text(encoding="utf-8")
    spoilt = tmp_path / "template.yaml"
    spoilt.write_text(text.replace("BatchSize: 10", "BatchSize: 10\n            FilterCriteria: {Filters: []}"))
    with pytest.raises(TemplateError, match="filter"):
        template.read(spoilt)


def test_what_the_sam_transform_refuses_is_refused(tmp_path):
    spoilt = tmp_path / "template.yaml"
    spoilt.write_text(SMALL.read_text(encoding="utf-8").replace("Handler: small.echo", "Hanlder: small.echo"))
    with pytest.raises(TemplateError, match="EchoFunction"):
        template.read(spoilt)


def test_a_resource_that_refers_to_something_not_made_is_named(tmp_path):
    spoilt = tmp_path / "template.yaml"
    spoilt.write_text(
        SMALL.read_text(encoding="utf-8").replace(
            "Type: AWS::S3::Bucket", "Type: AWS::S3::Bucket\n    Properties: {BucketName: !Ref Alarm}"
        )
    )
    with pytest.raises(TemplateError, match="Files refers to Alarm"):
        template.read(spoilt)


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ({"Fn::If": ["Yes", "a", "b"]}, "a"),
        ({"Fn::If": [{"Fn::Not": [{"Condition": "Yes"}]}, "a", {"Ref": "AWS::NoValue"}]}, NO_VALUE),
        ({"x": {"Ref": "AWS::NoValue"}, "y": {"Ref": "P"}}, {"y": "p"}),
        ({"Fn::Join": ["-", [{"Ref": "P"}, {"Ref": "AWS::NoValue"}, "q"]]}, "p-q"),
        ({"Fn::Split": [",", "a,b"]}, ["a", "b"]),
        ({"Fn::And": [{"Condition": "Yes"}, {"Fn::Equals": [1, "1"]}]}, True),
        ({"Fn::Or": [{"Fn::Equals": ["p", "q"]}, {"Fn::Not": [{"Condition": "Yes"}]}]}, False),
    ],
)
def test_expressions_of_parameters_alone_are_evaluated(expression, value):
    if isinstance(expression, dict) and "Fn::If" in expression and isinstance(expression["Fn::If"][0], dict):
        expression = {"Fn::If": ["No", *expression["Fn::If"][1:]]}
    conditions = {"Yes": {"Fn::Equals": [{"Ref": "P"}, "p"]}, "No": {"Fn::Not": [{"Condition": "Yes"}]}}
    assert evaluate(expression, {"P": "p"}, conditions) == value


def test_an_expression_of_more_than_parameters_is_unknown():
    with pytest.raises(Unknown, match="GetAtt"):
        evaluate({"Fn::GetAtt": ["Work", "Arn"]}, {}, {})


def test_every_route_of_our_own_template_leads_to_a_function_and_the_agents_ones_are_closed():
    ours = template.read(OURS)
    assert ours.routes
    for route in ours.routes:
        assert route.function in ours.functions
        assert (route.authorizer is not None) == route.path.startswith("/api/")
        assert route.scopes == (("afterhours/agent",) if route.path.startswith("/api/") else ())
