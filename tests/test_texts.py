"""Texts as customers get them: nothing a stranger is called can break or colour them, and every piece fits."""

import unicodedata
from datetime import datetime, timedelta
from itertools import product
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from afterhours import texts
from afterhours.graphemes import clusters, split
from afterhours.phrasebook import LANGUAGES, phrasebook
from afterhours.schedule import Day
from afterhours.texts import Placeholder, TextError, TextKind, Values
from hypothesis import example, given, settings
from hypothesis import strategies as st

ZAGREB = ZoneInfo("Europe/Zagreb")
SATURDAY_NIGHT = datetime(2026, 10, 17, 23, 40, tzinfo=ZAGREB)
MONDAY = datetime(2026, 10, 19, 8, tzinfo=ZAGREB)
LATIN = [language for language in LANGUAGES if language not in ("ru", "uk", "mk", "sr-Cyrl")]
FAMILY = "👨‍👩‍👧‍👦"
THUMB = "👍🏽"
FLAG = "🇭🇷"


def values(**more: Any) -> Values:
    return Values.model_validate({"now": SATURDAY_NIGHT, "zone": "Europe/Zagreb", "brand": "Hotel Jadran", **more})


# --- default texts ---------------------------------------------------------------------------------------


def test_the_away_text_says_when_we_are_back() -> None:
    assert texts.render(TextKind.AWAY, "en", values(contact_name="Ana Kovač", next_opening=MONDAY)) == (
        "Hi Ana! Thanks for your message. We're closed right now and will be back on Monday at 08:00. "
        "Your message is saved and we'll answer it when we're back. This is an automatic reply."
    )


def test_the_away_text_does_without_name_and_opening_and_offers_other_ways() -> None:
    assert texts.render(TextKind.AWAY, "en", values(ways="+385 1 555")) == (
        "Hi! Thanks for your message. We're closed right now. "
        "Your message is saved and we'll answer it when we're back. This is an automatic reply.\n"
        "Other ways to reach us: +385 1 555"
    )


def test_the_instant_and_handoff_texts_say_by_when_we_aim_to_reply() -> None:
    due = values(expected_reply_by=datetime(2026, 10, 18, 0, 40, tzinfo=ZAGREB))
    for kind in (TextKind.INSTANT, TextKind.SURGE, TextKind.HANDOFF):
        assert "We aim to reply by 00:40 tomorrow. " in texts.render(kind, "en", due)
        assert "We aim" not in texts.render(kind, "en", values())
    assert "writing to us (Hotel Jadran)." in texts.render(TextKind.INSTANT, "en", values())


def test_opt_out_and_opt_in_name_the_word_that_undoes_them() -> None:
    words = values(start_word="start", stop_word="stop")
    assert 'send "START".' in texts.render(TextKind.OPT_OUT_CONFIRM, "en", words)
    assert 'send "STOP".' in texts.render(TextKind.OPT_IN_CONFIRM, "en", words)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("full", [True, False])
def test_every_default_text_reads_well_with_all_values_and_with_none(language: str, full: bool) -> None:
    given_values = {
        "contact_name": "Ana",
        "next_opening": MONDAY,
        "expected_reply_by": MONDAY,
        "ways": "+385 1 555",
        "week": {"mon": ("08:00-20:00",)},
        "languages": (language, "de", "en"),
    }
    known = values(**given_values if full else {"brand": ""})
    for text in (texts.render(kind, language, known) for kind in TextKind):
        assert not set("{}[]") & set(text), text
        assert "  " not in text
        assert not any(ugly in text for ugly in (" !", " .", " ,", "!,", "()", ",,", "..", " ;", " \n", "։.")), text
        assert text[0].isupper() or text[0] in "¿" or language == "ar", text
        assert text.splitlines()[0].endswith((".", "!", "։", ".")), text
        assert full or all(line for line in text.splitlines()), text


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_default_text_fits_the_narrowest_channel_with_the_longest_values(language: str) -> None:
    letter = {"hy": "Ա", "ar": "ع"}.get(language, "Ж" if language in ("sr-Cyrl", "mk", "ru", "uk") else "č")
    longest = values(
        brand=letter * 200,
        contact_name=letter * 40,
        next_opening=datetime(2027, 9, 22, 22, 30, tzinfo=ZAGREB),
        expected_reply_by=datetime(2027, 9, 22, 23, 30, tzinfo=ZAGREB),
        ways="x" * 500,
        languages=LANGUAGES,
        human_word="",
        emergency_number="112",
    )
    for kind in TextKind:
        assert utf8(texts.render(kind, language, longest)) <= 1_000, kind  # Instagram's, in bytes


