"""wechatpy as a second implementation: it signs and seals what we open, and reads what we and our fake write."""

from pathlib import Path

import pytest
from afterhours.channels import wechat, wechat_crypto, wechat_source
from afterhours.channels.contract import Request, Said
from afterhours.models import Kind
from afterhours_local.platforms.fake import Delivered, FakeAccount
from afterhours_local.platforms.wechat import FakeWechat
from wechatpy import create_reply, parse_message
from wechatpy.crypto import WeChatCrypto
from wechatpy.exceptions import InvalidSignatureException
from wechatpy.utils import WeChatSigner, check_signature

EVENTS = Path(__file__).parents[2] / "events" / "wechat"
TOKEN, KEY, APP_ID = "localFakeWechatToken", "localFakeWechatEncodingAESKeyLocalFakeWecha", "wx49f0ab532d5d0"
OPENID, US, NOW = "oV5CrjpxgaGXNHIQigzNlgLTnwic", "gh_4d00ed8d6399", 1_794_391_200_000
STAMP, NONCE = str(NOW // 1000), "437374425"
SEALING = {"secrets": [TOKEN], "aes_key": KEY, "app_id": APP_ID}
READ = {
    "text": "text",
    "menu-choice": "text",
    "image": "image",
    "voice-recognised": "voice",
    "click": "click",
    "event-subscribe": "subscribe",
    "event-unsubscribe": "unsubscribe",
    "event-view": "view",
}


@pytest.fixture
def sdk() -> WeChatCrypto:
    return WeChatCrypto(TOKEN, KEY, APP_ID)


def test_each_accepts_the_others_signature() -> None:
    ours = wechat_source.signed_query(TOKEN, STAMP, NONCE)
    check_signature(TOKEN, ours["signature"], STAMP, NONCE)
    with pytest.raises(InvalidSignatureException):
        check_signature("another", ours["signature"], STAMP, NONCE)
    signer = WeChatSigner()
    signer.add_data(TOKEN, STAMP, NONCE)
    theirs = {"signature": signer.signature, "timestamp": STAMP, "nonce": NONCE}
    assert wechat_source.verify(Request("POST", {}, theirs, b""), [TOKEN])


@pytest.mark.parametrize("name", READ)
def test_it_reads_our_samples_as_we_do(name: str) -> None:
    document = (EVENTS / f"{name}.xml").read_bytes()
    theirs = parse_message(document)
    [piece] = wechat_source.split(document)
    ours = wechat.normalise(piece)
    assert (theirs.event if theirs.type == "event" else theirs.type) == READ[name]
    assert (theirs.source, theirs.target, theirs.id or None) == (
        ours.sender_id,
        ours.recipient_id,
        int(ours.message_id) if ours.message_id else None,
    )
    if theirs.type == "text":
        assert theirs.content == ours.text


def test_what_it_seals_we_open(sdk: WeChatCrypto) -> None:
    document = (EVENTS / "text.xml").read_text(encoding="utf-8")
    body = sdk.encrypt_message(document, NONCE, STAMP).encode()
    outer = wechat_source.fields_of(body)
    query = {"msg_signature": outer["MsgSignature"], "timestamp": STAMP, "nonce": NONCE, "encrypt_type": "aes"}
    request = Request("POST", {}, query, body)
    assert wechat_source.verify(request, [TOKEN])
    assert wechat_source.opened(request, SEALING).decode() == document


def test_what_we_answer_sealed_it_opens_and_reads(sdk: WeChatCrypto) -> None:
    [piece] = wechat_source.split((EVENTS / "text.xml").read_bytes())
    said = Said("]]> Dobar dan 早", [], "Hotel", NOW, bytes(range(32)))
    answer = wechat_source.answer(piece, said, SEALING).body
    outer = wechat_source.fields_of(answer.encode())
    plain = sdk.decrypt_message(answer, outer["MsgSignature"], outer["TimeStamp"], outer["Nonce"])
    read = parse_message(plain)
    assert (read.content, read.source, read.target) == ("]]> Dobar dan 早", US, OPENID)


def test_our_reply_says_what_its_own_would() -> None:
    document = (EVENTS / "text.xml").read_bytes()
    [piece] = wechat_source.split(document)
    ours = wechat_source.answer(piece, Said("Da", [], "Hotel", NOW, bytes(32)), {"secrets": [TOKEN]}).body
    theirs = create_reply("Da", parse_message(document)).render()
    read = [wechat_source.fields_of(each.encode()) for each in (ours, theirs)]
    assert [{**each, "CreateTime": ""} for each in read] == [{**read[0], "CreateTime": ""}] * 2


def test_it_opens_what_our_fake_delivers(sdk: WeChatCrypto) -> None:
    taken: list[tuple[str, bytes]] = []

    def deliver(method: str, url: str, headers: object, body: bytes) -> Delivered:
        taken.append((url, body))
        return Delivered(200, b"success")

    fake = FakeWechat(lambda: NOW, deliver)
    hook = "https://hook.example/hook/wechat/app"
    fake.register(FakeAccount("wechat", "app", "", TOKEN, hook, KEY, client_id=APP_ID))
    fake.say("wechat", "app", OPENID, "Hello")
    [(url, body)] = taken
    query = dict(part.split("=") for part in url.partition("?")[2].split("&"))
    plain = sdk.decrypt_message(body.decode(), query["msg_signature"], query["timestamp"], query["nonce"])
    assert parse_message(plain).content == "Hello"
    assert wechat_crypto.unsealed(wechat_source.fields_of(body)["Encrypt"], KEY, APP_ID).decode() == plain


def test_kinds_agree_on_who_follows() -> None:
    [piece] = wechat_source.split((EVENTS / "event-subscribe.xml").read_bytes())
    assert wechat.normalise(piece).kind is Kind.FOLLOW
