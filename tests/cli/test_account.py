"""`afterhours account`: the lines that it writes, and what it finds at the fakes of the platforms."""

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from afterhours import channels
from afterhours.channels.contract import Request
from afterhours.models import Account
from afterhours_local import (
    account_checks,
    account_connect,
    account_edits,
    account_file,
    account_guides,
    config,
    config_push,
)
from afterhours_local.account_checks import Known
from afterhours_local.cli import app
from afterhours_local.platforms.fake import Delivered, FakeAccount, FakePlatform
from afterhours_local.platforms.graph import FakeAccount as GraphAccount
from afterhours_local.platforms.graph import FakeGraph
from afterhours_local.platforms.line import FakeLine
from afterhours_local.platforms.linkedin import FakeLinkedIn
from afterhours_local.platforms.server import GraphServer
from afterhours_local.platforms.telegram import FakeTelegram
from afterhours_local.platforms.tiktok import FakeTikTok
from afterhours_local.platforms.viber import FakeViber
from afterhours_local.platforms.wechat import FakeWechat
from afterhours_local.platforms.x import FakeX
from afterhours_local.stack_config import StackConfig
from backend import Clock
from moto import mock_aws
from typer.testing import CliRunner

from .conftest import SECRETS
from .test_config_push import STACK, _made

AT = 1784060100000
DAY_S = 86_400
TOKENS = {
    "telegram": "4200000001:the-telegram-token",
    "line": "the-line-token",
    "viber": "the-viber-token",
    "x": "the-x-token",
    "tiktok": "the-tiktok-token",
    "linkedin": "the-linkedin-token",
}
run = CliRunner().invoke
TELEGRAM = ("telegram", "--id", "jadran-bot", "--token", "env:TG_TOKEN", "--secret", "env:TG_SECRET")


def account(*arguments: object, input: str | None = None) -> Any:
    return run(app, ["account", *map(str, arguments)], input=input)