def test_an_own_text_goes_before_the_default_of_its_language() -> None:
    own = {"hr": {TextKind.AWAY: "Zatvoreno."}, "de": {TextKind.AWAY: "Zu."}}
    inbox = values(languages=("hr", "de", "sl"), disclose=False)
    assert texts.render(TextKind.AWAY, "de", inbox, own) == "Zu."
    assert texts.render(TextKind.AWAY, "de-AT", inbox, own) == "Zu."
    assert texts.render(TextKind.AWAY, "pl", inbox, own) == "Zatvoreno."
    assert texts.render(TextKind.AWAY, "sl", inbox, own).startswith("Pozdravljeni!")
    assert texts.render(TextKind.OPT_IN_CONFIRM, "pl", inbox, own).startswith("Gotovo.")
    assert texts.render(TextKind.OPT_IN_CONFIRM, "pl", values(), own).startswith("Done.")


def test_serbian_without_a_script_uses_the_texts_of_the_script_and_the_other_way_round() -> None:
    latin, cyrillic = {"sr": {TextKind.AWAY: "Zatvoreno."}}, {"sr": {TextKind.AWAY: "Затворено до {next_opening}."}}
    closed = values(next_opening=MONDAY, disclose=False)
    assert texts.render(TextKind.AWAY, "sr-Latn", closed, latin) == "Zatvoreno."
    assert texts.render(TextKind.AWAY, "sr", closed, cyrillic) == "Затворено до у понедељак у 8:00."
    assert texts.render(TextKind.AWAY, "sr-Cyrl-RS", closed, cyrillic) == "Затворено до у понедељак у 8:00."
    assert texts.render(TextKind.AWAY, "sr-Latn", closed, cyrillic).startswith("Hvala vam na poruci.")
    assert texts.render(TextKind.AWAY, "sr", closed).startswith("Hvala vam na poruci.")


@pytest.mark.parametrize("language", [*LATIN, "pl", "ro", "sr-Latn-RS", "cnr", "de-AT", "hy-Latn", "xx"])
@pytest.mark.parametrize("default", ["ru", "sr-Cyrl", "mk"])
def test_who_reads_latin_is_never_sent_cyrillic(language: str, default: str) -> None:
    own = {code: dict.fromkeys(TextKind, "Затворено.") for code in ("sr-Cyrl", "sr", "ru", "mk")}
    for kind, overrides in product(TextKind, ({}, own)):
        text = texts.render(kind, language, values(languages=(default,)), overrides)
        said = text.splitlines()[0]  # below stands how other languages call themselves
        assert not any("\u0400" <= letter <= "\u052f" for letter in said), text


# --- disclosure ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_is_automatic_says_so_once_and_only_when_due(language: str) -> None:
    sentence = phrasebook(language).texts[TextKind.DISCLOSURE]
    plain = {TextKind.OPT_OUT_CONFIRM, TextKind.OPT_IN_CONFIRM, TextKind.PRIVATE_NOTE}
    for kind in set(TextKind) - {TextKind.DISCLOSURE}:
        assert texts.render(kind, language, values(disclose=False)).count(sentence) == 0, kind
        assert texts.render(kind, language, values(ways="+385")).count(sentence) == (kind not in plain), kind


