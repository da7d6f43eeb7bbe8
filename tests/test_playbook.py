"""The playbook file: what DESIGN 8 shows is read as meant, and every mistake is told with what would be right."""

from datetime import UTC, date, datetime
from typing import Any

import pytest
from afterhours import hours
from afterhours.playbook import Playbook
from afterhours.schedule import span
from afterhours.section import problems
from afterhours.texts import TextKind
from pydantic import ValidationError

# The example of DESIGN 8, as a YAML reader hands it over.
HOTEL: dict[str, Any] = {
    "brand": "Hotel Jadran",
    "languages": ["hr", "en", "de"],
    "hours": {
        "zone": "Europe/Zagreb",
        "week": {"mon-fri": ["08:00-20:00"], "sat": ["09:00-13:00", "17:00-02:00"], "sun": "closed"},
        "holidays": ["HR"],
        "exceptions": [{"date": date(2026, 12, 24), "open": ["08:00-12:00"]}],
    },
    "replies": {"instant": {"after_silence": "12h"}, "away": {"once_per": "closed_period"}},
    "faq": [
        {
            "id": "parking",
            "when": "PARKING & !PRICE",
            "examples": ["Imate li parking?", "Where can I park?"],
            "answer": {"hr": "Da.", "en": "Yes.", "de": "Ja."},
        }
    ],
    "service_levels": [{"channel": "*", "first_reply": "60m"}],
}
WEEK = {"mon-fri": ["08:00-20:00"]}


def with_hours(**change: Any) -> dict[str, Any]:
    return {**HOTEL, "hours": {"zone": "Europe/Zagreb", "week": WEEK, **change}}


def mistakes(data: Any) -> list[tuple[tuple[int | str, ...], str]]:
    with pytest.raises(ValidationError) as caught:
        Playbook.model_validate(data)
    return problems(caught.value)


def test_the_example_of_the_design_is_read_as_it_is_meant() -> None:
    playbook = Playbook.model_validate(HOTEL)
    assert playbook.week["wed"] == ("08:00-20:00",)
    assert playbook.zone == "Europe/Zagreb"
    assert playbook.hours[0].holidays == ("HR",)
    assert playbook.replies.instant.after_silence == 12 * 3600
    assert playbook.replies.away.once_per == "closed_period"
    assert playbook.replies.human_silence == 15 * 60
    assert playbook.service_level("whatsapp").first_reply == 3_600
    assert hours.is_open(playbook.hours, datetime(2026, 12, 24, 9, tzinfo=UTC))
    assert not hours.is_open(playbook.hours, datetime(2026, 12, 24, 12, tzinfo=UTC))


@pytest.mark.parametrize(
    "change",
    [
        {},
        {"replies": {"away": {"once_per": "1h30m"}, "human_silence": "90s", "instant": {"after_silence": "2d"}}},
        {"incident": {"text": {"hr": "Kvar."}, "from": "2026-10-12T08:00+02:00", "until": "2026-10-12T20:00"}},
        {"texts": {"hr": {"away": "Zatvoreno[[ do {next_opening}]]."}}, "channels": {"webchat": {"away": False}}},
        with_hours(exceptions=[{"from": "--12-24", "until": "--01-02", "open": "closed"}]),
        with_hours(exceptions=[{"date": "--05-01", "closed": True}], holiday_dates=[{"date": "2026-12-25"}]),
        with_hours(exceptions=[{"date": "2026-10-12", "closed": ["12:00-13:00"]}]),
    ],
)  # fmt: skip
@pytest.mark.parametrize("exclude_defaults", [True, False])
def test_a_stored_playbook_comes_back_the_same(change: dict[str, Any], exclude_defaults: bool) -> None:
    playbook = Playbook.model_validate({**HOTEL, **change})
    assert Playbook.model_validate_json(playbook.model_dump_json(exclude_defaults=exclude_defaults)) == playbook


