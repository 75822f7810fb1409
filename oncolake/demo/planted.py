"""Holds what ingestion reported against the list of planted defects: each is found, and nothing else is."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from ingestion.report import FileReport
from oncolake.demo.defects import Defect


def differences(
    defects: Sequence[Defect], landing: Path, reports: Sequence[FileReport], reasons: Mapping[str, set[str]]
) -> list[str]:
    """Sentences on every planted defect that was not found as expected, and on everything refused beyond them.

    reports: one for each file of the landing folder. reasons: by file id, the reasons in quarantine.
    """
    expected = {landing.resolve() / d.file: d for d in defects}
    found: list[str] = []
    for report in reports:
        path = Path(report.path).resolve()
        name = path.relative_to(landing.resolve())
        defect = expected.pop(path, None)
        wanted = defect.expected if defect else {"status": "ingested", "quarantined": 0, "duplicates": 0}
        got = {"status": report.status, "quarantined": report.quarantined, "duplicates": report.duplicates}
        if any(got[key] != wanted[key] for key in got):
            kind = defect.kind if defect else "nothing planted"
            found.append(
                f"{name} ({kind}): expected {_brief(wanted)}, got {_brief(got)} {report.reason or ''}".rstrip()
            )
            continue
        word = defect.expected.get("reason") if defect else None
        said = {report.reason or ""} | reasons.get(report.file_id or "", set())
        if word and not any(str(word).lower() in reason.lower() for reason in said):
            found.append(f"{name}: the reason does not say {word!r}")
    found.extend(f"{d.file} ({d.kind}) was not seen at all" for d in expected.values())
    return found


def _brief(counts: Mapping[str, object]) -> str:
    return f"{counts['status']}, {counts['quarantined']} quarantined, {counts['duplicates']} duplicates"
