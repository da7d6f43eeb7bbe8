"""The FAQ answers only what its rule and its examples both mean; everything else is offered or left alone."""

from contextlib import suppress
from pathlib import Path

import pytest
import yaml
from afterhours import faq, rules
from afterhours.faq import Answer, Matcher, Suggestions
from afterhours.lexicon import lexicon, shipped
from afterhours.playbook import FaqEntry
from afterhours.rules import WrongRule
from afterhours.wording import is_near, words
from hypothesis import example, given
from hypothesis import strategies as st

SHOP = Path(__file__).parents[1] / "infra/local/afterhours_local/samples/shop.playbook.yaml"


def entry(id: str, when: str | None = None, *examples: str) -> FaqEntry:
    return FaqEntry(id=id, when=when, examples=examples, answer={"en": "."})


HOTEL = faq.compile(
    [
        entry("parking", "PARKING & !PRICE", "Do you have parking?", "Imate li parking?", "Kann ich bei Ihnen parken?"),
        entry("parking_price", "PARKING & (PRICE | FREE)", "How much is parking?", "Koliko stane parkiranje?"),
        entry("breakfast", "BREAKFAST & (TIME | HOURS)", "When is breakfast served?", "Kdaj je zajtrk?"),
        entry("pets", None, "Can I bring my dog?", "Ali lahko pripeljem psa?", "Primate li pse?"),
        entry("wifi", None, "What is the wifi password?", "Koja je lozinka za wifi?"),
        entry("cake", None, "Would you bake us something for a wedding?"),
    ]
)


def answered(text: str, language: str | None = "en", matcher: Matcher = HOTEL) -> str | None:
    said = faq.match(matcher, text, language)
    return said.entry_id if isinstance(said, Answer) else None


def offered(text: str, language: str | None = "en", matcher: Matcher = HOTEL) -> tuple[str, ...]:
    said = faq.match(matcher, text, language)
    return said.ids if isinstance(said, Suggestions) else ()


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "is there a car park?", "parking"),
        ("de", "gibt es Parkplätze?", "parking"),
        ("sl", "ali imate parkirišče", "parking"),
        ("hr", "IMATE LI PARKIRALIŠTE???", "parking"),
        ("sr-Cyrl", "да ли имате паркинг", "parking"),
        ("hy", "կայանատեղի ունե՞ք", "parking"),
        ("en", "what does the parking cost", "parking_price"),
        ("hr", "koliko košta parking", "parking_price"),
        ("sl", "kdaj imate zajtrk", "breakfast"),
        ("en", "are dogs allowed", "pets"),
        (None, "da li primate pse", "pets"),
    ],
)
def test_other_words_for_the_same_question_are_answered(language: str | None, text: str, expected: str) -> None:
    assert answered(text, language) == expected


def test_an_answer_says_why() -> None:
    said = faq.match(HOTEL, "is there a car park?", "en")
    assert isinstance(said, Answer)
    assert said.reason.startswith("its rule holds and its examples are the closest (")
    assert 0 < said.score <= 1


@pytest.mark.parametrize(
    ("text", "expected", "reason"),
    [
        ("can I pay for parking by card", "parking_price", "it also speaks of "),
        ("is my dog welcome at breakfast", "pets", "it also speaks of BREAKFAST"),
        (
            "is there parking for a helicopter",
            "parking",
            "it has words that neither the concepts nor the examples know",
        ),
        ("breakfast", "breakfast", "no rule holds"),
    ],
)
def test_a_question_with_something_beside_it_is_offered_not_answered(text: str, expected: str, reason: str) -> None:
    said = faq.match(HOTEL, text, "en")
    assert isinstance(said, Suggestions)
    assert said.ids[0] == expected
    assert said.reason.startswith(reason)


def test_a_long_story_is_not_answered() -> None:
    assert answered("do you have parking") == "parking"
    assert answered("do you have parking " + "or not " * 9) is None


def test_no_more_than_three_are_offered_and_the_best_comes_first() -> None:
    many = faq.compile([entry(f"e{n}", "DELIVERY & TIME", f"When do you deliver {n}?") for n in range(6)])
    said = faq.match(many, "when will it be delivered", "en")
    assert isinstance(said, Suggestions)
    assert len(said.ids) == len(said.scores) == 3
    assert list(said.scores) == sorted(said.scores, reverse=True)
    assert said.reason.startswith("several rules hold: e0, e1")


@pytest.mark.parametrize(
    "text", ["", "🙂", "ok", "hello", "thank you!", "who won the match", "12345", "...", "https://x.example/parking"]
)
def test_talk_that_asks_nothing_known_gets_nothing(text: str) -> None:
    assert faq.match(HOTEL, text, "en") is None


def test_a_text_that_is_an_example_is_answered_whatever_the_rule_says() -> None:
    tapped = faq.compile([entry("rooms", "ROOM", "Got a place to crash?"), entry("wifi", "WIFI", "wifi?")])
    assert answered("got a PLACE to crash", matcher=tapped) == "rooms"
    assert answered("Would you bake us something for a wedding") == "cake"
    assert answered("do you bake") is None


