"""Signs that a person is needed, in five languages; what a customer writes every day raises none."""

import pytest
from afterhours import private_details, signals
from afterhours.private_details import Detail
from afterhours.signals import Signal, raised, same_question
from hypothesis import example, given
from hypothesis import strategies as st


def first(text: str, language: str | None = None) -> Signal | None:
    found = raised(text, language)
    return found[0].signal if found else None


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "there is a gas leak in our room", Signal.SAFETY),
        ("de", "Das Ladegerät hat Feuer gefangen", Signal.SAFETY),
        ("sl", "otrok se duši, pomagajte", Signal.SAFETY),
        ("hr", "dijete je progutalo bateriju", Signal.SAFETY),
        ("sr-Cyrl", "осећа се мирис плина у соби", Signal.SAFETY),
        ("hy", "սենյակում գազի հոտ է գալիս", Signal.SAFETY),
        ("en", "you will hear from my lawyer", Signal.LEGAL),
        ("de", "Ich werde Sie verklagen", Signal.LEGAL),
        ("sl", "prijavila vas bom tržni inšpekciji", Signal.LEGAL),
        ("hr", "obratit ću se odvjetniku", Signal.LEGAL),
        ("sr-Latn", "tužiću vas", Signal.LEGAL),
        ("hy", "ես կդիմեմ դատարան", Signal.LEGAL),
        ("en", "Earn money from home, DM us", Signal.SPAM),
        ("de", "Mehr Follower für Ihre Seite", Signal.SPAM),
        ("sl", "več sledilcev za vašo stran", Signal.SPAM),
        ("hr", "pasivni prihod bez rada", Signal.SPAM),
        ("hy", "սեղմեք հղումը և վաստակեք", Signal.SPAM),
        ("en", "can I talk to a real person?", Signal.PERSON),
        ("en", "Human!", Signal.PERSON),
        ("de", "Ich möchte mit einem Menschen sprechen", Signal.PERSON),
        ("sl", "rad bi govoril z nekom", Signal.PERSON),
        ("hr", "mogu li razgovarati s čovjekom", Signal.PERSON),
        ("sr-Cyrl", "нећу робота, дајте ми човека", Signal.PERSON),
        ("hy", "ուզում եմ խոսել օպերատորի հետ", Signal.PERSON),
        ("en", "this is a disgrace, never again", Signal.COMPLAINT),
        ("de", "Eine Frechheit, ich bin sehr enttäuscht", Signal.COMPLAINT),
        ("sl", "sramota, zelo sem razočarana", Signal.COMPLAINT),
        ("hr", "katastrofa od usluge", Signal.COMPLAINT),
        ("sr-Latn", "bezobrazno, nikad više", Signal.COMPLAINT),
        ("hy", "ամոթ է, շատ հիասթափված եմ", Signal.COMPLAINT),
    ],
)
def test_what_a_person_should_see_is_found(language: str, text: str, expected: Signal) -> None:
    assert first(text, language) is expected
    assert first(text) is expected  # nor does it depend on the language being known


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "Hi, what time do you open tomorrow?"),
        ("en", "my parcel arrived damaged, what now?"),
        ("en", "THANK YOU!!"),
        ("en", "A double room for 2 persons, please"),
        ("en", "when is the garbage collected?"),
        ("en", "Is there a casino near the hotel?"),
        ("de", "Welches Gericht ist vegetarisch?"),
        ("sl", "Ali pošiljate v tujino?"),
        ("sl", "soba za 2 osebi"),
        ("hr", "osobno preuzimanje"),
        ("hr", "je li ljuta paprika u jelu"),
        ("hr", "imate li sef u sobi"),
        ("sr-Latn", "fali deo u pošiljci"),
        ("hy", "2 մարդու համար սենյակ եմ ուզում"),
        ("hy", "լամպը չի վառվում"),
    ],
)
def test_everyday_questions_raise_nothing(language: str, text: str) -> None:
    assert raised(text, language) == ()


def test_the_most_pressing_comes_first_and_the_others_stay() -> None:
    found = raised("Terrible! My lawyer will call. There was a gas leak. I want a real person")
    assert [each.signal for each in found] == [Signal.SAFETY, Signal.LEGAL, Signal.PERSON, Signal.COMPLAINT]
    assert list(Signal) == ["safety", "legal", "spam", "asked_for_a_person", "complaint"]


def test_because_quotes_our_lists_and_never_the_customer() -> None:
    (found,) = raised("my advokat Petar Petrović will write", "hr")
    assert found.because == ("advokat*",)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("still waiting", None),
        ("STILL WAITING FOR IT", Signal.COMPLAINT),
        ("still waiting 😡", Signal.COMPLAINT),
        ("where is it?!", None),
        ("WHERE IS MY PARCEL", None),
        ("WHERE IS MY PARCEL?!", Signal.COMPLAINT),
        ("😡", None),
        ("😡!!", Signal.COMPLAINT),
    ],
)
def test_weak_signs_need_a_partner(text: str, expected: Signal | None) -> None:
    assert first(text, "en") is expected


def test_the_same_question_twice() -> None:
    assert same_question("where is my order??", ["hello", "Where is my order"])
    assert same_question("Где је моја поруџбина", ["gde je moja porudžbina?"])
    assert not same_question("where is my order", ["where is my refund"])
    assert not same_question("ok", ["ok"])
    assert not same_question("", [""])
    assert not same_question("where is my order", [])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("my card is 4242 4242 4242 4242", {Detail.CARD}),
        ("4242-4242-4242-4242", {Detail.CARD}),
        ("4242 4242 4242 4243", set()),
        ("0000 0000 0000 0000", set()),
        ("please refund to DE89 3704 0044 0532 0130 00 thanks", {Detail.IBAN}),
        ("SI56 2633 0001 2039 086", {Detail.IBAN}),
        ("DE88 3704 0044 0532 0130 00", set()),
        ("write to ana.kovac+x@example.co.uk please", {Detail.EMAIL}),
        ("thanks @hoteljadran!", set()),
        ("call me on +385 91 555 0123", {Detail.PHONE}),
        ("041 555 012 je moja", {Detail.PHONE}),
        ("we were 4 people from 10.12.2026 to 14.12.2026", set()),
        ("open 08:00-20:00?", set()),
        ("my booking AB12345 is wrong", {Detail.BOOKING}),
        ("Order no. 100-2231", {Detail.BOOKING}),
        ("moja narudžba broj 884321", {Detail.BOOKING}),
        ("моја поруџбина 884321", {Detail.BOOKING}),
        ("իմ պատվերը 884321", {Detail.BOOKING}),
        ("is my order coming?", set()),
        ("I waited 12345 years", set()),
        ("", set()),
    ],
)
def test_details_that_do_not_belong_in_public(text: str, expected: set[Detail]) -> None:
    assert set(private_details.found(text)) == expected


@given(st.text(), st.sampled_from([None, "en", "sr-Cyrl", "hy", "xx"]))
@example("\ud83d\x00", "en")
@example("7" * 5000, None)
@example("DE89\u212a704004405320130", None)
@example("٤٢٤٢ ٤٢٤٢ ٤٢٤٢ ٤٢٤٢", None)
@example("DE89" + " 1" * 3000, None)
@example("a@" * 3000, None)
@example("order " + "1-" * 3000, None)
def test_any_text_can_be_looked_at(text: str, language: str | None) -> None:
    assert isinstance(raised(text, language), tuple)
    assert set(private_details.found(text, language)) <= set(Detail)
    assert signals.same_question(text, [text]) in (True, False)