def test_several_teams_are_a_list_and_the_first_ones_zone_is_spoken() -> None:
    teams = [{"zone": "Asia/Tokyo", "week": WEEK}, {"zone": "Europe/Zagreb", "week": WEEK}]
    playbook = Playbook.model_validate({**HOTEL, "hours": teams})
    assert [team.zone for team in playbook.hours] == ["Asia/Tokyo", "Europe/Zagreb"]
    assert playbook.zone == "Asia/Tokyo"


def test_days_may_go_around_the_weekend_and_intervals_be_written_freely() -> None:
    playbook = Playbook.model_validate(
        with_hours(week={"fri-mon": "8:00 – 12:00", "tue": ["13:00-14:00", "9:00-10:00"]})
    )
    assert list(playbook.week) == ["mon", "tue", "fri", "sat", "sun"]
    assert playbook.week["tue"] == ("09:00-10:00", "13:00-14:00")
    assert playbook.week["sun"] == ("08:00-12:00",)


@pytest.mark.parametrize(
    ("interval", "expected"),
    [
        ("08:00-20:00", (480, 1200)),
        ("17:00-02:00", (1020, 1560)),
        ("00:00-24:00", (0, 1440)),
        ("20:00-00:00", (1200, 1440)),
    ],
)
def test_an_interval_over_midnight_closes_on_the_next_day(interval: str, expected: tuple[int, int]) -> None:
    assert span(interval) == expected


