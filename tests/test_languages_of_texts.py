"""Every language is complete, and says when in the words and cases of its speakers."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Formatter
from zoneinfo import ZoneInfo

import pytest
from afterhours import texts
from afterhours.auto_responders import is_auto_response
from afterhours.phrasebook import (
    LANGUAGES,
    NAMES,
    TextKind,
    can_read,
    fallbacks,
    names,
    phrasebook,
    reply_by,
    spoken,
    week_line,
    when,
)
from afterhours.schedule import Day
from afterhours.texts import Placeholder
from afterhours_local.texts_page import SITUATIONS, page

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT / "layers/afterhours/python/afterhours/data/texts"
MONDAY_MORNING = datetime(2026, 11, 23, 7, tzinfo=UTC)
# For the seven first languages, by hand: today, tomorrow, then Wednesday to Sunday of that week and the next Monday and
# Tuesday (from a Sunday before), a date; once as an opening at 09:00, once as a deadline at 18:30.
OPENINGS = {
    "en": [
        "today at 09:00",
        "tomorrow at 09:00",
        *("on Monday at 09:00", "on Tuesday at 09:00", "on Wednesday at 09:00", "on Thursday at 09:00"),
        *("on Friday at 09:00", "on Saturday at 09:00", "on Sunday at 09:00"),
        "on Wednesday, 2 December, at 09:00",
    ],
    "de": [
        "heute um 9:00 Uhr",
        "morgen um 9:00 Uhr",
        *("am Montag um 9:00 Uhr", "am Dienstag um 9:00 Uhr", "am Mittwoch um 9:00 Uhr", "am Donnerstag um 9:00 Uhr"),
        *("am Freitag um 9:00 Uhr", "am Samstag um 9:00 Uhr", "am Sonntag um 9:00 Uhr"),
        "am Mittwoch, dem 2. Dezember, um 9:00 Uhr",
    ],
    "sl": [
        "danes ob 9.00",
        "jutri ob 9.00",
        *("v ponedeljek ob 9.00", "v torek ob 9.00", "v sredo ob 9.00", "v četrtek ob 9.00"),
        *("v petek ob 9.00", "v soboto ob 9.00", "v nedeljo ob 9.00"),
        "v sredo, 2. decembra, ob 9.00",
    ],
    "hr": [
        "danas u 9:00",
        "sutra u 9:00",
        *("u ponedjeljak u 9:00", "u utorak u 9:00", "u srijedu u 9:00", "u četvrtak u 9:00"),
        *("u petak u 9:00", "u subotu u 9:00", "u nedjelju u 9:00"),
        "u srijedu, 2. prosinca, u 9:00",
    ],
    "sr-Latn": [
        "danas u 9:00",
        "sutra u 9:00",
        *("u ponedeljak u 9:00", "u utorak u 9:00", "u sredu u 9:00", "u četvrtak u 9:00"),
        *("u petak u 9:00", "u subotu u 9:00", "u nedelju u 9:00"),
        "u sredu, 2. decembra, u 9:00",
    ],
    "sr-Cyrl": [
        "данас у 9:00",
        "сутра у 9:00",
        *("у понедељак у 9:00", "у уторак у 9:00", "у среду у 9:00", "у четвртак у 9:00"),
        *("у петак у 9:00", "у суботу у 9:00", "у недељу у 9:00"),
        "у среду, 2. децембра, у 9:00",
    ],
    "hy": [
        "այսօր՝ ժամը 09:00-ին",
        "վաղը՝ ժամը 09:00-ին",
        *("երկուշաբթի օրը՝ ժամը 09:00-ին", "երեքշաբթի օրը՝ ժամը 09:00-ին", "չորեքշաբթի օրը՝ ժամը 09:00-ին"),
        *("հինգշաբթի օրը՝ ժամը 09:00-ին", "ուրբաթ օրը՝ ժամը 09:00-ին", "շաբաթ օրը՝ ժամը 09:00-ին"),
        "կիրակի օրը՝ ժամը 09:00-ին",
        "դեկտեմբերի 2-ին, չորեքշաբթի օրը՝ ժամը 09:00-ին",
    ],
}
DEADLINES = {
    "en": [
        "by 18:30 today",
        "by 18:30 tomorrow",
        *("by 18:30 on Monday", "by 18:30 on Tuesday", "by 18:30 on Wednesday", "by 18:30 on Thursday"),
        *("by 18:30 on Friday", "by 18:30 on Saturday", "by 18:30 on Sunday"),
        "by 18:30 on Wednesday, 2 December",
    ],
    "de": [
        "heute bis 18:30 Uhr",
        "morgen bis 18:30 Uhr",
        *("bis Montag um 18:30 Uhr", "bis Dienstag um 18:30 Uhr", "bis Mittwoch um 18:30 Uhr"),
        *("bis Donnerstag um 18:30 Uhr", "bis Freitag um 18:30 Uhr", "bis Samstag um 18:30 Uhr"),
        "bis Sonntag um 18:30 Uhr",
        "bis Mittwoch, den 2. Dezember, um 18:30 Uhr",
    ],
    "sl": [
        "danes do 18.30",
        "jutri do 18.30",
        *("v ponedeljek do 18.30", "v torek do 18.30", "v sredo do 18.30", "v četrtek do 18.30"),
        *("v petek do 18.30", "v soboto do 18.30", "v nedeljo do 18.30"),
        "v sredo, 2. decembra, do 18.30",
    ],
    "hr": [
        "danas do 18:30",
        "sutra do 18:30",
        *("u ponedjeljak do 18:30", "u utorak do 18:30", "u srijedu do 18:30", "u četvrtak do 18:30"),
        *("u petak do 18:30", "u subotu do 18:30", "u nedjelju do 18:30"),
        "u srijedu, 2. prosinca, do 18:30",
    ],
    "sr-Latn": [
        "danas do 18:30",
        "sutra do 18:30",
        *("u ponedeljak do 18:30", "u utorak do 18:30", "u sredu do 18:30", "u četvrtak do 18:30"),
        *("u petak do 18:30", "u subotu do 18:30", "u nedelju do 18:30"),
        "u sredu, 2. decembra, do 18:30",
    ],
    "sr-Cyrl": [
        "данас до 18:30",
        "сутра до 18:30",
        *("у понедељак до 18:30", "у уторак до 18:30", "у среду до 18:30", "у четвртак до 18:30"),
        *("у петак до 18:30", "у суботу до 18:30", "у недељу до 18:30"),
        "у среду, 2. децембра, до 18:30",
    ],
    "hy": [
        "այսօր՝ մինչև ժամը 18:30",
        "վաղը՝ մինչև ժամը 18:30",
        *("երկուշաբթի օրը՝ մինչև ժամը 18:30", "երեքշաբթի օրը՝ մինչև ժամը 18:30", "չորեքշաբթի օրը՝ մինչև ժամը 18:30"),
        *("հինգշաբթի օրը՝ մինչև ժամը 18:30", "ուրբաթ օրը՝ մինչև ժամը 18:30", "շաբաթ օրը՝ մինչև ժամը 18:30"),
        "կիրակի օրը՝ մինչև ժամը 18:30",
        "դեկտեմբերի 2-ին, չորեքշաբթի օրը՝ մինչև ժամը 18:30",
    ],
}
# On the 15th of each month, a year ahead.
MONTHS = {
    "en": "January February March April May June July August September October November December",
    "de": "Januar Februar März April Mai Juni Juli August September Oktober November Dezember",
    "sl": "januarja februarja marca aprila maja junija julija avgusta septembra oktobra novembra decembra",
    "hr": "siječnja veljače ožujka travnja svibnja lipnja srpnja kolovoza rujna listopada studenoga prosinca",
    "bs": "januara februara marta aprila maja juna jula augusta septembra oktobra novembra decembra",
    "sr-Latn": "januara februara marta aprila maja juna jula avgusta septembra oktobra novembra decembra",
    "sr-Cyrl": "јануара фебруара марта априла маја јуна јула августа септембра октобра новембра децембра",
    "hy": "հունվարի փետրվարի մարտի ապրիլի մայիսի հունիսի հուլիսի օգոստոսի սեպտեմբերի հոկտեմբերի նոյեմբերի դեկտեմբերի",
    "ru": "января февраля марта апреля мая июня июля августа сентября октября ноября декабря",
    "uk": "січня лютого березня квітня травня червня липня серпня вересня жовтня листопада грудня",
}


def said(language: str, at: str, now: str = "2026-11-23T07:00", *, deadline: bool = False) -> str:
    zone = ZoneInfo("Europe/Zagreb")
    moment, present = (datetime.fromisoformat(text).replace(tzinfo=zone) for text in (at, now))
    return when(moment, present, zone.key, phrasebook(language), deadline=deadline)


@pytest.mark.parametrize("language", OPENINGS)
@pytest.mark.parametrize(("table", "time", "deadline"), [(OPENINGS, "09:00", False), (DEADLINES, "18:30", True)])
def test_the_first_languages_say_when_as_their_speakers_do(
    language: str, table: dict[str, list[str]], time: str, deadline: bool
) -> None:
    monday = "2026-11-23T07:00"
    days = [f"2026-11-{day}T{time}" for day in range(23, 30)]
    found = [
        said(language, days[0], monday, deadline=deadline),
        said(language, days[1], monday, deadline=deadline),
        *(said(language, day, "2026-11-20T07:00", deadline=deadline) for day in days[:2]),
        *(said(language, day, monday, deadline=deadline) for day in days[2:]),
        said(language, f"2026-12-02T{time}", monday, deadline=deadline),
    ]
    assert found == table[language]


@pytest.mark.parametrize("language", MONTHS)
def test_a_month_stands_in_the_case_of_a_date(language: str) -> None:
    for number, month in enumerate(MONTHS[language].split(), 1):
        for deadline in (False, True):
            phrase = said(language, f"2027-{number:02}-15T09:00", "2026-11-23T07:00", deadline=deadline)
            assert month in re.findall(r"\w+", phrase), phrase


@pytest.mark.parametrize(
    ("language", "at", "opening", "deadline"),
    [
        ("es", "2026-11-23T01:30", "hoy a la 1:30", "hoy antes de la 1:30"),
        ("es", "2026-11-23T11:00", "hoy a las 11:00", "hoy antes de las 11:00"),
        ("es", "2027-01-01T09:00", "el viernes 1 de enero a las 9:00", "el viernes 1 de enero antes de las 9:00"),
        ("pt", "2026-11-24T01:00", "amanhã à 1h00", "amanhã até à 1h00"),
        ("pt", "2026-11-28T11:00", "no sábado às 11h00", "no sábado até às 11h00"),
        ("pt", "2026-12-06T09:00", "no domingo, 6 de dezembro, às 9h00", "no domingo, 6 de dezembro, até às 9h00"),
        ("fr", "2027-01-01T08:00", "le vendredi 1er janvier à 8h00", "le vendredi 1er janvier avant 8h00"),
        ("fr", "2026-11-26T08:05", "jeudi à 8h05", "jeudi avant 8h05"),
        ("it", "2027-01-01T08:00", "venerdì 1º gennaio alle ore 8:00", "entro le ore 8:00 di venerdì 1º gennaio"),
        ("it", "2026-11-23T18:00", "oggi alle ore 18:00", "entro le ore 18:00 di oggi"),
        ("uk", "2026-11-23T11:30", "сьогодні об 11:30", "сьогодні до 11:30"),
        ("uk", "2026-11-27T10:00", "у п’ятницю о 10:00", "у п’ятницю до 10:00"),
        ("ru", "2026-11-24T09:00", "завтра в 9:00", "завтра до 9:00"),
        ("ru", "2026-12-08T09:00", "во вторник, 8 декабря, в 9:00", "во вторник, 8 декабря, до 9:00"),
        ("bs", "2026-12-02T09:00", "u srijedu, 2. decembra, u 9:00", "u srijedu, 2. decembra, do 9:00"),
        ("mk", "2026-12-02T09:00", "во среда, 2 декември, во 9:00", "во среда, 2 декември, до 9:00"),
        ("hu", "2027-01-01T09:00", "január 1-jén, pénteken 9:00-kor", "január 1-jén, pénteken 9:00-ig"),
        ("hu", "2026-11-29T09:00", "vasárnap 9:00-kor", "vasárnap 9:00-ig"),
        ("tr", "2026-11-24T09:00", "yarın saat 09.00 itibarıyla", "yarın saat 09.00 öncesinde"),
        ("tr", "2027-01-03T09:00", "3 Ocak Pazar günü saat 09.00 itibarıyla", "3 Ocak Pazar günü saat 09.00 öncesinde"),
        ("ar", "2026-12-02T09:00", "يوم الأربعاء 2 ديسمبر الساعة 09:00", "يوم الأربعاء 2 ديسمبر قبل الساعة 09:00"),
        ("hr", "2026-11-23T00:00", "danas u 0:00", "danas do 0:00"),
        ("hy", "2026-11-23T08:30", "այսօր՝ ժամը 08:30-ին", "այսօր՝ մինչև ժամը 08:30"),
    ],
)  # fmt: skip
def test_hours_and_days_that_want_another_form_get_it(language: str, at: str, opening: str, deadline: str) -> None:
    assert said(language, at) == opening
    assert said(language, at, deadline=True) == deadline


def test_hungarian_days_of_the_month_take_the_suffix_of_their_sound() -> None:
    deep = {2, 3, 6, 8, 13, 16, 18, 20, 23, 26, 28, 30}
    expected = ["1-jén", *(f"{day}-{'án' if day in deep else 'én'}" for day in range(2, 32))]
    assert [said("hu", f"2027-01-{day:02}T09:00").split()[1].rstrip(",") for day in range(1, 32)] == expected


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_day_of_a_year_has_its_own_phrase(language: str) -> None:
    book = phrasebook(language)
    days = [MONDAY_MORNING + timedelta(days=day) for day in range(365)]
    for deadline in (False, True):
        phrases = [when(day, MONDAY_MORNING, "UTC", book, deadline=deadline) for day in days]
        assert len(set(phrases)) == len(phrases)
        assert all(book.time("07:00") in phrase and not set("{}") & set(phrase) for phrase in phrases)


@pytest.mark.parametrize(
    ("language", "phrase"),
    [
        ("en", "by 09:30 the same day"),
        ("de", "am selben Tag bis 9:30 Uhr"),
        ("sl", "isti dan do 9.30"),
        ("hr", "isti dan do 9:30"),
        ("sr-Latn", "istog dana do 9:30"),
        ("sr-Cyrl", "истог дана до 9:30"),
        ("hy", "նույն օրը՝ մինչև ժամը 09:30"),
        ("hu", "aznap 9:30-ig"),
    ],
)
def test_a_deadline_does_not_name_a_far_day_twice(language: str, phrase: str) -> None:
    book, back = phrasebook(language), MONDAY_MORNING + timedelta(days=9)
    due = back + timedelta(hours=2, minutes=30)
    assert reply_by(due, back, MONDAY_MORNING, "UTC", book) == phrase
    for after in (None, back - timedelta(days=1)):
        assert reply_by(due, after, MONDAY_MORNING, "UTC", book) == when(
            due, MONDAY_MORNING, "UTC", book, deadline=True
        )
    tomorrow = MONDAY_MORNING + timedelta(days=1)
    named = when(tomorrow, MONDAY_MORNING, "UTC", book, deadline=True)
    assert reply_by(tomorrow, tomorrow, MONDAY_MORNING, "UTC", book) == named


def test_a_text_names_a_far_day_once() -> None:
    back = MONDAY_MORNING + timedelta(days=9)
    values = texts.Values(now=MONDAY_MORNING, zone="UTC", next_opening=back, expected_reply_by=back)
    once = "back on Wednesday, 2 December, at 07:00, by 07:00 the same day"
    assert texts.render_text("back {next_opening}, {expected_reply_by}", "en", values) == once
    only = "by 07:00 on Wednesday, 2 December"
    assert texts.render_text("{expected_reply_by}", "en", values) == only
    assert texts.render_text("{expected_reply_by}, back {next_opening}", "en", values).startswith(only)


def test_today_is_the_day_of_the_business() -> None:
    now, at = datetime(2026, 10, 12, 22, 30, tzinfo=UTC), datetime(2026, 10, 13, 6, tzinfo=UTC)
    english = phrasebook("en")
    assert when(at, now, "Europe/Zagreb", english) == "today at 08:00"
    assert when(at, now, "UTC", english) == "tomorrow at 06:00"
    assert when(at, now, "America/New_York", english) == "tomorrow at 02:00"
    assert when(now - timedelta(hours=1), now, "Europe/Zagreb", english) == "on Monday, 12 October, at 23:30"


def test_a_language_without_phrases_gets_figures() -> None:
    assert when(MONDAY_MORNING, MONDAY_MORNING, "Europe/Zagreb", None) == "2026-11-23 08:00"
    values = texts.Values(now=MONDAY_MORNING, zone="UTC", next_opening=MONDAY_MORNING)
    assert texts.render_text("{next_opening}", "pl", values) == "2026-11-23 07:00"


@pytest.mark.parametrize(
    ("language", "line"),
    [
        ("en", "Mon–Fri 08:00–20:00, Sat 09:30–13:00 17:00–24:00"),
        ("sl", "pon.–pet. 8.00–20.00, sob. 9.30–13.00 17.00–24.00"),
        ("fr", "lun.–ven. 8h00–20h00, sam. 9h30–13h00 17h00–24h00"),
        ("sr-Cyrl", "пон–пет 8:00–20:00, суб 9:30–13:00 17:00–24:00"),
        ("ar", "الاثنين–الجمعة 08:00–20:00, السبت 09:30–13:00 17:00–24:00"),
    ],
)
def test_the_week_is_told_in_the_figures_of_the_language(language: str, line: str) -> None:
    week = {
        **dict.fromkeys((Day.MON, Day.TUE, Day.WED, Day.THU, Day.FRI), ("08:00-20:00",)),
        Day.SAT: ("09:30-13:00", "17:00-24:00"),
    }
    assert week_line(week, phrasebook(language)) == line


# --- languages are complete ------------------------------------------------------------------------------


def test_every_file_is_a_language_and_every_language_a_file() -> None:
    assert {path.stem for path in DATA.glob("*.json")} == set(LANGUAGES)
    with pytest.raises(KeyError):
        phrasebook("xx")


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_has_every_kind_of_text_and_every_phrase(language: str) -> None:
    book = phrasebook(language)
    assert set(book.texts) == set(TextKind)
    assert len(book.days_of_month) == 31
    assert {name for _, name, _, _ in Formatter().parse(book.clock) if name} <= {"h", "hh", "mm"}
    for moment in (book.at, book.by):
        for phrase in (moment.today, moment.tomorrow, *moment.weekday, book.by_the_same_day):
            assert re.findall(r"\{\w+\}", phrase) == ["{time}"]
        assert sorted(re.findall(r"\{\w+\}", moment.date)) == ["{day}", "{month}", "{time}", "{weekday}"]
    for named in (book.weekdays, book.months, book.days, book.at.weekday, book.by.weekday):
        assert len(set(named)) == len(named)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_text_says_in_every_language_what_it_says_in_english(language: str) -> None:
    """A name is left out where a greeting wants a vocative, or where it would be the family name (Hungarian)."""
    for kind, text in phrasebook(language).texts.items():
        texts.check(text)
        english = phrasebook("en").texts[kind]
        placeholders, wanted = (set(re.findall(r"\{(\w+)\}", each)) for each in (text, english))
        assert placeholders ^ wanted <= {Placeholder.FIRST_NAME, Placeholder.BRAND}, kind
        if language in ("hr", "bs", "sr-Latn", "sr-Cyrl", "uk", "mk", "hu"):
            assert Placeholder.FIRST_NAME not in placeholders, kind
        outside = re.sub(r"\[\[.*?\]\]", "", text, flags=re.DOTALL)
        outer = {"human_word", "start_word", "stop_word", "emergency_number"}
        assert set(re.findall(r"\{(\w+)\}", outside)) <= outer, kind
        scale = ["1", "5"] if kind is TextKind.CSAT_QUESTION else []
        assert re.findall(r"\d+", text) == scale, f"{kind}: no text promises a time of its own"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_language_keeps_to_its_script(language: str) -> None:
    scripts = {"hy": "\u0530-\u058f", "ar": "\u0600-\u06ff"}
    cyrillic = language in ("sr-Cyrl", "mk", "ru", "uk")
    own = "\u0400-\u04ff" if cyrillic else scripts.get(language, "A-Za-z\u00aa\u00ba\u00c0-\u024f")
    raw = re.sub(r"\{\w+\}", "", (DATA / f"{language}.json").read_text(encoding="utf-8"))
    words = re.findall(r"[^\W\d_]+", re.sub(r'"\w+":( true)?', "", raw).replace("\\n", " "))
    assert [word for word in words if not re.fullmatch(f"[{own}]+", word)] == []
    assert phrasebook(language).rtl == (language == "ar")


@pytest.mark.parametrize("language", LANGUAGES)
def test_another_afterhours_knows_our_disclosure_for_a_machines(language: str) -> None:
    assert is_auto_response(phrasebook(language).texts[TextKind.DISCLOSURE])


# Serbian Cyrillic is Serbian Latin letter by letter; words such as injekcija, where nj is no digraph, do not occur.
DIGRAPHS = {"dž": "џ", "lj": "љ", "nj": "њ"}
LETTERS = dict(zip("abvgdđežzijklmnoprstćufhcčš", "абвгдђежзијклмнопрстћуфхцчш", strict=True))


def in_cyrillic(text: str) -> str:
    def letter(match: re.Match[str]) -> str:
        if match["placeholder"]:
            return match[0]
        small = {**DIGRAPHS, **LETTERS}.get(match[0].lower(), match[0])
        return small.upper() if match[0][0].isupper() else small

    return re.sub(r"(?P<placeholder>\{\w+\})|dž|lj|nj|.", letter, text, flags=re.IGNORECASE | re.DOTALL)


def test_serbian_says_the_same_in_both_scripts() -> None:
    latin, cyrillic = phrasebook("sr-Latn"), phrasebook("sr-Cyrl")
    assert {kind: in_cyrillic(text) for kind, text in latin.texts.items()} == cyrillic.texts
    for moment, written in ((latin.at, cyrillic.at), (latin.by, cyrillic.by)):
        assert [in_cyrillic(phrase) for phrase in moment.weekday] == list(written.weekday)
        assert in_cyrillic(moment.date) == written.date
    assert in_cyrillic(latin.by_the_same_day) == cyrillic.by_the_same_day
    assert [in_cyrillic(name) for name in (*latin.weekdays, *latin.months, *latin.days, latin.human_word)] == [
        *cyrillic.weekdays,
        *cyrillic.months,
        *cyrillic.days,
        cyrillic.human_word,
    ]


def test_every_language_has_its_doubts_written_down_for_a_native_reader() -> None:
    page = (ROOT / "infra/language_doubts.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^## (\S+) .*\n((?:(?!^## ).*\n?)*)", page, flags=re.MULTILINE))
    assert set(sections) == set(LANGUAGES)
    for language, doubts in sections.items():
        assert re.search(r"^- ", doubts, flags=re.MULTILINE), language


# --- from language to language ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("language", "others"),
    [
        ("en", ()),
        ("de", ("en",)),
        ("de-AT", ("de", "en")),
        ("sl", ("en",)),
        ("bs", ("hr", "sr-Latn", "en")),
        ("hr-HR", ("hr", "bs", "sr-Latn", "en")),
        ("sr", ("sr-Latn", "bs", "hr", "en")),
        ("sr-Latn", ("sr", "bs", "hr", "en")),
        ("sr-Cyrl-RS", ("sr-Cyrl", "sr", "sr-Latn", "bs", "hr", "en")),
        ("cnr", ("sr-Latn", "bs", "hr", "en")),
        ("mk", ("en",)),
        ("uk", ("en",)),
        ("pt-BR", ("pt", "en")),
        ("hyw", ("hy", "en")),
        ("", ("en",)),
    ],
)
def test_a_text_that_is_missing_comes_from_the_closest_language(language: str, others: tuple[str, ...]) -> None:
    assert fallbacks(language) == others


def test_only_readers_of_cyrillic_can_read_it() -> None:
    assert [code for code in LANGUAGES if can_read(code, "Здраво")] == ["sr-Cyrl", "mk", "ru", "uk"]
    assert not can_read("sr-Latn-RS", "Здраво")
    assert can_read("sr-RS", "Здраво")
    assert all(can_read(code, "Hvala") for code in LANGUAGES)


def test_the_phrases_of_serbian_without_a_script_follow_the_text() -> None:
    assert spoken("sr", "Zatvoreno") == phrasebook("sr-Latn")
    assert spoken("sr-RS", "Затворено") == phrasebook("sr-Cyrl")
    assert spoken("sr-Latn", "") == spoken("cnr", "") == phrasebook("sr-Latn")
    assert spoken("de-CH", "") == phrasebook("de")
    assert spoken("pl", "") is None


def test_languages_are_called_as_they_call_themselves() -> None:
    assert names(["hr", "sr", "sr-Cyrl", "hy", "pl"]) == "hrvatski, srpski, српски, հայերեն, pl"
    assert names(LANGUAGES, 30) == "English, Deutsch, slovenščina"
    assert set(NAMES) == set(LANGUAGES)


# --- the page for native readers -------------------------------------------------------------------------


def test_the_page_shows_forty_two_situations_of_every_kind_in_every_language() -> None:
    assert len(SITUATIONS) == len({situation.title for situation in SITUATIONS}) == 42
    assert {situation.kind for situation in SITUATIONS} == set(TextKind)
    whole = page()
    assert whole.count("<tr>") == 42 * len(LANGUAGES)
    assert [whole.count(f'<h2 id="{language}">') for language in LANGUAGES] == [1] * len(LANGUAGES)
    assert whole.count('dir="rtl"') == 42
    assert "nazaj bomo v sredo, 2. decembra, ob 8.00" in whole


def test_the_page_escapes_what_it_shows_and_takes_a_playbooks_own_texts() -> None:
    own = {"en": {TextKind.AWAY: "<script>alert(1)</script> & {brand}"}}
    whole = page(["en"], own)
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp; Hotel Jadran" in whole
    assert "<script" not in whole
    assert "&quot;START&quot;" in whole
