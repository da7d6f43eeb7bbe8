"""WeChat in afterhours.yaml: the key of its safe mode, and what its customer service needs."""

import json
from pathlib import Path

import pytest
from afterhours_local import config, config_push

from .conftest import SECRETS

SEALED = "aes_key: env:WECHAT_AES_KEY, client_id: wx49f0ab532d5d0"
SERVED = "client_secret: env:WECHAT_SECRET"
APP = f"  - {{source: wechat, app: jadran-wechat, secrets: [env:WECHAT_TOKEN], {SEALED}, {SERVED}}}\n"
ACCOUNT = "  - {channel: wechat, id: jadran-wechat, app: jadran-wechat, inbox: support, customer_service: true}\n"
VALUES = {**SECRETS, "WECHAT_TOKEN": "t", "WECHAT_AES_KEY": "k" * 43, "WECHAT_SECRET": "s"}
TOKEN = "token/wechat/jadran-wechat"


@pytest.fixture
def with_wechat(files: Path) -> Path:
    text = files.read_text(encoding="utf-8")
    text = text.replace("accounts:\n", f"{APP}accounts:\n").replace("inboxes:\n", f"{ACCOUNT}inboxes:\n")
    files.write_text(text, encoding="utf-8")
    return files


def spoil(file: Path, old: str, new: str) -> None:
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_the_app_record_has_the_key_and_whom_it_is_sealed_for(with_wechat: Path) -> None:
    loaded = config.load(with_wechat)
    record = json.loads(config_push._app_parameters(loaded, loaded.secret_values(VALUES))["app/wechat/jadran-wechat"])
    assert record == {"secrets": ["t"], "aes_key": "k" * 43, "app_id": "wx49f0ab532d5d0"}


def test_customer_service_is_given_its_token_by_renewal(with_wechat: Path) -> None:
    loaded = config.load(with_wechat)
    record = json.loads(config_push._token_parameters(loaded, loaded.secret_values(VALUES))[TOKEN])
    assert (record["token"], record["client_id"], record["client_secret"]) == (
        config_push.NOT_YET,
        "wx49f0ab532d5d0",
        "s",
    )


def test_without_it_there_is_no_token_and_no_secret_is_needed(with_wechat: Path) -> None:
    spoil(with_wechat, ", customer_service: true", "")
    spoil(with_wechat, ", client_secret: env:WECHAT_SECRET", "")
    loaded = config.load(with_wechat)
    assert TOKEN not in config_push._token_parameters(loaded, loaded.secret_values(VALUES))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (", client_id: wx49f0ab532d5d0", "", "aes_key: is wechat's, and needs the app's AppID"),
        (", client_secret: env:WECHAT_SECRET", "", "customer_service: needs client_id and client_secret"),
        ("customer_service: true", "token: env:WECHAT_TOKEN", "token: is not used by wechat"),
        ("app: main, inbox: support", "app: main, customer_service: true, inbox: support", "is wechat's only; remove"),
        ("id: jadran-wechat", "id: another", "id: must be jadran-wechat"),
    ],
)
def test_what_does_not_fit_is_named(with_wechat: Path, old: str, new: str, message: str) -> None:
    spoil(with_wechat, old, new)
    with pytest.raises(config.ConfigError) as caught:
        config.load(with_wechat)
    assert any(message in str(problem) for problem in caught.value.problems), str(caught.value)