@pytest.fixture
def secrets_here(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SECRETS.items():
        monkeypatch.setenv(name, value)


# --- list


def test_the_accounts_of_a_file_are_listed_with_their_webhooks_and_what_they_lack(
    files: Path, secrets_here: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("WA_TOKEN")
    result = account("list", files, "--url", "https://api.example.org/", "--json")
    rows = json.loads(result.stdout)["accounts"]
    assert [(row["channel"], row["webhook"], row["missing"]) for row in rows] == [
        ("whatsapp", "https://api.example.org/hook/meta/main", ["env:WA_TOKEN"]),
        ("messenger", "https://api.example.org/hook/meta/main", []),
        ("webchat", "https://api.example.org/webchat/shop", []),
    ]
    assert "lacks env:WA_TOKEN" in account("list", files).stdout
    assert not any(secret in result.output for secret in SECRETS.values())


def test_a_file_and_a_stack_at_once_are_not_taken_and_neither_is_none(files: Path) -> None:
    assert account("list", files, "--local").exit_code == 2
    assert account("list").exit_code == 2
    assert "no local stack is up" in account("check", "--local").stderr


def test_a_stack_is_known_as_it_was_pushed_with_the_tokens_as_they_were_renewed(
    files: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with mock_aws():
        stack = _made()
        stack.push(files)
        held = f"/{STACK}/token/whatsapp/106540352242922"
        renewed = json.dumps({"token": "the-new-token", "expires_at": AT})
        stack.ssm.put_parameter(Name=held, Value=renewed, Type="SecureString", Overwrite=True)
        stack.ssm.delete_parameter(Name=f"/{STACK}/token/messenger/1234567890")
        known = {
            each.account.channel: each
            for each in account_checks.of_stack(StackConfig(stack.resources, stack, dry_run=True))
        }
    assert {channel: each.missing for channel, each in known.items()} == {
        "messenger": ("token/messenger/1234567890",), "webchat": (), "whatsapp": ()}  # fmt: skip
    assert (known["whatsapp"].token, known["whatsapp"].expires_at) == ("the-new-token", AT // 1000)
    assert known["webchat"].credentials["secrets"] == ["the-webchat-secret"]
    assert "the-new-token" not in repr(known)


# --- add and remove


def test_an_account_is_added_with_its_app_and_every_comment_stays(files: Path, secrets_here: None) -> None:
    text = files.read_text(encoding="utf-8").replace("inboxes:", "# who answers\ninboxes:  # two of them")
    files.write_text(text, encoding="utf-8")
    result = account("add", files, *TELEGRAM, "--inbox", "support", "--name", "Hotel Jadran", "--yes")
    assert result.exit_code == 0, result.output
    added = [line for line in files.read_text(encoding="utf-8").splitlines() if line not in text.splitlines()]
    assert added == [
        "  - {source: telegram, app: jadran-bot, secrets: [env:TG_SECRET]}",
        "  - {channel: telegram, id: jadran-bot, app: jadran-bot, inbox: support, token: env:TG_TOKEN,"
        ' name: "Hotel Jadran"}',
    ]
    assert [line for line in files.read_text(encoding="utf-8").splitlines() if line not in added] == text.splitlines()
    assert "+  - {channel: telegram" in result.stdout
    assert "/hook/telegram/jadran-bot" in result.stdout
    assert config.load(files).accounts[-1].token == "env:TG_TOKEN"
    assert sorted(each.name for each in files.parent.iterdir()) == [
        "afterhours.yaml", "hotel.playbook.yaml", "page.token"]  # fmt: skip


def test_added_and_removed_the_file_is_as_it_was(files: Path) -> None:
    before = files.read_bytes()
    assert account("add", files, *TELEGRAM, "--inbox", "support", "--yes").exit_code == 0
    result = account("remove", files, "telegram", "jadran-bot", "--yes", "--json")
    assert files.read_bytes() == before
    assert "deleteWebhook" in json.loads(result.stdout)["next"][0]


def test_the_app_of_others_stays_and_a_file_by_windows_keeps_its_line_ends(files: Path) -> None:
    files.write_bytes(files.read_bytes().replace(b"\n", b"\r\n"))
    assert account("remove", files, "messenger", "1234567890", "--yes").exit_code == 0
    found = config.load(files)
    assert [each.channel for each in found.accounts] == ["whatsapp", "webchat"]
    assert [each.app for each in found.apps] == ["main", "shop"]
    assert files.read_bytes().count(b"\n") == files.read_bytes().count(b"\r\n")


def test_an_entry_written_over_several_lines_goes_whole(files: Path) -> None:
    old = "  - {channel: webchat, id: shop, app: shop, inbox: support}\n"
    new = "  - channel: webchat  # the shop\n    id: shop\n    # its app\n    app: shop\n    inbox: support\n"
    files.write_text(files.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
    assert account("remove", files, "webchat", "shop", "--yes").exit_code == 0
    assert "shop" not in files.read_text(encoding="utf-8")


def test_without_a_yes_nothing_is_written(files: Path) -> None:
    before = files.read_bytes()
    for command in (("add", files, *TELEGRAM, "--inbox", "support"), ("remove", files, "webchat", "shop")):
        result = account(*command, input="n\n")
        assert (result.exit_code, files.read_bytes()) == (1, before)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("telegramm",), "there is no channel telegramm; known: whatsapp, "),
        (("telegram", "--id", "bot"), "--inbox: is missing; known: support, sales"),
        (("telegram", "--id", "bot", "--inbox", "support", "--secret", "env:A"),
         ":9: accounts[3].token: is missing; without it nothing can be sent: env:NAME"),
        (("telegram", "--id", "bot", "--inbox", "support", "--token", "123:the-secret-itself"),
         "must say where the secret is, never the secret itself"),
        (("line", "--id", "bot", "--inbox", "nobody", "--token", "env:A", "--secret", "env:B"),
         "accounts[3].inbox: there is no inbox nobody; known: sales, support"),
        (("whatsapp", "--id", "106540352242922", "--app", "main", "--inbox", "support", "--token", "env:A"),
         "accounts[3]: whatsapp 106540352242922 stands twice; first on line 5"),
        (("instagram", "--id", "17841400000000001", "--inbox", "support", "--token", "env:A"),
         "accounts[3].page_id: is missing"),
    ],
)  # fmt: skip
def test_what_would_be_wrong_is_said_by_line_and_field_and_not_written(
    files: Path, arguments: tuple[str, ...], said: str
) -> None:
    before = files.read_bytes()
    result = account("add", files, *arguments, "--yes")
    assert (result.exit_code, files.read_bytes()) == (2, before)
    assert said in result.stderr
    assert "the-secret-itself" not in result.output
    assert [each.name for each in files.parent.glob(".*")] == []


def test_what_is_missing_is_asked_for_with_where_it_stands(files: Path) -> None:
    answers = ["jadran-line", "env:LINE_TOKEN", "support", "env:LINE_SECRET", "y"]
    result = account("add", files, "line", "--ask", input="\n".join(answers) + "\n")
    assert result.exit_code == 0, result.output
    assert "LINE Developers" in result.stderr
    assert config.load(files).accounts[-1].id == "jadran-line"


def test_a_section_on_one_line_is_left_to_people(files: Path) -> None:
    files.write_text("accounts: []\n", encoding="utf-8")
    with pytest.raises(account_file.NotEditable, match="add this to it by hand"):
        account_file.added(files, [("accounts", {"channel": "line", "id": "no", "name": "1: {a}"})])
    assert account_file.line({"id": "123", "name": "1: {a}", "x": "true"}) == '{id: "123", name: "1: {a}", x: "true"}'


def test_guides_and_calls_are_of_channels_that_there_are() -> None:
    assert set(account_guides.GUIDES) <= set(channels.CHANNELS)
    assert all(name in account_guides.GUIDES for name in account_connect.CALLS)


def test_a_channel_without_a_guide_is_added_all_the_same(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(account_guides.GUIDES, "line")
    given = ("--id", "jadran-line", "--inbox", "support", "--token", "env:LINE_TOKEN", "--secret", "env:LINE_SECRET")
    result = account("add", files, "line", *given, "--yes")
    assert (result.exit_code, "deliver: <ApiUrl>/hook/line/jadran-line" in result.stdout) == (0, True)
    assert account("remove", files, "line", "jadran-line", "--yes").exit_code == 0


# --- check and connect, at the fakes


class Platforms:
    """Fakes behind one server, an account of each, and what we know of them."""

    def __init__(self) -> None:
        self.posted: list[tuple[str, int]] = []
        self.graph = FakeGraph(lambda: AT)
        kinds: list[type[FakePlatform]] = [FakeTelegram, FakeLine, FakeViber, FakeX, FakeTikTok, FakeWechat]
        self.others = {kind.NAME: kind(lambda: AT, self._deliver) for kind in kinds}
        for name, fake in self.others.items():
            hook = f"http://127.0.0.1/hook/{name}/jadran"
            of_app = {"client_id": "the-client", "client_secret": "the-secret", "refresh": "a-refresh-token"}
            fake.register(FakeAccount(name, "jadran", TOKENS.get(name, ""), "the-secret", hook, **of_app))
            if name == "tiktok":  # its comments go where the app says, with the same token
                comments = FakeAccount("tiktok_comments", "jadran", "the-secret", "the-secret", hook, **of_app)
                fake.register(comments)
        self.others["linkedin"] = pages = FakeLinkedIn(lambda: AT, self._deliver)
        pages.register(
            FakeAccount(
                "linkedin", "2414183", TOKENS["linkedin"], "the-secret", "http://127.0.0.1/hook/linkedin/jadran"
            )
        )
        for channel in ("whatsapp", "messenger", "instagram", "facebook_comments"):
            login = "instagram" if channel == "instagram" else "page"
            hook = "http://127.0.0.1/hook/meta/main"
            self.graph.register(GraphAccount(channel, "1234567890", f"the-{channel}-token", "the-secret", hook, login))
        self.server = GraphServer(self.graph, others=self.others.values())

    def _deliver(self, method: str, url: str, headers: Any, body: bytes) -> Delivered:
        self.posted.append((url, len(body)))
        return Delivered(200, b"")

    def known(self, channel: str, token: str | None = None, **changes: Any) -> Known:
        source = channels.SOURCE_OF[channel]
        meta = source == "meta"
        base = self.server.url if meta else f"{self.server.url}/{source}"
        there = {"id": "1234567890", "app": "main", "source": "meta"} if meta else {"id": "jadran", "app": "jadran"}
        there |= {"id": "2414183"} if channel == "linkedin" else {}
        login = {"login": "instagram"} if channel == "instagram" else {}
        fields = {"source": source, **there, **login, "inbox": "support", "api_base": base, **changes}
        right = self._given() if channel == "wechat" else TOKENS.get(source, f"the-{channel}-token")
        app = {"secrets": ["the-secret"], "client_id": "the-client"}
        return Known(Account(channel=channel, **fields), token or right, app)

    def _given(self) -> str:
        """WeChat gives its tokens for the app's secret."""
        asked = {"grant_type": "client_credential", "appid": "the-client", "secret": "the-secret"}
        reply = self.others["wechat"].answer("POST", "/cgi-bin/stable_token", {}, json.dumps(asked).encode())
        assert reply
        return str(json.loads(reply.body)["access_token"])

    def findings(self, channel: str, *, base: str = "", **known: Any) -> dict[str, tuple[bool | None, str]]:
        asked = self.known(channel, **known)
        found = list(account_checks._with_the_platform(asked, base, AT // 1000))
        assert all(one.remedy for one in found if one.ok is False)
        return {one.what: (one.ok, one.detail) for one in found}


@pytest.fixture
def platforms(clock: Clock) -> Iterator[Platforms]:
    made = Platforms()
    with made.server:
        yield made


CHECKED = [
    *("whatsapp", "messenger", "instagram", "facebook_comments", "telegram", "line", "viber", "x", "x_posts"),
    *("tiktok", "tiktok_comments", "linkedin", "wechat"),
]


@pytest.mark.parametrize("channel", CHECKED)
def test_an_account_that_is_well_is_found_so(platforms: Platforms, channel: str) -> None:
    found = platforms.findings(channel, base="http://127.0.0.1")
    assert found.pop("token") == (True, "fine")
    assert all(ok for ok, _ in found.values())


@pytest.mark.parametrize("channel", CHECKED)
def test_a_token_that_is_not_valid_is_found(platforms: Platforms, channel: str) -> None:
    wrong = "4200000001:another" if channel == "telegram" else "another"
    assert platforms.findings(channel, token=wrong) == {"token": (False, "token_invalid")}
    assert platforms.findings(channel, token="no header holds this\n") == {"token": (False, "token_invalid")}


@pytest.mark.parametrize("channel", CHECKED)
def test_where_nobody_answers_nothing_is_known(platforms: Platforms, channel: str) -> None:
    found = platforms.findings(channel, api_base="http://127.0.0.1:1")
    assert found == {"token": (None, "unreachable")}


def test_a_number_that_the_token_does_not_open_is_found(platforms: Platforms) -> None:
    assert platforms.findings("whatsapp", id="99") == {"token": (False, "permission_missing")}


@pytest.mark.parametrize("channel", ["messenger", "instagram"])
def test_a_lost_subscription_is_found_and_had_again(platforms: Platforms, channel: str) -> None:
    platforms.graph.subscribed.lose("1234567890")
    assert platforms.findings(channel)["subscription"] == (False, "not_subscribed")
    assert account_connect.connect(platforms.known(channel), "https://api.example.org/hook/meta/main") == ""
    assert platforms.findings(channel)["subscription"] == (True, "fine")


@pytest.mark.parametrize("channel", ["telegram", "line", "tiktok", "tiktok_comments"])
def test_a_webhook_that_points_elsewhere_is_found_and_set_right(platforms: Platforms, channel: str) -> None:
    base = "https://api.example.org"
    assert platforms.findings(channel, base=base)["subscription"] == (False, "elsewhere")
    known = platforms.known(channel)
    assert account_connect.connect(known, f"{base}{known.hook}") == ""
    assert platforms.findings(channel, base=base)["subscription"] == (True, f"{base}{known.hook}")
    assert platforms.others[known.account.source].account(channel, "jadran").secret == "the-secret"


@pytest.mark.parametrize(("channel", "account_id"), [("tiktok", "jadran"), ("linkedin", "2414183")])
def test_what_is_delivered_nowhere_is_found(platforms: Platforms, channel: str, account_id: str) -> None:
    fake = platforms.others[channel]
    fake.register(replace(fake.account(channel, account_id), webhook_url=""))
    assert platforms.findings(channel)["subscription"] == (False, "not_subscribed")


@pytest.mark.parametrize("credentials", [{"client_id": "another"}, {"secrets": ["another"]}])
def test_an_app_that_tiktok_does_not_know_is_found(platforms: Platforms, credentials: dict[str, Any]) -> None:
    known = platforms.known("tiktok")
    known = replace(known, credentials={**known.credentials, **credentials})
    found = {one.what: one for one in account_checks._with_the_platform(known, "", AT // 1000)}
    assert (found["token"].ok, found["subscription"].detail) == (True, "app_refused")
    assert "40001" not in account_connect.connect(known, "https://api.example.org/hook/tiktok/jadran")
    assert "app_id or secret is wrong" in account_connect.connect(known, "https://api.example.org/hook/tiktok/jadran")


def test_a_file_without_the_app_s_id_leaves_tiktoks_callback_alone(platforms: Platforms) -> None:
    known = platforms.known("tiktok")
    [token] = account_checks._with_the_platform(replace(known, credentials={"secrets": ["the-secret"]}), "", 0)
    assert (token.what, token.ok) == ("token", True)


def test_a_page_of_others_and_a_retired_version_are_found(platforms: Platforms) -> None:
    assert platforms.findings("linkedin", id="99") == {"token": (False, "permission_missing")}
    assert platforms.findings("linkedin", api_version="202501") == {"token": (False, "version_retired")}


@pytest.mark.parametrize(
    ("fault", "found"),
    [("40164", (False, "ip_not_allowed")), ("42001", (False, "token_invalid")), ("45009", (None, "rate_limited")),
     ("48001", (False, "permission_missing")), ("-1", (None, "unreachable"))],
)  # fmt: skip
def test_what_wechat_says_of_a_token_has_its_word(
    platforms: Platforms, fault: str, found: tuple[bool | None, str]
) -> None:
    platforms.others["wechat"].misbehave(fault)
    assert platforms.findings("wechat") == {"token": found}


def test_a_token_that_the_sweeper_has_not_had_yet_is_no_wrong_one(platforms: Platforms) -> None:
    assert platforms.findings("wechat", token=config_push.NOT_YET) == {"token": (None, "not_renewed_yet")}


def test_viber_asks_our_endpoint_while_it_is_told_where_it_is(platforms: Platforms) -> None:
    known = platforms.known("viber")
    assert account_connect.connect(known, "http://127.0.0.1/hook/viber/jadran") == ""
    assert [url for url, _ in platforms.posted] == ["http://127.0.0.1/hook/viber/jadran"]
    assert "invalidUrl" in account_connect.connect(known, "https://api.example.org/hook/viber/jadran")


@pytest.mark.parametrize("channel", ["line", "messenger", "telegram", "viber"])
def test_a_platform_that_refuses_says_why_and_no_token_is_shown(platforms: Platforms, channel: str) -> None:
    wrong = "4200000001:another" if channel == "telegram" else "another"
    said = account_connect.connect(platforms.known(channel, token=wrong), "https://api.example.org/hook")
    assert said
    assert wrong not in said
    assert account_connect.connect(platforms.known(channel, token="a\nb"), "https://a.example") == "token_invalid"


@pytest.mark.parametrize(
    ("left_s", "renewed", "found"),
    [(-1, True, "token_ended"), (3 * DAY_S, False, "token_ends_soon"), (3600, True, "good for 60 minutes"),
     (300, True, "token_ends_soon"), (60 * DAY_S, False, "good for 60 days")],
)  # fmt: skip
def test_the_end_of_a_token_is_told_in_time(left_s: int, renewed: bool, found: str) -> None:
    asked = Known(Account(channel="x", id="1", app="main", source="x", inbox="support"), renewed=renewed,
                  expires_at=AT // 1000 + left_s)  # fmt: skip
    assert [one.detail for one in account_checks._with_the_platform(asked, "", AT // 1000)] == [found]


# --- our own endpoint


class Endpoint:
    """Answers handshakes as the webhook function does, with these credentials; all that is posted is refused."""

    def __init__(self, credentials: dict[str, Any]) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                source = channels.source(parts.path.split("/")[2])
                answer = source.handshake(Request("GET", {}, query, b""), credentials)
                self._say(answer.status, answer.body.encode())

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["content-length"]))
                self._say(401, b"unauthorized")

            def _say(self, status: int, body: bytes) -> None:
                self.send_response(status)
                self.send_header("content-length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self._thread.start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    made = Endpoint({"secrets": ["the-app-secret"], "verify_token": "the-verify-token"})
    yield made
    made.close()


@pytest.mark.parametrize("source", ["meta", "x", "linkedin", "telegram", "line", "viber", "tiktok"])
def test_our_endpoint_is_asked_as_the_platform_would(endpoint: Endpoint, source: str) -> None:
    channel = "whatsapp" if source == "meta" else source
    there = Account(channel=channel, id="main", app="main", source=source, inbox="support")
    right = Known(there, None, {"secrets": ["the-app-secret"], "verify_token": "the-verify-token"})
    [_, webhook] = account_checks.findings(right, endpoint.url, 0)
    assert (webhook.what, webhook.ok, webhook.detail) == ("webhook", True, f"{endpoint.url}/hook/{source}/main")
    wrong = Known(there, None, {"secrets": ["another"], "verify_token": "another"})
    [_, webhook] = account_checks.findings(wrong, endpoint.url, 0)
    assert webhook.ok is (source not in ("meta", "x", "linkedin"))  # the others sign what they post
    [_, webhook] = account_checks.findings(right, "http://127.0.0.1:1", 0)
    assert webhook.ok is None


def test_a_check_of_a_file_says_what_is_missing_and_where_to_paste_and_no_secret(
    files: Path, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("META_APP_SECRET", "the-app-secret")
    monkeypatch.setenv("META_VERIFY_TOKEN", "the-verify-token")
    monkeypatch.delenv("WA_TOKEN", raising=False)
    result = account("check", files, "--url", endpoint.url, "--channel", "whatsapp")
    assert result.exit_code == 1
    assert "WRONG  secrets       env:WA_TOKEN" in result.stdout
    assert f"ok     webhook       {endpoint.url}/hook/meta/main" in result.stdout
    assert f"callback URL {endpoint.url}/hook/meta/main" in result.stdout
    assert "the-app-secret" not in result.output
    found = json.loads(account("check", files, "--url", endpoint.url, "--channel", "whatsapp", "--json").stdout)
    assert (found["ok"], [one["what"] for one in found["accounts"][0]["findings"]]) == (False, ["secrets", "webhook"])


def test_a_channel_without_such_a_call_says_what_to_paste(files: Path) -> None:
    result = account("connect", "whatsapp", "106540352242922", "--file", files, "--url", "https://a.example")
    assert (result.exit_code, "callback URL https://a.example/hook/meta/main" in result.stderr) == (2, True)
    assert account("connect", "line", "nobody", "--file", files).exit_code == 2


def test_linkedins_guide_is_the_whole_call() -> None:
    page = Account(channel="linkedin", id="2414183", app="pages", source="linkedin", inbox="support")
    said = account_edits.paste(page, "https://a.example")
    assert "entity:urn%3Ali%3Aorganization%3A2414183,eventType:ORGANIZATION_SOCIAL_ACTION_NOTIFICATIONS" in said
    assert '{"webhook": "https://a.example/hook/linkedin/pages"}' in said
