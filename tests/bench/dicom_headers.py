"""DICOM headers at two cores, against a plain pydicom loop in one process.

The slices carry the header of a real MR image. The peer is what a person would write: `dcmread` with
`stop_before_pixels` over the files, taking twelve attributes of each. Ours runs the reader of this project over the
same files on Spark with two cores, each record with its pseudonyms, to the last record. Session start is not counted;
the start of the workers is. Files were just read by another process in both cases.

Beside it, the whole ingestion of the folder: hashes of whole files, pixels included, series derived, tables written.
"""

from pathlib import Path

from tests.bench.benchmark import Bench, Benchmark, Figure, Target, fastest
from tests.bench.child import session, settings, timed
from tests.bench.data import dicom

ATTRIBUTES = (
    "PatientID", "StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "Modality", "Manufacturer",
    "SeriesDescription", "StudyDate", "MagneticFieldStrength", "EchoTime", "RepetitionTime", "SliceThickness",
)  # fmt: skip


def plain_loop(folder: str) -> dict[str, object]:
    from pydicom import dcmread

    answer: dict[str, object] = {}
    with timed(answer):
        rows = []
        for path in sorted(Path(folder).rglob("*.dcm")):
            header = dcmread(path, stop_before_pixels=True)
            rows.append([header.get(name) for name in ATTRIBUTES])
    return answer | {"records": len(rows)}


def ours(folder: str) -> dict[str, object]:
    from ingestion.discovery import Found
    from ingestion.reading import new_readings, read_files
    from ingestion.registry import SOURCES

    spark, known = session(), settings()
    source = SOURCES["imaging"]
    format_ = next(f for f in source.formats if f.name == "dicom")
    answer: dict[str, object] = {}
    with timed(answer):
        paths = sorted(Path(folder).rglob("*.dcm"))
        files = [Found(p, "bench", file_id=str(i), size_bytes=p.stat().st_size, format=format_)
                 for i, p in enumerate(paths)]  # fmt: skip
        sites = {"bench": known.site("bench")}
        rows = read_files(spark, files, format_.raw, "imaging", sites, known.pseudonymiser, new_readings(spark))
        # Every column of every record is taken out of the workers.
        rows.write.format("noop").mode("overwrite").save()
    return answer | {"records": len(paths)}


def whole(folder: str, lake: str) -> dict[str, object]:
    from infra.lake import Lake
    from ingestion.discovery import Delivery
    from ingestion.pipeline import ingest
    from oncolake.commands.options import lazy_session

    answer: dict[str, object] = {}
    known = settings()
    started = lazy_session(known)
    started()
    with timed(answer):
        report = ingest("imaging", [Delivery(Path(folder), "bench")], Lake.at(lake), known, started)
    if (refused := sum(f.rows_in - f.accepted for f in report.files)) or report.count("rejected"):
        raise AssertionError(f"{refused} generated records and {report.count('rejected')} files were refused")
    return answer


def run(bench: Bench) -> list[Figure]:
    n, pixels = bench.sizes["files"], bench.sizes["pixel_bytes"]
    folder = str(dicom(bench.data, n, pixels))
    repeats = range(bench.sizes["runs"])
    peer = fastest(*(bench.function(plain_loop, folder=folder) for _ in repeats))
    mine = fastest(*(bench.function(ours, folder=folder) for _ in repeats))
    everything = bench.function(whole, folder=folder, lake=str(bench.work / "lake"))
    loop = f"pydicom loop: {peer.text}"
    return [
        # No time is asked for; two cores that are no faster than one would be a defect.
        Figure(f"{n:,} headers", mine.text, loop, mine.seconds / peer.seconds, "x", Target("at most", 1)),
        Figure(f"{n:,} files of {pixels / 1024:.0f} KiB pixels, whole ingestion", everything.text, loop,
               everything.seconds / peer.seconds, "x"),
    ]  # fmt: skip


BENCHMARK = Benchmark(
    name="dicom_headers",
    title="DICOM headers",
    sizes={
        "tiny": {"files": 40, "pixel_bytes": 8_192, "runs": 1},
        "small": {"files": 2_000, "pixel_bytes": 131_072, "runs": 2},
        "full": {"files": 20_000, "pixel_bytes": 131_072, "runs": 2},
    },
    run=run,
)
