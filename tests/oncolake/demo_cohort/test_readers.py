"""Every generated file through the product's own readers: each is what it should be, and only planted ones are not."""

from collections import Counter
from pathlib import Path

import pytest

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Probe, RawFile, recognise
from ingestion.registry import SOURCES
from oncolake.demo.cohort import Cohort
from oncolake.demo.defects import Defect

FORMATS = {
    "clinical": {"patient_csv", "specimen_csv", "treatment_csv", "biomarker_csv", "outcome_csv"},
    "imaging": {"dicom", "pyradiomics_csv"},
    "exosome": {"nanosight_summary"},
    "cytokine": {"luminex_xponent", "olink_wide"},
    "mutations": {"maf", "cbioportal_meta", "cbioportal_gene_panel", "cbioportal_panel_matrix", "cbioportal_case_list"},
    "vitals": {"vitals_wide_csv", "vitals_long_csv"},
}
FOUND_BY_READERS = ("unknown_category", "no_date", "ragged_row")
"""Kinds of bad rows that a reader sees; the others are the gate's to find."""


def read(path: Path, source: str, site: Site) -> tuple[str, int, list[str]]:
    """The name of the format, the records, and the problems of records. Raises FileError as the pipeline would."""
    probe = Probe.at(path)
    if probe.size == 0:
        raise FileError("empty")
    format_ = recognise(SOURCES[source].formats, probe)
    if format_ is None:
        raise FileError("binary" if probe.is_binary else "text")
    companions = {p.name: p for p in format_.companions(path)}
    batches = list(format_.read(RawFile.at(path, companions), site))
    problems = [p for b in batches for p in b.column("problem").to_pylist() if p is not None]
    return format_.name, sum(b.num_rows for b in batches), problems


@pytest.mark.parametrize("source", FORMATS)
def test_only_planted_files_are_refused_and_only_planted_rows_have_problems(
    source: str, cohort: Cohort, landing: Path
) -> None:
    planted: dict[str, Defect] = {d.file: d for d in cohort.defects}
    formats: Counter[str] = Counter()
    for delivery in cohort.deliveries:
        if delivery.source != source:
            continue
        site = Site.model_validate({**cohort.sites[delivery.site_id], "site_id": delivery.site_id})
        for path in sorted(p for p in delivery.folder.rglob("*") if p.is_file()):
            name = str(path.relative_to(landing))
            defect = planted.get(name)
            if defect and defect.expected["status"] == "rejected":
                with pytest.raises(FileError, match=f"(?i){defect.expected['reason']}"):
                    read(path, source, site)
                continue
            format_name, _, problems = read(path, source, site)
            formats[format_name] += 1
            expected = defect.expected["quarantined"] if defect and defect.kind in FOUND_BY_READERS else 0
            assert (name, len(problems)) == (name, expected)
            assert all(str(defect.expected["reason"]) in p for p in problems if defect)
    assert set(formats) == FORMATS[source]
