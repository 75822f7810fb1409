"""Times of large tables of numerics: Arrow's own cast where it can be trusted, `ingestion.dates` elsewhere."""

import pyarrow as pa
import pyarrow.compute as pc

from infra.settings import Site
from ingestion.columnar import numbers
from ingestion.dates import DAY_ZERO, parse_times

UTC_MICROSECONDS = pa.timestamp("us", tz="UTC")
_SECONDS = r"^[+-]?\d{1,7}([.,]\d+)?$"
_LOCAL_ISO = r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?$"
_OFFSET_ISO = r"^\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})$"
# Arrow's time-zone rules stop in 2037; later local times go through Python's, which do not.
_LAST_YEAR_OF_ARROW_ZONES = 2037


def event_times(values: pa.Array, site: Site, column: str) -> tuple[pa.Array, pa.Array]:
    """Text into timestamps (us, UTC), and the problem of each row (null: none).

    Seconds from the start of the case (all cells are numbers) count from DAY_ZERO; ISO times take Arrow's cast;
    everything else goes through `ingestion.dates`. Raises FileError where day and month cannot be told apart.
    """
    encoded = values.dictionary_encode()
    if len(encoded.dictionary) < len(values) // 2:
        # A monitor writes all signals of a second with one time: each is parsed once.
        times, problems = event_times(encoded.dictionary, site, column)
        return times.take(encoded.indices), problems.take(encoded.indices)
    no_problem = pa.nulls(len(values), pa.string())
    if values.null_count < len(values):
        if _all(values, _SECONDS):
            seconds, _ = numbers(values, site, column)
            since = pc.round(pc.multiply(seconds, 1e6)).cast(pa.int64()).cast(pa.duration("us"))
            return pc.add(pa.scalar(DAY_ZERO, UTC_MICROSECONDS), since), no_problem
        times = _iso_times(values, site)
        if times is not None:
            return times, no_problem
    parsed, problems = parse_times(values, site, column)
    return parsed, pa.array(problems, pa.string())


def _all(values: pa.Array, pattern: str) -> bool:
    return bool(pc.all(pc.match_substring_regex(values, pattern), min_count=0).as_py())


def _iso_times(values: pa.Array, site: Site) -> pa.Array | None:
    """ISO times by Arrow's cast; None where they are not all of one kind, or Arrow cannot place them."""
    try:
        if _all(values, _OFFSET_ISO):
            return values.cast(UTC_MICROSECONDS)
        if not _all(values, _LOCAL_ISO):
            return None
        local = values.cast(pa.timestamp("us"))
        if site.time_zone == "UTC":
            return local.cast(UTC_MICROSECONDS)
        if pc.max(pc.year(local)).as_py() > _LAST_YEAR_OF_ARROW_ZONES:
            return None
        return pc.assume_timezone(local, site.time_zone, ambiguous="earliest").cast(UTC_MICROSECONDS)
    except pa.ArrowInvalid:  # 31 February, or an hour that the change to summer time leaves out
        return None
