"""Mails come in through SES, are answered once where they may be, and never where a machine wrote them."""

from email.message import EmailMessage
from urllib.parse import quote

import pytest
from afterhours_local.platforms.email import FakeSes, Trouble, bounce_of
from afterhours_local.platforms.spoilt import Spoilt
from world import AFTER_LEASES, Ulid, World

US, MARA = "support@hotel-jadran.example", "mara@customer.example"


@pytest.fixture
def ses(world: World) -> FakeSes:
    fake = world.sandbox.others["email"]
    assert isinstance(fake, FakeSes)
    return fake


def say(world: World, ses: FakeSes, text: str, **how: object) -> str:
    said = ses.say("email", US, MARA, text, name="Mara", **how)  # type: ignore[arg-type]
    world.stack.drain()
    return said.message_id


def take_in(world: World, ses: FakeSes, mail: EmailMessage, envelope: str = MARA, **how: object) -> None:
    ses.take_in(mail.as_bytes(), envelope=envelope, recipients=[US], **how)  # type: ignore[arg-type]
    world.stack.drain()


def pk(world: World, contact: str = MARA) -> str:
    return world.pk(contact, "email")


def reasons(world: World, contact: str = MARA) -> list[tuple[str, str]]:
    return [(event["rule"], event["reason"]) for event in world.events(pk(world, contact))]


def test_a_mail_is_answered_once_and_the_answer_of_a_machine_is_not(world: World, ses: FakeSes, ulid: Ulid) -> None:
    ses.away.add(MARA)
    say(world, ses, "I want to talk to a person.", subject="Booking 4711")
    [mail] = ses.mails
    assert (mail["To"], mail["From"]) == (MARA, f"Hotel Jadran <{US}>")
    assert mail["Subject"] == "Re: Booking 4711"
    assert mail["In-Reply-To"] == mail["References"] == "<c1@mail.example>"
    assert (mail["Auto-Submitted"], mail["X-Auto-Response-Suppress"]) == ("auto-replied", "All")
    assert ses.deliver_pending() == 1  # the customer is away
    world.stack.drain()
    assert reasons(world) == [("wants_a_person", "asked_for_a_person"), ("not_answerable", "auto_submitted")]
    assert len(ses.mails) == 1
    ana = world.agent()
    thread = ana.pull()
    assert thread
    assert (thread["channel"], thread["account"], thread["contact"]["name"]) == ("email", US, "Mara")
    assert thread["id"] == f"email.{US}.{pk(world).rpartition('#')[2]}"
    assert ana.call("GET", f"/api/threads/{quote(thread['id'], safe='')}")[0] == 200
    assert ana.reply(thread, "Ana here. How can I help?", ulid())[0] == 202
    world.stack.drain()
    _, by_ana = ses.mails
    assert by_ana.get_content() == "Ana here. How can I help?\n"
    assert (by_ana["Subject"], by_ana["In-Reply-To"]) == ("Re: Booking 4711", "<c1@mail.example>")
    assert by_ana["Auto-Submitted"] is None
    assert world.head(pk(world))["status"] == "waiting"
    take_in(world, ses, ses.answer_to(by_ana, "Thank you, I need a second key."))
    [answered] = [event for event in world.events(pk(world)) if event.get("reply_to_id") == ses.sent[-1].platform_id]
    assert answered["text"] == "Thank you, I need a second key."
    assert world.head(pk(world))["status"] == "open"


def test_the_same_notice_again_is_stored_and_answered_once(world: World, ses: FakeSes) -> None:
    ses.mailbox.put("mail/again", ses.letter(MARA, US, "Hello").as_bytes())
    for _ in range(3):
        ses.mailbox.tell(ses.notice("again", MARA, [US]))
    world.stack.drain()
    assert len(world.events(pk(world))) == 1
    assert len(ses.mails) == 1


@pytest.mark.parametrize(
    ("headers", "reason"),
    [
        ({"Auto-Submitted": "auto-generated; owner-email=x"}, "auto_submitted"),
        ({"Precedence": "bulk"}, "bulk_mail"),
        ({"List-Id": "<news.shop.example>"}, "list_mail"),
        ({"List-Unsubscribe": "<https://shop.example/u>"}, "list_mail"),
        ({"X-Autoreply": "yes"}, "auto_reply"),
        ({"X-Loop": US}, "mail_loop"),
        ({"From": "no-reply@customer.example"}, "no_reply_address"),
        ({"From": US}, "our_own"),
    ],
)
def test_what_a_machine_wrote_is_stored_with_the_reason_and_waits_for_nobody(
    world: World, ses: FakeSes, headers: dict[str, str], reason: str
) -> None:
    sender = headers.get("From", MARA)
    mail = ses.letter(sender, US, "I want to talk to a person.", headers=headers)
    take_in(world, ses, mail)
    [event] = world.events()
    assert (event["rule"], event["reason"], event.get("handoff", [])) == ("not_answerable", reason, [])
    assert ses.mails == []
    assert world.agent().pull() is None


