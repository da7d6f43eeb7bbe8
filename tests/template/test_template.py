"""House rules of template.yaml, over its text and over what the SAM transform makes of it."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from afterhours_local import template as sam

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "layers/afterhours/python/afterhours"
# The only places below which a role may name what does not exist yet when the stack is deployed.
OPEN_ENDED = {
    "parameter/${AWS::StackName}/app/*",
    "parameter/${AWS::StackName}/app/webchat/*",
    "parameter/${AWS::StackName}/app/viber/*",
    "parameter/${AWS::StackName}/app/wechat/*",
    "parameter/${AWS::StackName}/token/*",
    "parameter/${AWS::StackName}/notify/*",
    "${AWS::StackName}-human-*",
    "${OverflowBucket.Arn}/*",
    "${MailBucket.Arn}/mail/*",
}
# The only action on all resources: IAM has none for it. Under a condition that is off unless somebody asks for it.
WITHOUT_RESOURCE = ("AssistsLanguage", "comprehend:DetectDominantLanguage")


class Loader(yaml.SafeLoader):
    """Reads CloudFormation's short tags as their long form."""


def long_form(loader: yaml.SafeLoader, tag: str, node: yaml.Node) -> dict[str, Any]:
    if isinstance(node, yaml.ScalarNode):
        value: Any = loader.construct_scalar(node)
    elif isinstance(node, yaml.SequenceNode):
        value = loader.construct_sequence(node, deep=True)
    else:
        value = loader.construct_mapping(node, deep=True)
    return {tag if tag == "Ref" else f"Fn::{tag}": value}


Loader.add_multi_constructor("!", long_form)
TEXT = (ROOT / "template.yaml").read_text(encoding="utf-8")
TEMPLATE: dict[str, Any] = yaml.load(TEXT, Loader=Loader)
RESOURCES: dict[str, dict[str, Any]] = TEMPLATE["Resources"]


def of_type(kind: str) -> dict[str, dict[str, Any]]:
    return {name: each.get("Properties", {}) for name, each in RESOURCES.items() if each["Type"] == kind}


FUNCTIONS = of_type("AWS::Serverless::Function")
QUEUES = of_type("AWS::SQS::Queue")


@pytest.fixture(scope="module")
def transformed() -> sam.Template:
    return sam.read(ROOT / "template.yaml")


def dead_letter_queue(queue: dict[str, Any]) -> str | None:
    target = queue.get("RedrivePolicy", {}).get("deadLetterTargetArn")
    return target["Fn::GetAtt"].split(".")[0] if target else None


def test_every_queue_has_a_dead_letter_queue_or_a_written_reason() -> None:
    targets = {dead_letter_queue(queue) for queue in QUEUES.values()}
    for name, queue in QUEUES.items():
        reason = RESOURCES[name].get("Metadata", {}).get("NoDeadLetterQueue", "")
        assert name in targets or dead_letter_queue(queue) or len(reason) > 40, name


def test_a_dead_letter_queue_keeps_messages_longer_than_its_source() -> None:
    # A message keeps the time of its first enqueueing when it moves.
    for queue in QUEUES.values():
        if target := dead_letter_queue(queue):
            assert QUEUES[target]["MessageRetentionPeriod"] > queue["MessageRetentionPeriod"]
            assert QUEUES[target]["RedriveAllowPolicy"]["redrivePermission"] == "byQueue"


def test_a_message_stays_hidden_for_six_time_outs_of_its_consumer(transformed: sam.Template) -> None:
    consumers = {source.queue: source.function for source in transformed.queue_sources}
    consumers["HumanQueue"] = "AgentApiFunction"  # agents pull from it
    assert consumers.keys() == QUEUES.keys() - {dead_letter_queue(queue) for queue in QUEUES.values()}
    for queue, function in consumers.items():
        assert QUEUES[queue]["VisibilityTimeout"] >= 6 * FUNCTIONS[function]["Timeout"], queue


def test_the_worker_takes_one_message_at_a_time_and_filters_none() -> None:
    (event,) = FUNCTIONS["WorkerFunction"]["Events"].values()
    assert event["Properties"].keys() == {"Queue", "BatchSize", "FunctionResponseTypes", "ScalingConfig"}
    assert event["Properties"]["BatchSize"] == 1
    assert event["Properties"]["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert event["Properties"]["ScalingConfig"].keys() == {"MaximumConcurrency"}
    assert "ReservedConcurrentExecutions" not in FUNCTIONS["WorkerFunction"]


def test_template_and_functions_have_the_same_handlers() -> None:
    modules = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "functions").glob("*.py")}
    assert {function["Handler"] for function in FUNCTIONS.values()} == {
        f"{module}.{node.name}"
        for module, tree in modules.items()
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and node.name == "lambda_handler"
    }