def test_an_own_text_says_so_where_it_wants_to_or_in_a_last_line() -> None:
    own = {"hr": {TextKind.AWAY: "Zatvoreno.", TextKind.DISCLOSURE: "Piše vam automat."}}
    assert texts.render(TextKind.AWAY, "hr", values(), own) == "Zatvoreno.\nPiše vam automat."
    assert texts.automatic("Kvar.", "hr", values(), own) == "Kvar.\nPiše vam automat."
    assert texts.automatic("{disclosure} Kvar.", "hr", values()) == "Ovo je automatski odgovor. Kvar."
    assert (
        texts.automatic("Kvar[[, {first_name} {disclosure}]].", "hr", values()) == "Kvar.\nOvo je automatski odgovor."
    )
    assert texts.automatic("disclosure", "en", values()) == "disclosure\nThis is an automatic reply."
    assert texts.automatic("Kvar.", "hr", values(disclose=False)) == "Kvar."
    circle = {"en": {TextKind.DISCLOSURE: "Robot.[[ {disclosure}]]"}}
    assert texts.automatic("Fault.", "en", values(), circle) == "Fault.\nRobot."


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_ways_to_a_person_are_in_the_texts_that_need_them(language: str) -> None:
    known = values(ways="+385 1 555", contact_name="Ana", human_word="")
    for kind in TextKind:
        text = texts.render(kind, language, known)
        if kind.startswith("away") or kind in (TextKind.SURGE, TextKind.HANDOFF_CLOSED):
            assert "+385 1 555" in text
        if kind is TextKind.FAQ_SUGGESTIONS:
            assert phrasebook(language).human_word in text
            assert "čovjek" in texts.render(kind, language, values(human_word="čovjek"))
        if kind is TextKind.SAFETY_NOTICE:
            assert "112" in text
            assert "194" in texts.render(kind, language, values(emergency_number="194"))


# --- templates -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("template", "named", "nameless"),
    [
        ("Hi[[ {first_name}]]!", "Hi Ana!", "Hi!"),
        ("Hi {first_name}!", "Hi Ana!", "Hi!"),
        ("Hi, {first_name}, thanks.", "Hi, Ana, thanks.", "Hi, thanks."),
        ("Hi {first_name}, thanks.", "Hi Ana, thanks.", "Hi, thanks."),
        ("{first_name}, thanks.", "Ana, thanks.", "thanks."),
        ("{first_name}! Thanks.", "Ana! Thanks.", "Thanks."),
        ("Thanks, {first_name}.", "Thanks, Ana.", "Thanks."),
        ("Hi [Ana] [[and {first_name}]]", "Hi [Ana] and Ana", "Hi [Ana]"),
        ("[[From {brand} for {first_name}.]] Bye", "From Hotel Jadran for Ana. Bye", "Bye"),
        ("!!! Closed", "!!! Closed", "!!! Closed"),
        ("[[No placeholder stays.]]", "No placeholder stays.", "No placeholder stays."),
    ],
)
def test_a_text_is_graceful_without_a_name(template: str, named: str, nameless: str) -> None:
    assert texts.render_text(template, "en", values(contact_name="Ana")) == named
    assert texts.render_text(template, "en", values()) == nameless


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{0.__class__}", "unknown placeholder {0.__class__}"),
        ("{brand!r}", "did you mean {brand}?"),
        ("{brand:>10}", "did you mean {brand}?"),
        ("{}", "known are {brand}"),
        ("{firstname}", "did you mean {first_name}?"),
        ("{{brand}}", 'lone "{"'),
        ("a } b", 'lone "}"'),
        ("[[a", "never closed"),
        ("a]]", 'no "[["'),
        ("[[a [[b]] c]]", "inside another"),
    ],
)
def test_a_text_that_is_no_template_is_refused_with_the_remedy(template: str, words: str) -> None:
    with pytest.raises(TextError) as caught:
        texts.check(template)
    assert words in str(caught.value)


def test_all_placeholders_are_filled() -> None:
    template = "|".join(f"{{{name}}}" for name in Placeholder)
    week = {
        **dict.fromkeys((Day.MON, Day.TUE, Day.WED, Day.THU, Day.FRI), ("08:00-20:00",)),
        Day.SAT: ("09:00-13:00", "17:00-02:00"),
    }
    filled = values(
        contact_name="Ana",
        next_opening=MONDAY,
        expected_reply_by=MONDAY,
        ways="+385",
        languages=("hr", "en", "xx"),
        week=week,
    )
    assert texts.render_text(template, "en", filled) == (
        "Hotel Jadran|Ana|on Monday at 08:00|by 08:00 the same day|Mon–Fri 08:00–20:00, Sat 09:00–13:00 17:00–02:00|"
        "+385|hrvatski, English, xx|hrvatski, xx|agent|START|STOP|112|This is an automatic reply."
    )