def test_an_example_that_two_entries_share_answers_neither_by_itself() -> None:
    twice = faq.compile([entry("one", None, "Anything new?"), entry("two", None, "anything new")])
    assert answered("anything new", matcher=twice) is None


def test_one_slip_of_the_keyboard_does_not_matter_but_another_word_does() -> None:
    assert answered("when is braekfast served") == "breakfast"
    assert answered("do you have parkng", "en") == "parking"
    assert is_near("delivery", "delviery")
    assert not is_near("delivery", "livery")


def test_a_language_without_lists_still_finds_examples_and_what_is_called_the_same_everywhere() -> None:
    french = faq.compile([entry("parking", "PARKING", "Avez-vous un parking ?")])
    assert answered("Avez-vous un parking", "fr", french) == "parking"
    assert faq.match(french, "Le chat dort", "fr") is None


def test_russian_is_not_read_as_serbian() -> None:
    assert answered("имате ли псе", "ru") is None


def test_an_entry_without_examples_is_offered_but_never_sure_of_itself() -> None:
    bare = faq.compile([entry("parking", "PARKING")])
    assert answered("parking?", matcher=bare) is None
    assert offered("parking?", matcher=bare) == ("parking",)


def test_no_entries_no_answers() -> None:
    assert faq.match(faq.compile([]), "do you have parking", "en") is None


NEWCOMER = """
en|where's my parcel|track_order            en|how many days until delivery|delivery_time
en|shipping cost?|delivery_price            en|is shipping free|delivery_price
en|i want to send it back|return            en|how do refunds work, when do i get the money|refund_time
en|wrong size, can i swap it|exchange_size  en|can i pay in cash|payment_methods
en|how many years of guarantee|warranty     en|i'd like to buy a gift voucher|gift_card
en|need an invoice with VAT|invoice         sl|kje je moj paket|track_order
sl|v koliko dneh dostavite|delivery_time    sl|koliko je poštnina|delivery_price
sl|rada bi vrnila hlače|return              sl|kdaj mi vrnete denar|refund_time
sl|premajhna številka, lahko zamenjam|exchange_size   sl|ali lahko plačam s kartico|payment_methods
sl|kako dolgo imam garancijo|warranty       sl|imate darilne kartice|gift_card
sl|potrebujem račun na podjetje|invoice     de|wo bleibt mein Paket|track_order
de|wie lange dauert der Versand|delivery_time  de|wie hoch sind die Versandkosten|delivery_price
de|ich möchte etwas zurückschicken|return   de|wann bekomme ich die Rückerstattung|refund_time
de|falsche Größe, kann ich umtauschen|exchange_size   de|kann ich mit Karte zahlen|payment_methods
de|gibt es eine Garantie|warranty           de|habt ihr Geschenkgutscheine|gift_card
de|ich brauche eine Rechnung mit MwSt|invoice  en|do you take visa|payment_methods
"""
STRANGE_TO_THE_SHOP = [
    ("en", "can I bring my dog"), ("en", "is this jacket waterproof"), ("en", "my package arrived damaged"),
    ("en", "do you deliver to Norway?"), ("en", "your site doesn't work"), ("sl", "ali imate parkirišče"),
    ("sl", "izdelek je pokvarjen"), ("de", "sind Hunde erlaubt"), ("de", "die Lampe ist kaputt"),
]  # fmt: skip


@pytest.mark.parametrize(("with_rules", "least"), [(True, 0.6), (False, 0.5)], ids=["as written", "examples alone"])
def test_the_ten_entries_of_a_newcomer_work_without_tuning(with_rules: bool, least: float) -> None:
    """Questions not written from the sample's; `when` is left out in the second run."""
    listed = yaml.safe_load(SHOP.read_text(encoding="utf-8"))["faq"]
    assert len(listed) == 10
    shop = faq.compile(FaqEntry.model_validate(each if with_rules else {**each, "when": None}) for each in listed)
    asked = [tuple(part.split("|")) for line in NEWCOMER.splitlines() for part in line.split("  ") if part.strip()]
    asked = [(language.strip(), text, wanted.strip()) for language, text, wanted in asked]
    answers = [(wanted, answered(text, language, shop)) for language, text, wanted in asked]
    assert [pair for pair in answers if pair[1] not in (pair[0], None)] == []
    assert sum(wanted == said for wanted, said in answers) >= least * len(asked)
    lost = [
        text for language, text, wanted in asked
        if wanted not in (answered(text, language, shop), *offered(text, language, shop))
    ]  # fmt: skip
    assert len(lost) <= 1, lost
    for language, text in STRANGE_TO_THE_SHOP:
        assert answered(text, language, shop) is None, text