def test_one_python_version_everywhere() -> None:
    (runtime,) = {TEMPLATE["Globals"]["Function"]["Runtime"]}
    version = runtime.removeprefix("python")
    for layer in of_type("AWS::Serverless::LayerVersion").values():
        assert layer["CompatibleRuntimes"] == [runtime]
    for folder in ("layers/afterhours", "layers/dependencies", "functions"):
        assert f"\nRUNTIME = {version}\n" in (ROOT / folder / "Makefile").read_text(encoding="utf-8")
    assert f'\nRUNTIME = "{version}"\n' in (ROOT / "infra/pin.py").read_text(encoding="utf-8")
    assert f"for python {version} " in (ROOT / "layers/dependencies/requirements.txt").read_text(encoding="utf-8")
    oldest = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["requires-python"]
    named = set(re.findall(r"[Pp]ython ?(3\.\d+)", (ROOT / "README.md").read_text(encoding="utf-8")))
    assert named == {version, oldest.removeprefix(">=")}


def test_memory_and_time_out_are_explicit_and_an_http_answer_fits_the_gateway() -> None:
    for name, function in FUNCTIONS.items():
        assert {"MemorySize", "Timeout", "Role"} <= function.keys(), name
        if any(event["Type"] == "HttpApi" for event in function["Events"].values()):
            assert function["Timeout"] < 30, name


def statements() -> Iterator[tuple[str, dict[str, Any]]]:
    for name, role in of_type("AWS::IAM::Role").items():
        for policy in role["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                yield name, statement


def added_statements() -> Iterator[tuple[str, dict[str, Any]]]:
    """Those of policies beside the roles: the condition that they stand under, and the statement."""
    for name, policy in of_type("AWS::IAM::Policy").items():
        assert policy["Roles"] == [{"Ref": "WorkerFunctionRole"}], name
        for statement in policy["PolicyDocument"]["Statement"]:
            yield RESOURCES[name]["Condition"], statement


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def test_no_role_has_a_wildcard_but_below_what_is_ours_and_made_later() -> None:
    wildcards = set()
    for name, statement in statements():
        assert statement["Effect"] == "Allow" or name == "WebhookFunctionRole"
        assert not [action for action in as_list(statement["Action"]) if "*" in action], name
        for resource in as_list(statement["Resource"]):
            assert resource.keys() <= {"Fn::GetAtt", "Fn::Sub"}, name
            if "*" in str(resource):
                wildcards.add(resource["Fn::Sub"].rpartition("${AWS::AccountId}:")[2])
    assert wildcards == OPEN_ENDED


def test_mails_are_read_where_they_come_in_and_where_a_file_is_asked_for_and_deleted_by_the_eraser() -> None:
    touching = {
        (name, action)
        for name, statement in statements()
        for action in as_list(statement["Action"])
        if "MailBucket" in str(statement["Resource"])
    }
    assert touching == {
        ("MailFunctionRole", "s3:GetObject"),
        ("AttachmentFunctionRole", "s3:GetObject"),
        ("EraserFunctionRole", "s3:DeleteObject"),
    }


def test_what_is_allowed_beside_the_roles_is_off_by_default_and_nothing_else() -> None:
    defaults = {name: each.get("Default") for name, each in TEMPLATE["Parameters"].items()}
    assert (defaults["AssistBedrockModelArn"], defaults["AssistComprehend"]) == ("", "false")
    assert TEMPLATE["Conditions"]["AssistsAnswers"] == {
        "Fn::Not": [{"Fn::Equals": [{"Ref": "AssistBedrockModelArn"}, ""]}]
    }
    assert TEMPLATE["Conditions"]["AssistsLanguage"] == {"Fn::Equals": [{"Ref": "AssistComprehend"}, "true"]}
    assert (defaults["MailIdentityArns"], defaults["MailRecipients"]) == ("", "")
    for name, parameter in (("SendsMail", "MailIdentityArns"), ("ReceivesMail", "MailRecipients")):
        assert TEMPLATE["Conditions"][name] == {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, ""]}]}
    allowed = {}
    for condition, statement in added_statements():
        assert statement["Effect"] == "Allow"
        for action in as_list(statement["Action"]):
            allowed[condition, action] = statement["Resource"]
    identities = {"Fn::Split": [",", {"Ref": "MailIdentityArns"}]}
    assert allowed == {
        WITHOUT_RESOURCE: "*",
        ("AssistsAnswers", "bedrock:InvokeModel"): {"Fn::Split": [",", {"Ref": "AssistBedrockModelArn"}]},
        ("SendsMail", "ses:SendEmail"): identities,
        ("SendsMail", "ses:SendRawEmail"): identities,
    }


