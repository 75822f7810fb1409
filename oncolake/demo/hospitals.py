"""The three hospitals of the demo: how each writes dates, numbers, names and words."""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Literal
from zoneinfo import ZoneInfo


@dataclass(frozen=True)
class Hospital:
    """A hospital and the habits of its exports. Times in the demo are naive and local to `time_zone`."""

    site_id: str
    time_zone: str
    day_first: bool
    date_format: str
    time_format: str
    separator: str
    has_decimal_comma: bool
    encoding: str
    line_end: str
    words: dict[str, str]
    monitor_layout: Literal["wide", "long"]
    scanner: tuple[str, str, float]
    transfer_syntax: Literal["explicit", "implicit", "big_endian"]
    reporting_delay_days: dict[str, float]
    families: tuple[str, ...]
    givens: tuple[str, ...]

    def write_date(self, day: date) -> str:
        """A day as the hospital writes it."""
        text = day.strftime(self.date_format)
        return text if self.day_first else _unpadded(text)

    def write_time(self, moment: datetime) -> str:
        """A local time as the hospital writes it."""
        text = moment.strftime(self.time_format)
        return text if self.day_first else _unpadded(text)

    def instrument_date(self, day: date) -> str:
        """A day as instruments in its laboratory write it, which follow the computer's locale and not the export's."""
        return day.strftime("%d/%m/%Y" if self.day_first else "%m/%d/%Y")

    def write_number(self, value: float, digits: int = 1) -> str:
        """A number with the hospital's decimal sign."""
        text = f"{value:.{digits}f}"
        return text.replace(".", ",") if self.has_decimal_comma else text

    def word(self, word: str) -> str:
        """An English code word in the hospital's language, where it has its own."""
        return self.words.get(word, word)

    def utc(self, moment: datetime) -> str:
        """A local time as ISO 8601 in UTC."""
        return moment.replace(tzinfo=ZoneInfo(self.time_zone)).astimezone(UTC).isoformat()

    @property
    def settings(self) -> dict[str, object]:
        """What `infra.settings.Site` is told about it."""
        return {
            "day_first": self.day_first,
            "time_zone": self.time_zone,
            "reporting_delay_days": dict(self.reporting_delay_days),
        }


def _unpadded(text: str) -> str:
    """'03/07/2024 09:05' as American software writes it: '3/7/2024 9:05'."""
    day, _, rest = text.partition(" ")
    day = "/".join(part.lstrip("0") for part in day.split("/"))
    return f"{day} {rest.removeprefix('0')}" if rest else day


_DELAYS = {"imaging": 1.0, "exosome": 2.0, "cytokine": 10.0, "mutations": 28.0}

HOSPITALS = (
    Hospital(
        site_id="toulouse",
        time_zone="Europe/Paris",
        day_first=True,
        date_format="%d/%m/%Y",
        time_format="%d/%m/%Y %H:%M:%S",
        separator=";",
        has_decimal_comma=True,
        encoding="cp1252",
        line_end="\r\n",
        words={
            "female": "femme",
            "male": "homme",
            "true": "oui",
            "false": "non",
            "stereotactic radiotherapy": "radiothérapie stéréotaxique",
        },
        monitor_layout="wide",
        scanner=("SIEMENS", "Skyra", 3.0),
        transfer_syntax="explicit",
        reporting_delay_days=_DELAYS,
        families=(
            "Durand",
            "Lefebvre",
            "Moreau",
            "Fournier",
            "Girard",
            "Bonnet",
            "Lambert",
            "Rousseau",
            "Vincent",
            "Muller",
            "Faure",
            "Mercier",
            "Blanc",
            "Guerin",
            "Boyer",
            "Chevalier",
        ),
        givens=("Marie", "Jean", "Luc", "Claire", "Paul", "Anne", "Denis", "Odile", "Rémi", "Hélène"),
    ),
    Hospital(
        site_id="boston",
        time_zone="America/New_York",
        day_first=False,
        date_format="%m/%d/%Y",
        time_format="%m/%d/%Y %I:%M:%S %p",
        separator=",",
        has_decimal_comma=False,
        encoding="utf-8-sig",
        line_end="\r\n",
        words={"female": "F", "male": "M", "true": "1", "false": "0"},
        monitor_layout="wide",
        scanner=("GE MEDICAL SYSTEMS", "DISCOVERY MR750", 3.0),
        transfer_syntax="implicit",
        reporting_delay_days=_DELAYS,
        families=(
            "Walker",
            "Bennett",
            "Coleman",
            "Reyes",
            "Sullivan",
            "Harper",
            "Ortiz",
            "Fleming",
            "Nolan",
            "Chambers",
            "Draper",
            "Whitaker",
            "Lowell",
            "Pierce",
            "Quinn",
            "Tate",
        ),
        givens=("James", "Linda", "Robert", "Carol", "Eric", "Nancy", "Scott", "Diane", "Kevin", "Ruth"),
    ),
    Hospital(
        site_id="berlin",
        time_zone="Europe/Berlin",
        day_first=True,
        date_format="%Y-%m-%d",
        time_format="%Y-%m-%d %H:%M:%S",
        separator=",",
        has_decimal_comma=False,
        encoding="utf-8",
        line_end="\n",
        words={},
        monitor_layout="long",
        scanner=("Philips Medical Systems", "Ingenia", 1.5),
        transfer_syntax="big_endian",
        reporting_delay_days=_DELAYS,
        families=(
            "Schneider",
            "Fischer",
            "Weber",
            "Wagner",
            "Becker",
            "Hoffmann",
            "Koch",
            "Richter",
            "Klein",
            "Neumann",
            "Braun",
            "Krüger",
            "Hartmann",
            "Lange",
            "Krause",
            "Lehmann",
        ),
        givens=("Hans", "Ursula", "Peter", "Monika", "Jürgen", "Karin", "Uwe", "Sabine", "Klaus", "Petra"),
    ),
)
