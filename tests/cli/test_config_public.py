"""What afterhours.yaml must say of TikTok's and LinkedIn's accounts."""

from pathlib import Path

import pytest
from afterhours_local import config

APPS = (
    '  - {source: tiktok, app: videos, secrets: [env:S], client_id: "7300", client_secret: env:S}\n'
    "  - {source: linkedin, app: pages, secrets: [env:S]}\n"
)
ACCOUNTS = (
    "  - {channel: tiktok, id: act.jadran-1_2, app: videos, inbox: support, token: env:T, refresh: env:R}\n"
    "  - {channel: tiktok_comments, id: act.jadran-1_2, app: videos, inbox: support, page_id: hotel.jadran}\n"
    '  - {channel: linkedin, id: "2414183", app: pages, inbox: support, token: env:T, api_version: "202609"}\n'
)


@pytest.fixture
def public(files: Path) -> Path:
    text = files.read_text(encoding="utf-8")
    text = text.replace("accounts:\n", f"{APPS}accounts:\n").replace("inboxes:\n", f"{ACCOUNTS}inboxes:\n")
    files.write_text(text, encoding="utf-8")
    return files


def test_accounts_of_both_are_taken(public: Path) -> None:
    loaded = config.load(public)
    versions = {account.channel: account.api_version for account in loaded.accounts}
    assert (versions["linkedin"], versions["tiktok"]) == ("202609", "v25.0")
    assert {account.id for account in loaded.accounts if account.source == "tiktok"} == {"act.jadran-1_2"}


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (", page_id: hotel.jadran", "", "accounts[4].page_id: is missing: the account's own unique_identifier"),
        ('token: env:T, api_version: "202609"', 'api_version: "202609"', "accounts[5].token: is missing"),
        ('"202609"', '"202613"', "accounts[5].api_version: must be a version such as v25.0, or 202606 for LinkedIn"),
        (", refresh: env:R", "", "accounts[3].refresh: is missing; the token runs out"),
    ],
)
def test_what_is_wrong_is_named(public: Path, old: str, new: str, message: str) -> None:
    text = public.read_text(encoding="utf-8")
    assert text.count(old) == 1
    public.write_text(text.replace(old, new), encoding="utf-8")
    with pytest.raises(config.ConfigError) as error:
        config.load(public)
    assert message in str(error.value)
