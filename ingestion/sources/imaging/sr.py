"""DICOM structured reports: the report itself as a DICOM object, and each measurement of a TID 1500 report in it.

TID 1500 (PS3.16) is the common template of measurements: what CAD, segmentation tools and workstations write. A
report of another template (a radiologist's text, a radiation dose) gives the record of the object and no other.
The tree of content is walked with pydicom: highdicom reads its own kind of report and refuses what others write.

- A report that is cut short, or whose tree cannot be read as a whole, is refused: a part of the measurements would
  look like all of them.
- Text of the report (names of observers, tracking identifiers, comments) is not read; coded terms are.
"""

from collections.abc import Iterator
from typing import BinaryIO
from zoneinfo import ZoneInfo

import pyarrow as pa

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Format, RawFile
from ingestion.sources.imaging.dicom import checked_header, instance_record, is_report
from ingestion.sources.imaging.header import read_tags, reading
from ingestion.sources.imaging.raw import SR_REPORT
from ingestion.sources.imaging.sr_content import Report
from ingestion.sources.imaging.sr_items import CONTENT, EVIDENCE, OTHER_EVIDENCE, SOP_INSTANCE
from ingestion.sources.imaging.times import instant

MOST_BYTES = 1 << 26
"""A report of measurements has kilobytes; one past 64 MiB would need gigabytes as a tree."""
BATCH_ROWS = 65_536
_TAGS = (0x0008_0005, SOP_INSTANCE, EVIDENCE, OTHER_EVIDENCE, CONTENT)


def read_report(file: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """A report as a raw record, then its measurements, in batches of up to 65,536.

    Raises FileError where header or content cannot be read, are cut short, or the file is larger than 64 MiB.
    """
    header = checked_header(file)
    record = instance_record(header, site)
    written = instant(
        header.first("ContentDate"),
        header.first("ContentTime"),
        header.first("TimezoneOffsetFromUTC"),
        ZoneInfo(site.time_zone),
    )
    record["reported_time"] = None if written is None else written.end
    with file.open() as stream:
        found = _measurements(stream)
    about = ("patient_id", "observed_time", "available_time", "reported_time")
    of_report = {name: record[name] for name in about}
    records = [{**record, "is_report": True}, *({**of_report, **m, "is_report": False} for m in found)]
    for start in range(0, len(records), BATCH_ROWS):
        rows = [{"file_row": start + i, **r} for i, r in enumerate(records[start : start + BATCH_ROWS])]
        yield pa.RecordBatch.from_pylist(rows, schema=SR_REPORT.arrow)


def _measurements(stream: BinaryIO) -> list[dict[str, object]]:
    size = stream.seek(0, 2)
    stream.seek(0)
    if size > MOST_BYTES:
        raise FileError(f"The report has {size:,} bytes; expected at most {MOST_BYTES:,}.")
    with reading("report") as hushed:
        dataset, is_cut = read_tags(stream, size, _TAGS)
        if is_cut:
            raise FileError(f"The DICOM report is cut short: the file ends after {size:,} bytes, inside its content.")
        if CONTENT not in dataset:
            raise FileError("The DICOM report has no content; expected ContentSequence (is the file cut short?).")
        found = Report(dataset).measurements()
        # pydicom takes a sequence whose items end too early for one that has no more items, and warns.
        if any("end of file" in str(warning.message) for warning in hushed):
            raise FileError("The content of the DICOM report ends inside an item; expected whole items.")
    return found


DICOM_SR = Format(
    name="dicom_sr",
    looked_for="DICOM with the SOP class of a structured report",
    recognise=is_report,
    read=read_report,
    raw=SR_REPORT,
)