def test_every_wildcard_has_its_reason_above_it() -> None:
    lines = TEXT.splitlines()
    for number, line in enumerate(lines):
        if (
            re.search(r"\*\"?\}?$", line)
            and "arn" in line.lower()
            and "Deny" not in "".join(lines[number - 4 : number])
        ):
            statement = next(above for above in range(number, 0, -1) if "Effect:" in lines[above])
            assert lines[statement - 1].lstrip().startswith("#"), f"line {number + 1}"


def test_each_function_has_a_role_of_its_own_without_managed_policies(transformed: sam.Template) -> None:
    roles = transformed.of_type("AWS::IAM::Role")
    assert roles.keys() == {f"{name}Role" for name in FUNCTIONS}
    for name, function in FUNCTIONS.items():
        assert function["Role"] == {"Fn::GetAtt": f"{name}Role.Arn"}
        assert roles[f"{name}Role"]["Properties"].keys() == {"AssumeRolePolicyDocument", "Policies"}


def test_each_function_writes_to_its_own_log_group_with_retention() -> None:
    for name, function in FUNCTIONS.items():
        group = f"{name.removesuffix('Function')}LogGroup"
        assert function["LoggingConfig"] == {"LogGroup": {"Ref": group}}
        logging = [each for role, each in statements() if role == f"{name}Role" and "logs:" in str(each["Action"])]
        assert [each["Resource"] for each in logging] == [{"Fn::GetAtt": f"{group}.Arn"}]
    for name, group in of_type("AWS::Logs::LogGroup").items():
        assert group["RetentionInDays"] == {"Ref": "LogRetentionDays"}, name


def test_routes_under_api_want_an_agent_and_the_others_say_that_they_do_not(transformed: sam.Template) -> None:
    open_routes = set()
    for function in FUNCTIONS.values():
        for event in function["Events"].values():
            if event["Properties"].get("Auth") == {"Authorizer": "NONE"}:
                open_routes.add(event["Properties"]["Path"])
    assert {path.split("/")[1] for path in open_routes} == {"hook", "inbox", "webchat"}
    assert transformed.routes
    for route in transformed.routes:
        if route.path.startswith("/api/"):
            assert (route.authorizer, route.scopes) == ("Agents", ("afterhours/agent",)), route
        else:
            assert route.path in open_routes, route


def test_limited_routes_exist(transformed: sam.Template) -> None:
    (api,) = of_type("AWS::Serverless::HttpApi").values()
    assert api["RouteSettings"].keys() <= {f"{route.method} {route.path}" for route in transformed.routes}
    assert api["DefaultRouteSettings"].keys() == {"ThrottlingRateLimit", "ThrottlingBurstLimit"}


def test_the_access_log_names_no_person_and_no_thread() -> None:
    (api,) = of_type("AWS::Serverless::HttpApi").values()
    fields = set(re.findall(r"\$context\.([\w.]+)", api["AccessLogSettings"]["Format"]))
    assert fields == {
        *("requestId", "requestTimeEpoch", "routeKey", "status", "responseLatency", "integrationLatency"),
        *("integrationErrorMessage", "authorizer.error"),
    }


def test_tables_survive_mistakes() -> None:
    for name, table in of_type("AWS::DynamoDB::Table").items():
        assert RESOURCES[name]["DeletionPolicy"] == RESOURCES[name]["UpdateReplacePolicy"] == "Retain"
        assert table["DeletionProtectionEnabled"] == {"Fn::If": ["IsProtected", True, False]}
        assert table["PointInTimeRecoverySpecification"]["PointInTimeRecoveryEnabled"] is True
        assert table["SSESpecification"] == {"SSEEnabled": True}
        assert table["TimeToLiveSpecification"] == {"AttributeName": "ttl", "Enabled": True}