@pytest.mark.parametrize(
    ("data", "place", "words"),
    [
        ({**HOTEL, "langauges": ["en"]}, ("langauges",), ['unknown key "langauges"', 'did you mean "languages"?']),
        (with_hours(zone="Europe/Zagrebb"), ("hours", 0, "zone"), ["Europe/Zagrebb", 'did you mean "Europe/Zagreb"?']),
        (with_hours(zone="zagreb"), ("hours", 0, "zone"), ['did you mean "Europe/Zagreb"?']),
        (with_hours(zone="new york"), ("hours", 0, "zone"), ['did you mean "America/New_York"?']),
        (with_hours(zone="../../etc/passwd"), ("hours", 0, "zone"), ["no time zone"]),
        (with_hours(zone="Europe"), ("hours", 0, "zone"), ["no time zone"]),
        (with_hours(zone=""), ("hours", 0, "zone"), ["no time zone", '"Europe/Zagreb"']),
        (with_hours(week={"mon": ["08:00-12:00", "11:00-14:00"]}), ("hours", 0, "week", "mon"), ["overlap", "join"]),
        (
            with_hours(week={"mon": ["20:00-08:00", "21:00-22:00"]}),
            ("hours", 0, "week", "mon"),
            ["over midnight until 08:00 of the next day", 'was "08:00-20:00" meant?'],
        ),
        (with_hours(week={"mon-tue": ["17:00-09:00"], "wed": ["08:00-12:00"]}), ("hours", 0, "week", "tue"),
         ['tue "17:00-09:00" runs into wed "08:00-12:00"', 'was "09:00-17:00" meant?']),
        (with_hours(week={"sun": ["22:00-03:00"], "mon": ["02:00-10:00"]}), ("hours", 0, "week", "sun"),
         ["runs into mon"]),
        (with_hours(week={"mon": ["08:00-08:00"]}), ("hours", 0, "week", "mon", 0), ["empty", '"00:00-24:00"']),
        (with_hours(week={"mon": ["08:00-25:00"]}), ("hours", 0, "week", "mon", 0), ["does not exist", "24:00"]),
        (with_hours(week={"mon": ["9 to 5"]}), ("hours", 0, "week", "mon", 0), ["not an interval", '"08:00-20:00"']),
        (with_hours(week={"mon": [900]}), ("hours", 0, "week", "mon", 0), ["not an interval"]),
        (with_hours(week={"monday": ["08:00-20:00"]}), ("hours", 0, "week", "monday"), ["no day", "mon-fri"]),
        (with_hours(week={"mon-fri": "closed", "wed": "08:00-20:00"}), ("hours", 0, "week", "wed"),
         ["wed is given twice"]),
        (with_hours(holidays=["Croatia"]), ("hours", 0, "holidays"), ["not a country", "HR"]),
        (with_hours(exceptions=[{"date": "24.12.2026", "open": "closed"}]), ("hours", 0, "exceptions", 0, "date"),
         ["not a date", "2026-12-24"]),
        (with_hours(exceptions=[{"date": "--02-30", "open": "closed"}]), ("hours", 0, "exceptions", 0, "date"),
         ["not a date"]),
        (with_hours(exceptions=[{"date": "2026-12-24"}]), ("hours", 0, "exceptions", 0), ["`open`", "`closed`"]),
        (with_hours(exceptions=[{"open": "closed"}]), ("hours", 0, "exceptions", 0), ["`date`", "`from`"]),
        (with_hours(exceptions=[{"date": "2026-12-24", "open": "closed", "closed": True}]),
         ("hours", 0, "exceptions", 0), ["not both"]),
        (with_hours(exceptions=[{"from": "2026-12-24", "until": "2026-12-20", "closed": True}]),
         ("hours", 0, "exceptions", 0), ["ends before it begins", "from: 2026-12-20"]),
        (with_hours(exceptions=[{"from": "2026-12-24", "until": "--12-26", "closed": True}]),
         ("hours", 0, "exceptions", 0), ["both"]),
        (with_hours(exceptions=[{"date": "2026-12-24", "closed": True}, {"date": "2026-12-24", "open": "8:00-9:00"}]),
         ("hours", 0, "exceptions", 1), ["two exceptions speak of 2026-12-24"]),
        ({**HOTEL, "hours": []}, ("hours",), ["at least 1"]),
        ({**HOTEL, "replies": {"human_silence": 15}}, ("replies", "human_silence"), ["not a duration", '"15m"']),
        ({**HOTEL, "replies": {"human_silence": ""}}, ("replies", "human_silence"), ["not a duration"]),
        ({**HOTEL, "replies": {"away": {"once_per": "day"}}}, ("replies", "away", "once_per"), ["not a duration"]),
        ({**HOTEL, "replies": {"loop_guard": {"per_24_hours": 0}}}, ("replies", "loop_guard", "per_24_hours"), ["1"]),
        ({**HOTEL, "texts": {"hr": {"awya": "x"}}}, ("texts", "hr", "awya"), ['"awya"', 'did you mean "away"?']),
        ({**HOTEL, "texts": {"hr": {"away": "  "}}}, ("texts", "hr", "away"), ["empty"]),
        ({**HOTEL, "texts": {"hr": {"away": "{firstname}"}}}, ("texts", "hr", "away"), ["did you mean {first_name}?"]),
        ({**HOTEL, "texts": {"hr": {"away": "{0.__class__}"}}}, ("texts", "hr", "away"), ["unknown placeholder"]),
        ({**HOTEL, "texts": {"hr": {"away": "a [[b"}}}, ("texts", "hr", "away"), ["never closed"]),
        ({**HOTEL, "texts": {"sl": {"away": "Zaprto."}}}, ("texts", "sl"), ['"sl"', "`languages`"]),
        ({**HOTEL, "incident": {"text": {"fr": "Panne."}}}, ("incident", "text", "fr"), ['"fr"', "`languages`"]),
        ({**HOTEL, "languages": ["english"]}, ("languages", 0), ["not a language code"]),
        ({**HOTEL, "languages": ["hr", "en", "de", False]}, ("languages", 3), ["in quotes for Norwegian"]),
        ({**HOTEL, "languages": ["hr", "en", "de", "hr"]}, ("languages", 3), ['language "hr" is given twice']),
        ({**HOTEL, "faq": HOTEL["faq"] * 2}, ("faq", 1, "id"), ['FAQ id "parking" is given twice']),
        ({**HOTEL, "opt_out": ["STOP"], "opt_in": ["stop"]}, ("opt_in",), ['"stop" cannot be both']),
        ({**HOTEL, "opt_out": [" "]}, ("opt_out",), ["empty word"]),
        ({**HOTEL, "brand": ""}, ("brand",), ["at least 1"]),
        ("a text", (), ["dictionary"]),
    ],
)  # fmt: skip
def test_a_mistake_is_told_where_it_is_with_what_would_be_right(
    data: Any, place: tuple[int | str, ...], words: list[str]
) -> None:
    found = mistakes(data)
    assert found[0][0] == place
    for word in words:
        assert word in found[0][1]