@pytest.mark.parametrize(
    ("headers", "verdicts", "reason"),
    [
        ({"X-Auto-Response-Suppress": "OOF, AutoReply"}, {}, "asks_for_no_reply"),
        ({"To": "somebody@customer.example"}, {}, "not_addressed"),
        ({}, {"dmarc": "FAIL"}, "dmarc_failed"),
    ],
)
def test_what_no_machine_may_answer_waits_for_a_person(
    world: World, ses: FakeSes, headers: dict[str, str], verdicts: dict[str, str], reason: str
) -> None:
    take_in(world, ses, ses.letter(MARA, US, "Is the pool open?", headers=headers), verdicts=verdicts)
    assert reasons(world) == [("not_answerable", reason)]
    assert world.head(pk(world))["handoff_reasons"] == [reason]
    assert ses.mails == []
    assert world.agent().pull() is not None


@pytest.mark.parametrize(("verdict", "reason"), [("spam", "spam_verdict"), ("virus", "virus")])
def test_spam_and_viruses_are_stored_and_that_is_all(world: World, ses: FakeSes, verdict: str, reason: str) -> None:
    take_in(world, ses, ses.letter(MARA, US, "I want a person"), verdicts={verdict: "FAIL"})
    assert reasons(world) == [("not_answerable", reason)]
    assert ses.mails == []


def test_a_bounce_of_an_agents_mail_marks_it_and_reopens_the_thread(world: World, ses: FakeSes, ulid: Ulid) -> None:
    say(world, ses, "I want to talk to a person.")
    ana = world.agent()
    thread = ana.pull()
    assert thread
    ses.bouncing.add(MARA)
    ana.reply(thread, "Ana here.", ulid())
    world.stack.drain()
    assert world.head(pk(world))["status"] == "waiting"
    assert ses.deliver_pending() == 1
    world.stack.drain()
    outbound = next(event for event in world.events(pk(world)) if "#O#" in event["sk"])
    assert (outbound["reply"], outbound["reply_reason"]) == ("refused", "511")
    assert world.head(pk(world))["status"] == "open"
    assert len(ses.mails) == 2  # a bounce is never answered


def test_a_bounce_of_something_else_is_stored_and_never_answered(world: World, ses: FakeSes) -> None:
    foreign = ses.letter(US, "gone@customer.example", "Not by us")
    ses.take_in(bounce_of(foreign, "gone@customer.example"), envelope="<>", recipients=[US])
    world.stack.drain()
    assert reasons(world, "mailer-daemon@mail.example") == [("not_answerable", "bounce")]
    assert ses.mails == []


def test_two_of_us_do_not_answer_each_other_for_ever(world: World, ses: FakeSes) -> None:
    say(world, ses, "Hello")
    for _ in range(5):  # whatever we send comes straight back
        mail = ses.mails[-1]
        headers = {"Auto-Submitted": mail["Auto-Submitted"]}
        take_in(world, ses, ses.letter(MARA, US, mail.get_content(), headers=headers))
    assert len(ses.mails) == 1


def test_the_automatic_answer_goes_to_the_envelope_and_a_persons_to_who_wrote(
    world: World, ses: FakeSes, ulid: Ulid
) -> None:
    take_in(world, ses, ses.letter(MARA, US, "I want a person"), envelope="mara=travels@relay.example")
    ana = world.agent()
    thread = ana.pull()
    assert thread
    ana.reply(thread, "Ana here.", ulid())
    world.stack.drain()
    assert [mail["To"] for mail in ses.mails] == ["mara=travels@relay.example", MARA]


def test_a_mail_in_html_is_read_with_its_subject(world: World, ses: FakeSes) -> None:
    mail = ses.letter(MARA, US, "", subject="Parking")
    mail.set_content("<html><style>p{}</style><body><p>Do you have <b>parking</b>?</p></body></html>", subtype="html")
    take_in(world, ses, mail)
    [event] = world.events(pk(world))
    assert (event["text"], event["reply"]) == ("Parking\n\nDo you have parking?", "sent")


