"""VitalDB track export: `Time,Solar8000/HR,Solar8000/ART_MBP,...`, one row a time, irregular 1 to 7 s.

The file has no case but in its name, and `Time` is seconds from the start of the case: they count from
`ingestion.dates.DAY_ZERO`. Where Time holds dates instead, those are taken.
"""

from collections.abc import Iterator
from pathlib import PurePath

import pyarrow as pa

from infra.settings import Site
from ingestion.columnar import header_of, read_columns
from ingestion.format import Format, Probe, RawFile
from ingestion.sources.vitals.raw import VITAL_VALUE
from ingestion.sources.vitals.wide_csv import CASE, has_one, melt, signal_columns


def _recognise(probe: Probe) -> bool:
    header = header_of(probe.lines)
    return (
        [name.lower() for name in header[:1]] == ["time"]
        and not has_one(header, CASE)
        and any("/" in name for name in header)
        and bool(signal_columns(header))
    )


def case_of(name: str) -> str:
    """The case in a file name: 'cases/4.csv' and '4.csv.gz' are case 4."""
    return PurePath(name).name.split(".", 1)[0]


def read_vitaldb(raw: RawFile, site: Site) -> Iterator[pa.RecordBatch]:
    """Yields one batch a track. Raises FileError where no track is a known vital sign."""
    table = read_columns(raw.text)
    yield from melt(table, site, pa.repeat(case_of(raw.name), table.n_rows), None)


VITALDB_CSV = Format(
    name="vitaldb_csv",
    looked_for="a VitalDB CSV with columns Time and tracks such as Solar8000/ART_MBP",
    recognise=_recognise,
    read=read_vitaldb,
    raw=VITAL_VALUE,
    version=3,
)