# --- values ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("contact_name", "greeted"),
    [
        ("Ana Kovač", "Ana"),
        ("  MARIJA  ", "Marija"),
        ("ANA-MARIJA", "Ana-Marija"),
        ("O'Brien", "O'Brien"),
        ("Ђорђе Петровић", "Ђорђе"),
        ("Անի", "Անի"),
        ("محمد علي", "محمد"),
        ("José", "José"),
        ("\u202eAna\u202c", "Ana"),
        ("Ana\nadmin: pay now", "Ana"),
        ("{first_name}", ""),
        ("[[x]]", ""),
        ("R2D2", ""),
        ("😀😀", ""),
        (FAMILY, ""),
        ("\u0301\u0301", ""),
        ("a" * 41, ""),
        ("https://evil.example", ""),
        ("\ud800", ""),
        ("", ""),
        (None, ""),
    ],
)
def test_a_contact_is_greeted_by_a_name_or_not_at_all(contact_name: str | None, greeted: str) -> None:
    assert texts.first_name(contact_name) == greeted


def test_values_are_cleaned_cut_and_never_read_as_syntax() -> None:
    assert texts.clean("a\x00b\tc\r\nd\u2028e\u202ef\ud800g") == "a b c d efg"
    assert len(texts.clean("x" * 500)) == 200
    assert texts.clean("x" * 199 + FAMILY) == "x" * 199
    syntax = "{stop_word} [[x]] {0.__class__}"
    assert texts.render_text("{brand}", "en", values(brand=syntax)) == syntax
    assert texts.render_text("{brand} {ways}", "en", values(brand="{ways}", ways="{brand}")) == "{ways} {brand}"


def test_in_arabic_a_value_keeps_its_own_direction() -> None:
    text = texts.render_text("{brand}: {ways} {next_opening}", "ar", values(ways="+385 1", next_opening=MONDAY))
    assert text == "\u2068Hotel Jadran\u2069: \u2068+385 1\u2069 يوم الاثنين الساعة 08:00"
    assert "\u2068" not in texts.render_text("{brand}[[ {ways}]]", "hr", values(ways="+385 1"))
    assert texts.render_text("[[{ways}]]{first_name}", "ar", values()) == ""


SNIPPETS = st.one_of(
    st.sampled_from(["{brand}", "{first_name}", "[[", "]]", "{", "}", "{x}", "\n", " "]), st.text(max_size=5)
)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    name=st.text(max_size=250),
    brand=st.text(max_size=250),
    template=st.lists(SNIPPETS).map("".join),
)
def test_whatever_passes_the_check_renders(name: str, brand: str, template: str) -> None:
    try:
        texts.check(template)
    except TextError:
        return
    rendered = texts.render_text(template, "en", values(contact_name=name, brand=brand))
    assert len(rendered) <= len(template) + 200 * template.count("{")


