"""Tokens that run out: what afterhours.yaml must say of them, and that a push never puts an old pair over a new one."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from afterhours.channels import SOURCE_OF
from afterhours.stores import aws as clients
from afterhours.stores import tokens
from afterhours_local import config, config_push
from afterhours_local.stack_config import Action, Resources, StackConfig
from backend import STACK, Backend

from .conftest import SECRETS

APP = (
    '  - {source: x, app: jadran-x, secrets: [env:X_API_SECRET], client_id: "id", client_secret: env:X_CLIENT_SECRET}\n'
)
PAIR = "token: env:X_TOKEN, refresh: env:X_REFRESH"
DIRECT = f'  - {{channel: x, id: "1983000000000000001", app: jadran-x, inbox: support, {PAIR}}}\n'
POSTS = '  - {channel: x_posts, id: "1983000000000000001", app: jadran-x, inbox: support}\n'
VALUES = {**SECRETS, "X_API_SECRET": "s", "X_CLIENT_SECRET": "c", "X_TOKEN": "t", "X_REFRESH": "r"}
NAME = "token/x/1983000000000000001"


@pytest.fixture
def with_x(files: Path) -> Path:
    text = files.read_text(encoding="utf-8")
    text = text.replace("accounts:\n", f"{APP}accounts:\n").replace("inboxes:\n", f"{DIRECT}{POSTS}inboxes:\n")
    files.write_text(text, encoding="utf-8")
    return files


def test_the_channels_of_an_account_share_a_pair_and_its_app(with_x: Path) -> None:
    loaded = config.load(with_x)
    parameters = config_push._token_parameters(loaded, loaded.secret_values(VALUES))
    assert [name for name in parameters if "x" in name.split("/")[1]] == [NAME]
    record = json.loads(parameters[NAME])
    assert {key: record[key] for key in ("token", "refresh", "client_id", "client_secret")} == {
        "token": "t",
        "refresh": "r",
        "client_id": "id",
        "client_secret": "c",
    }
    assert SOURCE_OF["x_posts"] == "x"


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (", refresh: env:X_REFRESH", "", "accounts[3].refresh: is missing; the token runs out"),
        (", token: env:X_TOKEN, refresh: env:X_REFRESH", "", "accounts[3].token: is missing; without it nothing"),
        ('client_id: "id", ', "", "accounts[3].app: jadran-x has no client_id"),
        (POSTS.strip(), POSTS.strip().replace("}", ", token: env:X_TOKEN}"), "accounts[4].token: stands at x already"),
        ("token: env:WA_TOKEN", "token: env:WA_TOKEN, refresh: env:A", "accounts[0].refresh: the tokens of whatsapp"),
    ],
)
def test_what_is_missing_to_renew_is_named(with_x: Path, old: str, new: str, message: str) -> None:
    text = with_x.read_text(encoding="utf-8")
    assert old in text
    with_x.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(config.ConfigError) as caught:
        config.load(with_x)
    assert any(message in str(problem) for problem in caught.value.problems), str(caught.value)


def test_a_push_leaves_a_renewed_pair_alone_and_takes_a_new_one(with_x: Path, aws: Backend) -> None:
    loaded, ssm = config.load(with_x), clients.client("ssm")
    resources = Resources(STACK, f"{STACK}-config", "", "", "", "")
    stack = StackConfig(
        resources, cast(Any, SimpleNamespace(ssm=ssm, dynamodb=clients.client("dynamodb"))), dry_run=False
    )

    def stored() -> dict[str, Any]:
        answer = ssm.get_parameter(Name=f"/{STACK}/{NAME}", WithDecryption=True)
        return dict(json.loads(answer["Parameter"]["Value"]))

    def push(**values: str) -> Action:
        parameters = config_push._token_parameters(loaded, loaded.secret_values({**VALUES, **values}))
        return stack.parameter(NAME, parameters[NAME]).action

    assert [push(), push()] == [Action.CREATED, Action.UNCHANGED]
    renewed = {**stored(), "token": "t2", "refresh": "r2", "renewed_at": 1, "expires_at": 2}
    aws.put_parameter(NAME, json.dumps(renewed))
    assert push() is Action.UNCHANGED
    assert push(X_CLIENT_SECRET="c2") is Action.UPDATED
    assert stored() == {**renewed, "client_secret": "c2"}
    assert tokens.lease("x", "1983000000000000001", "a", None, 0)
    assert tokens.settle("x", "1983000000000000001", "a", state="lost", mark="m", renewed_at=1, expires_at=2)
    assert push(X_TOKEN="t3", X_REFRESH="r3") is Action.UPDATED
    assert set(tokens.standing("x", "1983000000000000001") or {}) == {"pk", "sk"}
    assert stored()["refresh"] == "r3"
    assert "expires_at" not in stored()