def test_an_attachment_is_listed_and_calls_a_person(world: World, ses: FakeSes) -> None:
    mail = ses.letter(MARA, US, "See the picture.")
    mail.add_attachment(b"\x89PNG", maintype="image", subtype="png", filename="room.png")
    take_in(world, ses, mail)
    [event] = world.events(pk(world))
    assert event["attachments"] == [
        {"type": "image", "id": "1", "name": "room.png", "mime_type": "image/png", "size": 4}
    ]
    assert "attachment" in event["handoff"]


def test_a_logo_below_a_question_calls_nobody(world: World, ses: FakeSes) -> None:
    mail = ses.letter(MARA, US, "Do you have parking?")
    mail.add_alternative('<p>Do you have parking?</p><img src="cid:logo@shop">', subtype="html")
    html = mail.get_payload(1)
    assert isinstance(html, EmailMessage)
    html.add_related(b"\x89PNG", "image", "png", cid="<logo@shop>", filename="logo.png")
    take_in(world, ses, mail)
    [event] = world.events(pk(world))
    assert (event["reply"], "attachments" in event) == ("sent", False)
    assert "attachment" not in event.get("handoff", [])


@pytest.mark.parametrize(
    ("trouble", "state"),
    [
        (Trouble.REJECTED, "refused"),
        (Trouble.SUSPENDED, "refused"),
        (Trouble.PAUSED, "refused"),
        (Trouble.NOT_VERIFIED, "refused"),
        (Trouble.DENIED, "refused"),
        (Spoilt.ERROR_500, "unknown"),
        (Spoilt.RESET, "unknown"),
        (Spoilt.EMPTY_BODY, "unknown"),
        (Spoilt.HTML, "unknown"),
        (Spoilt.TRUNCATED_JSON, "unknown"),
        (Spoilt.WRONG_TYPE, "unknown"),
        (Spoilt.NULL_ID, "unknown"),
        (Spoilt.BAD_GATEWAY_502, "unknown"),
        (Spoilt.REDIRECT_307, "refused"),
    ],
)
def test_an_answer_ends_as_ses_says_and_is_never_sent_twice(
    world: World, ses: FakeSes, trouble: Trouble | Spoilt, state: str
) -> None:
    ses.misbehave(trouble)
    say(world, ses, "Hello")
    assert world.replies(pk(world)) == [state]
    world.wait(AFTER_LEASES)
    world.stack.drain()
    assert world.replies(pk(world)) == [state]
    assert len(ses.mails) <= 1


def test_too_fast_waits_and_is_sent(world: World, ses: FakeSes) -> None:
    ses.misbehave(Trouble.TOO_FAST)
    say(world, ses, "Hello")
    assert world.replies(pk(world)) == ["planned"]
    world.wait(60)
    assert world.replies(pk(world)) == ["sent"]
    assert len(ses.mails) == 1


def test_a_notice_of_another_topic_is_refused_and_strange_ones_do_no_harm(world: World, ses: FakeSes) -> None:
    ses.mailbox.tell(ses.notice("x", MARA, [US]), topic="arn:aws:sns:eu-central-1:111111111111:somebody")
    ses.mailbox.tell("Hello from SNS!")
    ses.mailbox.tell('{"notificationType":"Received"}')
    ses.mailbox.tell(ses.notice("AMAZON_SES_SETUP_NOTIFICATION", MARA, [US]))
    assert world.stack.drain()
    assert world.events() == []
    assert [item["reason"] for item in world.quarantined()] == ["not_understood"]


def test_a_mail_to_an_address_that_is_not_configured_is_set_aside(world: World, ses: FakeSes) -> None:
    other = "x@hotel-jadran.example"
    ses.take_in(ses.letter(MARA, other, "Hi").as_bytes(), envelope=MARA, recipients=[other])
    world.stack.drain()
    assert [item["reason"] for item in world.quarantined()] == ["unknown_account"]


def test_no_header_can_be_written_through_a_subject(world: World, ses: FakeSes) -> None:
    raw = ses.letter(MARA, US, "Hello").as_bytes()
    folded = raw.replace(b"Subject: A question", b"Subject: =?utf-8?q?Hi=0D=0ABcc=3A_eve=40evil=2Eexample?=")
    assert folded != raw
    ses.take_in(folded, envelope=MARA, recipients=[US])
    world.stack.drain()
    [mail] = ses.mails
    assert mail["Bcc"] is None
    assert "\n" not in str(mail["Subject"])
