"""Rows that break one check each, made from the declaration itself."""

import re
from datetime import UTC, datetime, timedelta
from typing import Any

from infra.checks import Between, Check, Matches, NotBefore, NotNull, OneOf
from infra.table import Table

CANARY_TEXT = "Durand-Canary"
CANARY_NUMBER = 123456.789
PSEUDONYM = "a2" * 13
EVENT = datetime(2024, 3, 28, 10, tzinfo=UTC)

_CLEAN: dict[str, dict[str, Any]] = {
    "vital_sign": {"case_id": PSEUDONYM, "patient_id": PSEUDONYM, "signal": "MAP", "value": 70.0, "unit": "mm[Hg]"},
    "outcome": {"patient_id": PSEUDONYM, "endpoint": "response", "assessment": "first", "outcome_time": EVENT,
                "is_event": True, "category": "CR", "criterion": "RANO"},
    "cytokine_result": {
        "plate_id": PSEUDONYM, "well": "A1", "sample_id": PSEUDONYM, "replicate": 1, "sample_type": "unknown",
        "analyte": "IL6", "analyte_as_given": "IL-6", "uniprot_id": "P05231", "value": 12.5, "operator": "=",
        "unit": "pg/mL", "platform": "luminex_xponent", "dilution_factor": 2.0, "bead_count": 50, "total_events": 500,
        "qc_flag": "pass", "reporting_delay_days": 14.0,
    },
}  # fmt: skip
TABLES_SHOWN = tuple(_CLEAN)


def clean_row(table: Table) -> dict[str, Any]:
    """A row that breaks nothing, with every conformed column."""
    lineage = {"site_id": "paris", "file_id": "f", "file_row": 0, "event_time": EVENT, "known_time": EVENT}
    return {c.name: None for c in table.conformed_columns} | lineage | _CLEAN[table.name]


def breaking_row(table: Table, column: str, check: Check) -> dict[str, Any]:
    """A row that breaks this check (and perhaps others). Texts and numbers are canaries where they can be."""
    row = clean_row(table) | _where(check.where)
    match check:
        case NotNull():
            broken: Any = None
        case OneOf() | Matches():
            broken = CANARY_TEXT
        case Between(low=low, high=high):
            integral = next(c.type for c in table.columns if c.name == column) != "double"
            broken = CANARY_NUMBER if high is not None and high < CANARY_NUMBER else low - 1  # type: ignore[operator]
            broken = int(broken) if integral else float(broken)
        case NotBefore(other=other):
            broken = row[other] - timedelta(days=1)
    return row | {column: broken}


def _where(condition: str | None) -> dict[str, Any]:
    """Values that meet the condition of a check; only the forms that declarations use."""
    if condition is None or condition.endswith("IS NOT NULL"):
        return {}
    if match := re.fullmatch(r"(\w+) (?:=|IN) \(?'([^']+)'.*", condition):
        return {match[1]: match[2]}
    if match := re.fullmatch(r"(\w+) <> .*", condition):
        return {match[1]: "pg/mL"}
    if match := re.fullmatch(r"(\w+) IS NULL", condition):
        return {match[1]: None}
    raise ValueError(f"no example meets the condition {condition}")