# Rules.


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("REFUNDS & TIME", 'unknown concept "REFUNDS"; did you mean REFUND? Words of your own go in quotes: "REFUNDS"'),
        ("refund", 'unknown concept "refund"; did you mean REFUND?'),
        ("QQQ", 'unknown concept "QQQ"; words of your own go in quotes: "QQQ"'),
        ("REFUND TIME", 'before "TIME" an & (and) or | (or) is missing'),
        ("REFUND AND TIME", 'write & for and, | for or, ! for not, in place of "AND"'),
        ("REFUND & ", "the rule ends too early; write for example REFUND & TIME"),
        ("", "the rule ends too early"),
        ("& REFUND", 'before "&" a name is missing'),
        ("(REFUND & TIME", 'a "(" is not closed; write for example PARKING & (PRICE | FREE)'),
        ("REFUND & TIME)", 'a ")" has no "("; take it out'),
        ("()", 'before ")" a name is missing'),
        ('"gift card', 'a quote is not closed; write for example "gift card"'),
        ('REFUND & "?!"', "there are no words between the quotes"),
        ("REFUND && TIME", 'before "&" a name is missing'),
        ("REFUND + TIME", '"+" is not understood; write names joined by & (and), | (or), ! (not) and parentheses'),
        ("!PRICE", "this rule fits every message; name at least one concept that must be there"),
        ("REFUND | !TIME", "this rule fits every message"),
        ("(" * 100 + "REFUND" + ")" * 100, "the rule has more than 40 parentheses and !"),
        ("REFUND | " * 100 + "REFUND", "the rule is longer than 500 characters"),
    ],
)
def test_a_wrong_rule_says_what_would_be_right(rule: str, says: str) -> None:
    with pytest.raises(WrongRule) as caught:
        rules.parse(rule)
    assert str(caught.value).startswith(says)


def test_a_wrong_rule_is_found_when_the_entries_are_loaded() -> None:
    with pytest.raises(WrongRule, match='FAQ parking: unknown concept "PARKIN"; did you mean PARKING'):
        faq.compile([entry("parking", "PARKIN")])


@pytest.mark.parametrize(
    ("rule", "text", "expected"),
    [
        ("PARKING | WIFI & PRICE", "parking", True),  # & binds closer
        ("(PARKING | WIFI) & PRICE", "parking", False),
        ("PARKING & !PRICE", "parking price", False),
        ("PARKING & !(PRICE | FREE)", "free parking", False),
        ("!!PARKING", "parking", True),
        ('"gift card*"', "two Gift-Cards please", True),
        ('"gift card"', "gift for a card", False),
        ('"pouzeć*"', "može pouzecem", True),
    ],
)
def test_signs_and_quotes_mean_what_they_say(rule: str, text: str, expected: bool) -> None:
    plain = words(text)
    assert rules.parse(rule).holds(lexicon("concepts", "en").find(plain).names, plain) is expected


NAMES = st.sampled_from(sorted(shipped("concepts")["lists"])).map(lambda name: rules.Rule("name", name))
TREES = st.recursive(
    NAMES,
    lambda parts: st.one_of(
        st.tuples(st.sampled_from("&|"), st.lists(parts, min_size=2, max_size=3)).map(
            lambda made: rules.Rule(made[0], parts=tuple(made[1]))  # type: ignore[arg-type] # a sign
        ),
        parts.map(lambda part: rules.Rule("!", parts=(part,))),
    ),
    max_leaves=6,
)


@given(TREES, st.sets(st.sampled_from(sorted(shipped("concepts")["lists"])), max_size=5))
def test_a_rule_that_is_written_out_and_read_again_means_the_same(rule: rules.Rule, present: set[str]) -> None:
    try:
        again = rules.parse(str(rule))
    except WrongRule:
        return
    seen = frozenset(present)
    assert again.holds(seen, ()) == rule.holds(seen, ())


@given(st.text())
@example("\x00(((")
@example('"')
def test_any_text_is_a_rule_or_a_wrong_rule(text: str) -> None:
    with suppress(WrongRule):
        assert rules.parse(text).wanted()


@given(st.text(), st.sampled_from([None, "en", "sr-Cyrl", "hy", "xx"]))
@example("\ud83d", "en")
@example("İ" * 40, None)
@example("parking " * 3000, "en")
def test_any_text_can_be_matched(text: str, language: str | None) -> None:
    said = faq.match(HOTEL, text, language)
    assert said is None or said.reason


# The shipped lists.


@pytest.mark.parametrize("name", ["concepts", "signals"])
def test_the_shipped_lists_are_whole(name: str) -> None:
    for concept, by_group in shipped(name)["lists"].items():
        assert set(by_group) <= {"all", "en", "de", "sl", "hbs", "hy"}
        assert "all" in by_group or {"en", "de", "sl", "hbs", "hy"} <= set(by_group), concept
        for group, listed in by_group.items():
            for item in listed.split(", "):
                assert words(item), f"{concept} {group} {item!r}"
                assert not item.endswith("*") or len(item) > 3, f"{concept} {group} {item!r}"


def test_names_that_the_lists_set_apart_exist() -> None:
    concepts = shipped("concepts")
    for kind in ("neutral", "question"):
        assert set(concepts[kind].split(", ")) <= concepts["lists"].keys()
