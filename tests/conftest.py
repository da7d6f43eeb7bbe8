"""One clock and one AWS for all tests: the file seam of settings, and moto with the template's resources."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from afterhours import settings
from afterhours.channels import http, line, ses
from afterhours.stores import aws as clients
from afterhours.stores import config, secrets
from backend import STACK, Backend, Clock
from moto import mock_aws


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Clock]:
    file = tmp_path / "clock"
    monkeypatch.setenv("AFTERHOURS_LOCAL", "1")
    monkeypatch.setenv("AFTERHOURS_CLOCK", str(file))
    settings.load.cache_clear()
    yield Clock(file)
    settings.load.cache_clear()


@pytest.fixture
def aws(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[Backend]:
    for name, value in {
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "STACK_NAME": STACK,
        "THREADS_TABLE": f"{STACK}-threads",
        "CONFIG_TABLE": f"{STACK}-config",
        "OVERFLOW_BUCKET": f"{STACK}-overflow",
        "USER_POOL_ISSUER": "https://cognito-idp.eu-central-1.amazonaws.com/eu-central-1_test",
        "USER_POOL_CLIENT_ID": "test-client",
        "API_SCOPE": "afterhours/agent",
    }.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        _forget()
        backend = Backend()
        monkeypatch.setenv("INBOUND_QUEUE_URL", backend.inbound_url)
        settings.load.cache_clear()
        yield backend
        _forget()


def _forget() -> None:
    """Everything but the clients, which take half a second to make and work for every moto."""
    settings.load.cache_clear()
    if any("amazonaws.com" not in client.meta.endpoint_url for client in clients.made()):
        clients.clear()
    secrets.clear()
    config.clear()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The time-outs of every channel's sends, shortened: they all hold one object, but for LINE and SES."""
    patient = [(each, each.connect_s, each.total_s) for each in (http.LIMITS, line.LIMITS)]
    for limits, _, _ in patient:
        _bound(limits, 0.2, 0.4)
    monkeypatch.setattr(ses, "CONNECT_S", 0.2)
    monkeypatch.setattr(ses, "READ_S", 0.4)
    yield
    for each in patient:
        _bound(*each)


def _bound(limits: http.Limits, connect_s: float, total_s: float) -> None:
    object.__setattr__(limits, "connect_s", connect_s)
    object.__setattr__(limits, "total_s", total_s)