HOSTILE = st.one_of(
    st.text(max_size=250),
    st.sampled_from(
        ["{first_name}", "[[", "]]", "{0.__class__}", "\u202eanA", FAMILY, "A" * 300, "\ud800", "\x00", "%s"]
    ),
)


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(
    language=st.one_of(st.sampled_from(LANGUAGES), st.text(max_size=12)),
    kind=st.sampled_from(TextKind),
    name=HOSTILE,
    brand=HOSTILE,
    ways=HOSTILE,
    hours_off=st.one_of(st.none(), st.integers(-10_000, 10_000)),
)
def test_a_default_text_renders_whatever_strangers_are_called(
    language: str, kind: TextKind, name: str, brand: str, ways: str, hours_off: int | None
) -> None:
    moment = None if hours_off is None else SATURDAY_NIGHT + timedelta(hours=hours_off)
    known = values(contact_name=name, brand=brand, ways=ways, next_opening=moment, expected_reply_by=moment)
    text = texts.render(kind, language, known)
    assert text.encode()
    assert len(text) < 1_000


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.text(max_size=300))
def test_a_cleaned_value_is_one_short_line_without_hidden_signs(value: str) -> None:
    cleaned = texts.clean(value)
    assert len(cleaned) <= 200
    assert not [sign for sign in cleaned if unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp")]
    assert not set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\u200e\u200f") & set(cleaned)
    assert texts.clean(cleaned) == cleaned


# --- splitting -------------------------------------------------------------------------------------------


def utf8(text: str) -> int:
    return len(text.encode())


def utf16(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize(
    "whole",
    [FAMILY, THUMB, FLAG, "é", "\r\n", "ก็", "क्षि", "🏴\U000e0067\U000e0062\U000e007f", "❤️", "각", "1️⃣"],
)
def test_what_people_see_as_one_character_is_one(whole: str) -> None:
    assert list(clusters(f"a{whole}b")) == ["a", whole, "b"]
    assert list(clusters(whole + whole)) == [whole, whole]


def test_a_row_of_flags_is_cut_between_flags() -> None:
    assert list(clusters("🇭🇷🇸🇮🇷🇸")) == ["🇭🇷", "🇸🇮", "🇷🇸"]


def test_a_text_that_fits_stays_whole_and_an_empty_one_is_nothing() -> None:
    assert split("Hello there.", 12) == ["Hello there."]
    assert split("  \n ", 12) == []


@pytest.mark.parametrize(
    ("text", "limit", "pieces"),
    [
        ("First one.\n\nSecond one. Third.", 20, ["First one.", "Second one. Third."]),
        ("First one. Second one.", 15, ["First one.", "Second one."]),
        ("One two three four", 9, ["One two", "three", "four"]),
        ("abcdefghij", 4, ["abcd", "efgh", "ij"]),
        ("see https://jadran.example/a for more", 30, ["see https://jadran.example/a", "for more"]),
        ("please see https://jadran.example/a", 30, ["please see", "https://jadran.example/a"]),
        ("write to info@jadran.example", 20, ["write to", "info@jadran.example"]),
        ("10\u00a0000 EUR", 8, ["10\u00a0000", "EUR"]),
    ],
)
def test_a_long_text_is_cut_where_it_hurts_least(text: str, limit: int, pieces: list[str]) -> None:
    assert split(text, limit) == pieces


def test_the_limit_is_in_the_platforms_own_unit() -> None:
    assert split("ććć ććć", 7, utf8) == ["ććć", "ććć"]
    assert split(THUMB * 3, 8, utf16) == [THUMB * 2, THUMB]
    assert split(FAMILY * 2, 30, utf8) == [FAMILY, FAMILY]


def test_what_can_not_stay_whole_is_cut_all_the_same() -> None:
    assert split("https://jadran.example", 10) == ["https://ja", "dran.examp", "le"]
    heap = "a" + "\u0301" * 25
    assert "".join(split(heap, 10)) == heap
    with pytest.raises(ValueError, match="no character fits"):
        split("ć", 1, utf8)


MESSY = st.lists(
    st.one_of(st.text(max_size=8), st.sampled_from([" ", "\n", "\n\n", ". ", FAMILY, FLAG, THUMB, "https://a.example/b?c=d"]))
).map("".join)  # fmt: skip


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(text=MESSY, limit=st.integers(4, 60), units=st.sampled_from([len, utf8, utf16]))
@example(text="x" * 30 + "\u0301" * 100, limit=10, units=len)
def test_pieces_fit_and_lose_nothing_but_space(text: str, limit: int, units: Any) -> None:
    pieces = split(text, limit, units)
    assert all(piece and units(piece) <= limit for piece in pieces)
    assert "".join("".join(pieces).split()) == "".join(text.split())


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(before=st.text(max_size=80), after=st.text(max_size=80), limit=st.integers(30, 60))
def test_no_cut_goes_through_a_link_or_a_character(before: str, after: str, limit: int) -> None:
    for whole in (FAMILY, FLAG, "https://a.example/b?c=d"):
        assert any(whole in piece for piece in split(f"{before} {whole} {after}", limit))


def test_a_long_word_is_split_in_good_time() -> None:
    assert len(split("a" * 20_000 + "@", 1_000)) == 21
