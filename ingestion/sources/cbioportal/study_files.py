"""Which samples were sequenced, and over what: case lists, gene panels, panel matrix; and the meta files beside them.

Case lists and gene panels are lines of `key: value`.
"""

import re
from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from infra.errors import FileError
from infra.settings import Site
from ingestion.columnar import find_name, header_of, read_columns
from ingestion.format import Format, Probe, RawFile
from ingestion.sources.cbioportal.raw import GENE_PANEL_FILE, MISSING, PROFILED_SAMPLE

EXOME = "exome"
"""Panel of a sample that is listed as sequenced and not assigned to a gene panel (cBioPortal's own reading)."""

_KEY_LINE = re.compile(r"([A-Za-z0-9_]+):[ \t]*(.*)")
# Case lists that contain every sample profiled for mutations; 'all', 'cna', '3way_complete' ... do not say that.
_SEQUENCED_LIST = re.compile(r".*_(sequenced|cnaseq)$")
_SEQUENCED_CATEGORIES = ("all_cases_with_mutation_data", "all_cases_with_mutation_and_cna_data")


def _keys(text: str) -> dict[str, str]:
    """The `key: value` lines of a text; empty where its first line is none."""
    lines = [line for line in text.split("\n") if line.strip() and not line.startswith("#")]
    if not lines or not _KEY_LINE.match(lines[0]):
        return {}
    return {m[1]: m[2].strip() for m in map(_KEY_LINE.match, lines) if m}


def _words(text: str) -> list[str]:
    return text.split()


def _is_panel(keys: dict[str, str]) -> bool:
    return "stable_id" in keys and ("gene_list" in keys or "number_of_profiled_coding_base_pairs" in keys)


def _recognise_meta(probe: Probe) -> bool:
    keys = _keys(probe.text)
    return "cancer_study_identifier" in keys and "case_list_ids" not in keys and not _is_panel(keys)


def _recognise_case_list(probe: Probe) -> bool:
    return "case_list_ids" in _keys(probe.text)


def _recognise_panel(probe: Probe) -> bool:
    keys = _keys(probe.text)
    return _is_panel(keys) and "case_list_ids" not in keys


def _recognise_matrix(probe: Probe) -> bool:
    header = header_of(probe.lines)
    return (
        find_name(header, "SAMPLE_ID") is not None
        and find_name(header, "PATIENT_ID") is None
        and ("mutations" in header or "gene_panel_matrix" in probe.name.lower())
    )


def read_meta(raw: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """A meta file describes other files and holds no records: each file is recognised from its own content."""
    return iter(())


def read_case_list(raw: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """One record a sample of a list of sequenced samples; no record for other lists.

    Raises FileError where the list names no sample.
    """
    keys = _keys(raw.text)
    is_sequenced = (
        _SEQUENCED_LIST.match(keys.get("stable_id", "")) or keys.get("case_list_category") in _SEQUENCED_CATEGORIES
    )
    if not is_sequenced:
        return
    samples = _words(keys.get("case_list_ids", ""))
    if not samples:
        raise FileError("The case list names no sample after case_list_ids; expected identifiers between tabs.")
    yield PROFILED_SAMPLE.batch(file_row=list(range(len(samples))), sample_id=samples, panel_id=[EXOME] * len(samples))


def read_panel(raw: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """One record: the panel, its coding base pairs as given, its number of genes. Raises FileError without a name."""
    keys = _keys(raw.text)
    if not keys.get("stable_id"):
        raise FileError("The gene panel has no stable_id; expected a line such as 'stable_id: PANEL1'.")
    genes = _words(keys.get("gene_list", ""))
    yield GENE_PANEL_FILE.batch(
        file_row=[0],
        panel_id=[keys["stable_id"]],
        coding_base_pairs=[keys.get("number_of_profiled_coding_base_pairs") or None],
        n_genes=[len(genes) or None],
    )


def read_matrix(raw: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """One record for each sample with a panel in the column `mutations`.

    NA says 'on no panel or not profiled', which only the list of sequenced samples decides: no record.
    """
    table = read_columns(raw.text)
    sample_id = table.need("SAMPLE_ID", missing=MISSING)
    panel_id = table.get("mutations", missing=MISSING)
    if panel_id is None:
        return
    rows = pc.indices_nonzero(pc.is_valid(panel_id))
    yield PROFILED_SAMPLE.batch(
        file_row=rows.cast(pa.int64()),
        problem=table.problems.take(rows),
        sample_id=sample_id.take(rows),
        panel_id=panel_id.take(rows),
    )


STUDY_META = Format(
    name="cbioportal_meta",
    looked_for="a cBioPortal meta file with cancer_study_identifier",
    recognise=_recognise_meta,
    read=read_meta,
    raw=PROFILED_SAMPLE,  # it yields no record of this or any kind
)
CASE_LIST = Format(
    name="cbioportal_case_list",
    looked_for="a cBioPortal case list with case_list_ids",
    recognise=_recognise_case_list,
    read=read_case_list,
    raw=PROFILED_SAMPLE,
)
GENE_PANEL = Format(
    name="cbioportal_gene_panel",
    looked_for="a cBioPortal gene panel with stable_id and gene_list or number_of_profiled_coding_base_pairs",
    recognise=_recognise_panel,
    read=read_panel,
    raw=GENE_PANEL_FILE,
)
PANEL_MATRIX = Format(
    name="cbioportal_panel_matrix",
    looked_for="a cBioPortal gene panel matrix with columns SAMPLE_ID and mutations",
    recognise=_recognise_matrix,
    read=read_matrix,
    raw=PROFILED_SAMPLE,
)
