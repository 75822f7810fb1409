"""NanoSight NTA ExperimentSummary CSV (software 3.2 to 3.4): a raw record a video, and one for the average.

- Sizes and bins are those of the FTLA analysis with Number weighting; surface, volume and diffusion blocks are not.
- A number after "Dilution factor (concentrations adjusted for this factor)" is already in every concentration.
  Where it is "Not recorded", nothing was applied, and a factor in the name of the video, sample or file is kept
  beside the values (see `names`); nothing is multiplied here (see `summary`).
- The sample is Sample Name, or Sample Description; where both are blank, the experiment's name from the video's,
  without its dilution. Nothing else is read out of a name: `P1_2` may be an injection or a visit.
- The measurement is the experiment with the time of capture: the same sample measured again is another one.
- Validity of a video: `no_data` where the file says "No Data" or gives no size bins, `no_particles` where none was
  tracked, `unreliable` where the instrument doubts the concentration, else `valid`.
- The instrument's average counts its failed videos in, so it is valid only where all of them are.
"""

import math
import re
from collections.abc import Iterator
from itertools import pairwise

import pyarrow as pa

from infra.errors import FileError
from infra.settings import Site
from ingestion.dates import parse_times
from ingestion.format import Format, Probe, RawFile
from ingestion.sources.exosome.names import dilution_in, experiment_of, without_dilution
from ingestion.sources.exosome.raw import NTA_VIDEO
from ingestion.sources.exosome.sections import Row, SizeBlock, Summary, read_summary

TITLE = "NTA Experiment Summary File"
_DILUTION = "Dilution factor (concentrations adjusted for this factor)"
_CONCENTRATION = "Concentration (Particles / ml)"
_VALIDITY = "Validity of concentration measurement"
_AVERAGE = "Average"
_SIZES = {
    "Mean": "mean_nm",
    "Mode": "mode_nm",
    "SD": "sd_nm",
    "D10": "d10_nm",
    "D50": "d50_nm",
    "D90": "d90_nm",
    "Valid Tracks": "valid_tracks",
}
_NO_VALUE = frozenset({"", "no data", "not recorded", "nan", "n/a", "na", "-", "#n/a", "#div/0!"})
_NUMBER = re.compile(r"[+-]?(\d+([.,]\d*)?|[.,]\d+)([eE][+-]?\d+)?")
_TIME_FIRST = re.compile(r"(\d{1,2}:\d{2}(?::\d{2})?(?:\s*[AaPp][Mm])?)\s+(\S+)")


def is_nanosight_summary(probe: Probe) -> bool:
    """The title in one of the first lines."""
    return any(line.lstrip(' "').startswith(TITLE) for line in probe.lines[:5])


