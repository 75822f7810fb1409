"""What the Olink formats share: one raw record is one assay of one sample, its value an NPX.

NPX (normalised protein expression) is log2 and relative to the project: unit '{NPX}'. A value below the assay's LOD is
still a value: operator '=', the LOD in lloq, qc_flag 'below_lod'. A warning about the sample or the assay goes before
that. Everything works on whole columns, so that millions of rows need no Python loop.
"""

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from ingestion.problems import join_problems, where
from ingestion.sources.cytokine.analytes import resolve_all
from ingestion.sources.cytokine.names import sample_type_of
from ingestion.sources.cytokine.raw import CYTOKINE
from ingestion.sources.cytokine.values import Readings, read_values

UNIT = "{NPX}"
_SAMPLE_TYPES = {
    "sample": "unknown",
    "sample_control": "control",
    "plate_control": "control",
    "control": "control",
    "negative_control": "blank",
}


def fold(name: object) -> str:
    """A column's or row's name without case, spaces and punctuation: 'Uniprot ID' and 'UniProt_ID' are one."""
    return "".join(c for c in str(name).casefold() if c.isalnum())


def qc_state(text: str | None) -> str | None:
    """'pass', 'warning' or 'fail' from 'Pass', 'PASS', 'Warning', 'WARN', 'EXCLUDED'; None where nothing is said."""
    state = (text or "").strip().casefold()
    if state in ("", "na", "nan", "none"):
        return None
    if state == "pass":
        return "pass"
    return "fail" if "fail" in state or "exclu" in state else "warning"


def sample_type(declared: str | None, name: str | None) -> str:
    """What the sample is: as the file's SampleType says, else from its name (CONTROL_SAMPLE_AS 1, IPC, Neg 2)."""
    given = (declared or "").strip().casefold().replace(" ", "_")
    return _SAMPLE_TYPES.get(given) or sample_type_of(name or "")


def map_distinct(values: pa.Array, function) -> pa.Array:  # type: ignore[no-untyped-def]
    """A function of text over a string array; each distinct value, null included, is mapped once."""
    encoded = values.cast(pa.string()).dictionary_encode(null_encoding="encode")
    return pa.array([function(v) for v in encoded.dictionary.to_pylist()], pa.string()).take(encoded.indices)


def npx_readings(numbers: pa.Array, texts: pa.Array | None = None) -> Readings:
    """Readings of NPX cells: from numbers where the file has them, from texts where it has something else.

    No value (blank, NaN, NA) is 'not_reported': unlike on a Luminex plate, NaN does not say that the well was empty.
    """
    numbers = pc.if_else(pc.fill_null(pc.is_finite(numbers), False), numbers, pa.scalar(None, pa.float64()))
    given = pc.is_valid(numbers)
    rest = read_values(pa.nulls(len(numbers), pa.string()) if texts is None else texts)
    is_missing = pc.fill_null(pc.is_in(rest.qc_flag, pa.array(["empty_well", "not_applicable"])), False)
    return Readings(
        value=pc.if_else(given, numbers, rest.value),
        operator=pc.if_else(given, "=", rest.operator),
        limit=rest.limit,
        qc_flag=pc.if_else(given, "pass", pc.if_else(is_missing, "not_reported", rest.qc_flag)),
        problem=pc.if_else(given, pa.scalar(None, pa.string()), rest.problem),
    )


def qc_flags(readings: Readings, lod: pa.Array, states: list[pa.Array]) -> pa.Array:
    """The flag of each record: fail, why there is no value, warning, below_lod, pass; the first that holds.

    states: columns of `qc_state` (of the sample, of the assay).
    """
    nothing = pa.nulls(len(lod), pa.bool_())
    is_fail = is_warning = pc.fill_null(nothing, False)
    for state in states:
        is_fail = pc.or_(is_fail, pc.fill_null(pc.equal(state, "fail"), False))
        is_warning = pc.or_(is_warning, pc.fill_null(pc.equal(state, "warning"), False))
    is_below = pc.fill_null(pc.less(readings.value, lod), False)
    is_plain = pc.fill_null(pc.equal(readings.qc_flag, "pass"), False)
    flag = pc.if_else(pc.and_(is_plain, is_below), "below_lod", readings.qc_flag)
    flag = pc.if_else(pc.and_(is_plain, is_warning), "warning", flag)
    return pc.if_else(is_fail, "fail", flag)


def replicate_numbers(keys: list[pa.Array], value: pa.Array) -> pa.Array:
    """Numbers records of one key from 1 by their distinct values, in order; the same row twice has one number.

    Target 96 exports name no well: a control that stands three times on a plate would otherwise be three versions of
    one record. keys: string columns, null is a value of its own.
    """
    columns = [pc.fill_null(key.cast(pa.string()), "") for key in keys]
    key = pc.binary_join_element_wise(*columns, "\x1f").dictionary_encode()
    text = pc.fill_null(pc.cast(value, pa.string()), "")
    pair = pc.binary_join_element_wise(pc.cast(key.indices, pa.string()), text, "\x1f").dictionary_encode()
    key_codes, pair_codes = key.indices.to_numpy(), pair.indices.to_numpy()
    _, first = np.unique(pair_codes, return_index=True)  # codes count up by first appearance
    key_of_pair = key_codes[first]
    order = np.argsort(key_of_pair, kind="stable")
    ordered = key_of_pair[order]
    starts = np.flatnonzero(np.r_[True, ordered[1:] != ordered[:-1]]) if len(ordered) else np.empty(0, int)
    lengths = np.diff(np.r_[starts, len(ordered)])
    numbers = np.empty(len(ordered), np.int32)
    numbers[order] = np.arange(len(ordered)) - np.repeat(starts, lengths) + 1
    return pa.array(numbers[pair_codes])


def olink_batch(
    *,
    file_row: pa.Array,
    plate_id: pa.Array,
    sample: pa.Array,
    sample_types: pa.Array,
    assay: pa.Array,
    uniprot: pa.Array,
    olink_id: pa.Array,
    panel: pa.Array,
    platform: pa.Array,
    readings: Readings,
    reported: pa.Array,
    lod: pa.Array,
    qc: list[pa.Array],
    replicate: pa.Array,
    well: pa.Array | None = None,
    problem: pa.Array | None = None,
) -> pa.RecordBatch:
    """The raw records of whole columns of one length. qc: columns as the file writes them."""
    analyte, uniprot_id = resolve_all(assay, uniprot)
    problems = [readings.problem] if problem is None else [problem, readings.problem]
    for column, what in ((sample, "sample"), (assay, "assay"), (plate_id, "plate")):
        problems.append(where(pc.is_null(column), f"the row names no {what}"))
    return CYTOKINE.batch(
        file_row=file_row,
        problem=join_problems(*problems),
        plate_id=plate_id,
        sample=sample,
        well=well,
        replicate=replicate,
        sample_type=sample_types,
        analyte_as_given=assay,
        analyte=analyte,
        uniprot_id=uniprot_id,
        assay_id=olink_id,
        panel=panel,
        platform=platform,
        reported=reported,
        value=readings.value,
        operator=readings.operator,
        lloq=pc.if_else(pc.fill_null(pc.equal(readings.operator, "<"), False), pc.coalesce(readings.limit, lod), lod),
        uloq=pc.if_else(pc.equal(readings.operator, ">"), readings.limit, pa.scalar(None, pa.float64())),
        unit=pa.array([UNIT] * len(file_row), pa.string()),
        qc_flag=qc_flags(readings, lod, [map_distinct(column, qc_state) for column in qc]),
    )