def test_all_mistakes_are_told_at_once() -> None:
    data = {**with_hours(zone="Europe/Zagrebb", week={"mon": ["x"]}), "brand": ""}
    assert [place for place, _ in mistakes(data)] == [
        ("brand",),
        ("hours", 0, "zone"),
        ("hours", 0, "week", "mon", 0),
    ]


def test_the_first_service_level_that_fits_counts() -> None:
    levels = [
        {"channel": "*", "tag": "vip", "first_reply": "10m"},
        {"channel": "whatsapp", "first_reply": "90s"},
        {"first_reply": "4h"},
    ]
    playbook = Playbook.model_validate({**HOTEL, "service_levels": levels})
    assert playbook.service_level("whatsapp", ("vip",)).first_reply == 600
    assert playbook.service_level("whatsapp").first_reply == 90
    assert playbook.service_level("messenger").first_reply == 4 * 3_600
    assert Playbook.model_validate({**HOTEL, "service_levels": []}).service_level("messenger").first_reply == 3_600


def test_an_incident_stands_between_its_times_in_the_zone_of_the_playbook() -> None:
    banner = {"text": {"en": "We have a fault."}, "from": "2026-10-12T08:00", "until": "2026-10-12T20:00:00+02:00"}
    playbook = Playbook.model_validate({**HOTEL, "incident": banner})
    stands = [playbook.incident_at(datetime(2026, 10, 12, hour, tzinfo=UTC)) is not None for hour in (5, 6, 17, 18)]
    assert stands == [False, True, True, False]
    assert Playbook.model_validate(HOTEL).incident_at(datetime(2026, 10, 12, tzinfo=UTC)) is None


def test_a_channel_answers_unless_it_is_switched_off() -> None:
    playbook = Playbook.model_validate({**HOTEL, "channels": {"webchat": {"away": False}}})
    assert (playbook.on("webchat").instant, playbook.on("webchat").away) == (True, False)
    assert (playbook.on("whatsapp").instant, playbook.on("whatsapp").away) == (True, True)


def test_texts_are_kept_by_language_and_kind_and_words_without_case() -> None:
    playbook = Playbook.model_validate({**HOTEL, "texts": {"de": {"away": "Zu."}}, "opt_out": ["  Nein  DANKE "]})
    assert playbook.texts["de"][TextKind.AWAY] == "Zu."
    assert playbook.opt_out == ("nein danke",)


def test_other_ways_are_one_line() -> None:
    ways = {"email": "info@jadran.example", "phone": "+385 1 555", "links": ["https://jadran.example"]}
    assert (
        Playbook.model_validate({**HOTEL, "ways": ways}).ways.line
        == "+385 1 555, info@jadran.example, https://jadran.example"
    )
    assert Playbook.model_validate(HOTEL).ways.line == ""


def test_the_schema_for_editors_knows_both_forms_of_the_hours() -> None:
    schema = Playbook.model_json_schema()
    assert {"$ref": "#/$defs/Hours"} in schema["properties"]["hours"]["anyOf"]
    assert schema["additionalProperties"] is False