def read_nanosight_summary(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """Raw records of a summary file, the videos in their order and the instrument's average last.

    Raises FileError where the file has no videos, no Number-weighted FTLA sizes, is cut short within its bins, or
    dates its capture in a way that can be read two ways.
    """
    summary = read_summary(file.text)
    block = summary.block("FTLA", "Number")
    if block is None or not block.bins:
        raise FileError("The NanoSight summary has no size data by FTLA with Number weighting; is it cut short?")
    _refuse_broken_bins(summary, block)
    time_text = _capture_time_text(summary)
    times, problems = parse_times(pa.array([time_text], pa.string()), site, "Time Captured")
    captured, problem = times[0].as_py(), problems[0]
    records = [_video(summary, block, i, file.name) for i in range(len(summary.videos))]
    if _AVERAGE in block.labels:
        records.append(_average(summary, block, records))
    for record in records:
        record["problem"] = record["problem"] or problem
        record["measured_time"] = captured
        record["measurement_id"] = f"{record['measurement_id']} {captured.isoformat() if captured else ''}".strip()
    columns = {name: [record.get(name) for record in records] for name in NTA_VIDEO.arrow.names if name != "file_row"}
    yield NTA_VIDEO.batch(file_row=list(range(len(records))), **columns)


def _refuse_broken_bins(summary: Summary, block: SizeBlock) -> None:
    """Raises FileError where bins are missing at the end or in between: a total over the rest would be wrong."""
    promised = any("percentiles" in key.lower() for key in summary.sections.get("Data Included", {}))
    is_ragged = len(block.bins[-1]) < len(summary.videos) + 1
    if not block.is_followed and (promised or is_ragged):
        raise FileError(
            f"The NanoSight summary is cut short: it ends after {len(block.bins)} size bins; expected the rest of the "
            "bins and the percentiles below them."
        )
    centres = [_number(row[0]) or math.nan for row in block.bins]
    steps = [after - before for before, after in pairwise(centres)]
    is_even = [step > 0 and math.isclose(step, steps[0], rel_tol=0.01) for step in steps]
    uneven = next((i for i, even in enumerate(is_even) if not even), None)
    if uneven is not None:
        raise FileError(
            f"The size bins are not evenly spaced after bin {uneven + 1} of {len(block.bins)}; "
            "expected centres that rise by the same step."
        )


def _capture_time_text(summary: Summary) -> str | None:
    """Time Captured with the date first: the instrument writes '11:52:04  16/06/2020'."""
    text = summary.detail("Time Captured")
    match = _TIME_FIRST.fullmatch(text) if text else None
    return f"{match[2]} {match[1]}" if match else text


def _video(summary: Summary, block: SizeBlock, index: int, file_name: str) -> dict[str, object]:
    name = summary.videos[index]
    twice = summary.videos[:index].count(name)
    column = _column(block.labels, name, twice)
    record = _measured(summary, block, index, column)
    experiment = experiment_of(name) if name else ""
    stated = summary.detail("Sample Name") or summary.detail("Sample Description")
    applied = _cell(summary.sections.get("Results", {}).get(_DILUTION, []), index)
    found = None if applied else dilution_in(name, stated, file_name)
    if not name:
        record["problem"] = "the video has no name"
    return record | {
        "sample_id": without_dilution(stated or experiment),
        "measurement_id": experiment,
        # The name of a video is its key in the measurement: a repeated one is told apart by its order.
        "video": f"{name} #{twice + 1}" if twice else name,
        "is_instrument_average": False,
        "dilution_factor": applied or (f"{found:g}" if found else None),
        "is_dilution_applied": applied is not None,
        "validity": _validity(summary, record, index),
    }


def _average(summary: Summary, block: SizeBlock, videos: list[dict[str, object]]) -> dict[str, object]:
    """The instrument's own average. Of several samples or experiments it is that of the experiment that joins them."""
    at = summary.result_labels.index(_AVERAGE) if _AVERAGE in summary.result_labels else len(summary.videos)
    record = _measured(summary, block, at, block.labels.index(_AVERAGE))
    joined = (summary.detail("Experiment Name") or "average").removesuffix(".nano").strip(" _-")

    def shared(name: str, otherwise: object) -> object:
        values = {video[name] for video in videos}
        return values.pop() if len(values) == 1 else otherwise

    return record | {
        "sample_id": shared("sample_id", joined),
        "measurement_id": shared("measurement_id", joined),
        "video": None,
        "is_instrument_average": True,
        "dilution_factor": shared("dilution_factor", None),
        "is_dilution_applied": shared("is_dilution_applied", False),
        "validity": shared("validity", "unreliable"),
    }


def _measured(summary: Summary, block: SizeBlock, index: int, column: int | None) -> dict[str, object]:
    """What one column holds: `index` among the results, `column` in the size block (None: it has none)."""
    record: dict[str, object] = {
        "problem": None,
        "method": f"NanoSight {_software(summary)}".strip(),
        "concentration_per_ml": _cell(summary.sections.get("Results", {}).get(_CONCENTRATION, []), index),
    }
    if column is None:
        return record
    for key, name in _SIZES.items():
        record[name] = _cell(block.keys.get(key, []), column)
    centres = [_number(row[0]) for row in block.bins]
    texts = [_cell(row[1:], column) for row in block.bins]
    bins = [_number(text) for text in texts]
    if any(text is not None for text in texts):
        record["bin_centre_nm"], record["bin_concentration_per_ml"] = centres, bins
        gaps = sum(text is None for text in texts)
        unreadable = sum(value is None for value in (*bins, *centres)) - gaps
        if gaps or unreadable:
            record["problem"] = f"{gaps} size bins are empty and {unreadable} hold no number"
        elif min(value for value in bins if value is not None) < 0:
            record["problem"] = "a size bin holds a negative concentration"
    return record


def _validity(summary: Summary, record: dict[str, object], index: int) -> str:
    doubts = summary.sections.get("Concentration Warnings", {}).get(_VALIDITY, [])
    said = (doubts[index] if index < len(doubts) else "").lower()
    bins, concentration = record.get("bin_concentration_per_ml"), record["concentration_per_ml"]
    tracks = summary.sections.get("Results", {}).get("Completed tracks", [])
    counts = [_number(t) for t in (_cell(tracks, index), record.get("valid_tracks"), concentration)]
    if "no data" in said or bins is None:
        return "no_data"
    if 0.0 in counts:
        return "no_particles"
    return "valid" if said in ("", "ok") else "unreliable"


def _software(summary: Summary) -> str:
    """'NTA 3.4': the version that wrote the file, and nothing of the free text beside it."""
    match = re.search(r"NTA \d+(\.\d+)*", f"{summary.created_with} {summary.detail('Software Version') or ''}")
    return match[0] if match else "NTA"


def _column(labels: Row, name: str, nth: int) -> int | None:
    """Where the nth column of this name stands in a size block; None where the block leaves it out."""
    found = [i for i, label in enumerate(labels) if label == name]
    return found[nth] if nth < len(found) else None


def _cell(cells: Row, index: int) -> str | None:
    """The text of a cell; None where the row is too short or the cell says that there is no value."""
    text = cells[index] if index < len(cells) else ""
    return None if text.lower() in _NO_VALUE else text


def _number(text: object) -> float | None:
    return float(text.replace(",", ".")) if isinstance(text, str) and _NUMBER.fullmatch(text) else None


NANOSIGHT_SUMMARY = Format(
    name="nanosight_summary",
    looked_for=f"'{TITLE}' in its first lines",
    recognise=is_nanosight_summary,
    read=read_nanosight_summary,
    raw=NTA_VIDEO,
)