def test_queues_and_bucket_are_encrypted_and_speak_tls_only() -> None:
    policies = [*of_type("AWS::SQS::QueuePolicy").values(), *of_type("AWS::S3::BucketPolicy").values()]
    guarded = {each["Ref"] for policy in policies for each in policy.get("Queues", [policy.get("Bucket")])}
    assert guarded == QUEUES.keys() | of_type("AWS::S3::Bucket").keys()
    allowed = []
    for policy in policies:
        *allows, statement = policy["PolicyDocument"]["Statement"]
        allowed += [(each["Principal"]["Service"], each["Action"], each["Condition"]) for each in allows]
        assert (statement["Effect"], statement["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert all(queue["SqsManagedSseEnabled"] is True for queue in QUEUES.values())
    assert allowed == [  # the way of a mail
        ("sns.amazonaws.com", "sqs:SendMessage", {"ArnEquals": {"aws:SourceArn": {"Ref": "MailTopic"}}}),
        ("ses.amazonaws.com", "s3:PutObject", {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}),
    ]


def test_nobody_publishes_by_the_policy_that_a_topic_is_born_with_and_all_speak_tls() -> None:
    policies = of_type("AWS::SNS::TopicPolicy")
    topics = {each["Ref"] for policy in policies.values() for each in policy["Topics"]}
    assert topics == of_type("AWS::SNS::Topic").keys()
    allowed = {}
    for name, policy in policies.items():
        *allows, deny = policy["PolicyDocument"]["Statement"]
        assert (deny["Effect"], deny["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
        allowed[name] = [(each["Principal"], each["Condition"]) for each in allows]
    ours = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
    alarms = [({"Service": "cloudwatch.amazonaws.com"}, ours)]
    mails = [({"Service": "ses.amazonaws.com"}, ours)]
    assert allowed == {"AlarmTopicPolicy": alarms, "MailTopicPolicy": mails, "NotificationTopicPolicy": []}


def test_what_is_late_rings_an_alarm_and_is_drawn() -> None:
    alarms = {each["MetricName"]: each for each in of_type("AWS::CloudWatch::Alarm").values()}
    for metric in ("SlaBreached", "NoticeRefused"):
        assert alarms[metric]["Dimensions"] == [{"Name": "service", "Value": "sweeper"}]
    body = str(RESOURCES["Dashboard"]["Properties"]["DashboardBody"])
    for metric in ("SlaWarned", "SlaBreached", "SlaEscalated"):
        assert f'["Afterhours","{metric}","service","sweeper"]' in body


def test_topics_have_no_subscriber_unless_an_address_is_given() -> None:
    for name, parameter in (("AlarmSubscription", "AlarmEmail"), ("NotificationSubscription", "NotificationEmail")):
        assert RESOURCES[name]["Condition"] == f"Has{parameter}"
        assert TEMPLATE["Conditions"][f"Has{parameter}"] == {"Fn::Not": [{"Fn::Equals": [{"Ref": parameter}, ""]}]}
        assert TEMPLATE["Parameters"][parameter]["Default"] == ""
        assert RESOURCES[name]["Properties"]["Endpoint"] == {"Ref": parameter}


def test_nobody_signs_up_alone_and_the_client_is_public_with_a_code_grant() -> None:
    (pool,) = of_type("AWS::Cognito::UserPool").values()
    (client,) = of_type("AWS::Cognito::UserPoolClient").values()
    assert pool["AdminCreateUserConfig"] == {"AllowAdminCreateUserOnly": True}
    assert client["GenerateSecret"] is False
    assert client["AllowedOAuthFlows"] == ["code"]
    assert client["AllowedOAuthScopes"] == [
        "openid",
        TEMPLATE["Globals"]["Function"]["Environment"]["Variables"]["API_SCOPE"],
    ]


def test_functions_are_given_every_variable_that_settings_reads() -> None:
    tree = ast.parse((PACKAGE / "settings.py").read_text(encoding="utf-8"))
    calls = (node for node in ast.walk(tree) if isinstance(node, ast.Call) and ast.unparse(node.func) == "env")
    read = {ast.literal_eval(call.args[0]) for call in calls}
    given = TEMPLATE["Globals"]["Function"]["Environment"]["Variables"].keys()
    assert {name for name in read if not name.startswith("AFTERHOURS_")} <= given
    assert not [name for name in given if name.startswith("AFTERHOURS_")]


def test_every_alarm_of_ours_hears_a_metric_that_is_counted() -> None:
    heard = {
        (alarm["Dimensions"][0]["Value"], alarm["MetricName"])
        for alarm in of_type("AWS::CloudWatch::Alarm").values()
        if alarm["Namespace"] == "Afterhours"
    }
    counted = set()
    for path in [*(ROOT / "functions").glob("*.py"), *PACKAGE.rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) == "count":
                service, *names = (each.value for each in ast.walk(node) if isinstance(each, ast.Constant))
                counted |= {(service, name) for name in names}
    assert heard <= counted


def test_every_alarm_tells_the_topic_and_none_rings_for_silence() -> None:
    for name, alarm in of_type("AWS::CloudWatch::Alarm").items():
        assert alarm["AlarmActions"] == [{"Ref": "AlarmTopic"}], name
        assert alarm["TreatMissingData"] == "notBreaching", name
