"""One mutated file and what must hold of it. No Spark: the reader, and the edge that pseudonymises its records."""

import random
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Format, Probe, RawFile
from ingestion.reading import read_file
from ingestion.registry import SOURCES
from tests.ingestion.fuzz.containers import damaged
from tests.ingestion.fuzz.seed import CANARIES, Seed
from tests.ingestion.fuzz.seeds import formats, known_by, seeds_of
from tests.ingestion.lakes import SETTINGS

SECONDS = 10.0
"""What any one file may take of a processor."""
LONGEST = 5_000
"""Letters of a sentence or a problem, which may name the words of a vocabulary for several columns."""
SITES = (
    Site(site_id="paris", day_first=True, time_zone="Europe/Paris"),
    Site(site_id="boston", day_first=False, time_zone="America/New_York"),
    Site(site_id="undeclared"),
)


@dataclass(frozen=True)
class Outcome:
    """What reading gave. failures: each 'property: details', none where all hold."""

    records: int = 0
    problems: int = 0
    refusals: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    seconds: float = 0.0


def mutated(format_name: str, number: int, seed: int) -> Seed:
    """The file of a case: the same for the same three, wherever and whenever."""
    rng = random.Random(f"{seed}/{format_name}/{number}")
    seeds = seeds_of(format_name)
    # Generated seeds are small and have canaries: of two cases, one at least.
    made = [s for s in seeds if CANARIES[0].encode() in s.content.lower()] or seeds
    chosen = rng.choice(made if rng.random() < 0.5 else seeds)
    site = chosen.site or rng.choice(SITES)
    names = sorted(chosen.companions)
    if names and rng.random() < 0.5:
        name = rng.choice(names)
        if rng.random() < 0.2:
            companions = {n: c for n, c in chosen.companions.items() if n != name}
        else:
            companions = chosen.companions | {name: damaged(chosen.companions[name], rng)}
        return replace(chosen, companions=companions, site=site)
    return replace(chosen, content=damaged(chosen.content, rng), site=site)


def written(seed: Seed, folder: Path) -> Path:
    """The file in an empty folder with what belongs to it."""
    for name, content in seed.companions.items():
        (folder / name).write_bytes(content)
    path = folder / seed.name
    path.write_bytes(seed.content)
    return path


def examine(format_name: str, path: Path, site: Site) -> Outcome:
    """Everything that must hold of the file: by every format that it is recognised or not, by its own that it is read.

    The pipeline reads a file by the first format of its source that knows it; its own reads it in any case, since
    only the first 64 KiB were looked at.
    """
    source, own = formats()[format_name]
    failures: list[str] = []
    started = time.process_time()
    for f in (f for s in SOURCES.values() for f in s.formats):
        try:
            known = f.recognise(Probe.at(path))
        except Exception as error:
            failures.append(f"recognise of {f.name} raised {_place(error)}")
        else:
            if not isinstance(known, bool):
                failures.append(f"recognise of {f.name} gave a {type(known).__name__}")
    readers = [own]
    if not failures:
        chosen = known_by(source, Probe.at(path), site)
        readers += [chosen] if chosen not in (None, own) else []
    outcomes = [_read(f, path, site) for f in readers]
    seconds = time.process_time() - started
    if seconds > SECONDS:
        failures.append(f"it took more than {SECONDS:g} s")
    return Outcome(
        sum(o.records for o in outcomes),
        sum(o.problems for o in outcomes),
        tuple(r for o in outcomes for r in o.refusals),
        (*failures, *(f for o in outcomes for f in o.failures)),
        seconds,
    )


def _read(format_: Format, path: Path, site: Site) -> Outcome:
    """Reads as the reading edge does, and keeps what the edge would put into one sentence."""
    failures: list[str] = []
    refusals: list[str] = []

    def watched(file: RawFile, at: Site) -> Iterator[pa.RecordBatch]:
        try:
            for batch in format_.read(file, at):
                failures.extend(_of_batch(batch, format_))
                yield batch
        except FileError as error:
            refusals.append(str(error))
            raise
        except Exception as error:
            failures.append(f"read raised {_place(error)}")
            raise

    try:
        companions = {c.name: c for c in format_.companions(path)}
    except FileError as error:
        return Outcome(refusals=(str(error),), failures=tuple(_of_sentence(str(error))))
    except Exception as error:
        return Outcome(failures=(f"companions raised {_place(error)}",))
    file_rows: list[pa.Array] = []
    problems: set[str] = set()
    try:
        for records, fault in read_file(
            replace(format_, read=watched), RawFile.at(path, companions), site, SETTINGS.pseudonymiser
        ):
            if fault is None:
                file_rows.append(records.column("file_row"))
                problems |= set(pc.unique(records.column("problem")).to_pylist()) - {None}
            elif not failures and not refusals:
                failures.append(f"the reading edge said: {fault}")
    except Exception as error:
        failures.append(f"the reading edge raised {_place(error)}")
    numbers = pa.chunked_array(file_rows, pa.int64())
    if numbers.null_count or pc.any(pc.less(numbers, 0)).as_py():
        failures.append("file_row is missing or below 0")
    if len(pc.unique(numbers)) != len(numbers):
        failures.append("file_row is there twice")
    for said in (*refusals, *problems):
        failures += _of_sentence(said)
    return Outcome(len(numbers), len(problems), tuple(refusals), tuple(dict.fromkeys(failures)))


def _of_batch(batch: pa.RecordBatch, format_: Format) -> Iterator[str]:
    if not batch.schema.equals(format_.raw.arrow):
        yield "a batch has another schema than its RawSchema"
    try:
        batch.validate(full=True)
    except pa.ArrowInvalid:
        yield "a batch is not valid Arrow"


def _of_sentence(said: str) -> Iterator[str]:
    if any(canary in said.lower() for canary in CANARIES):
        yield f"a cell is quoted: {said[:300]}"
    if not said.strip() or "\n" in said or len(said) > LONGEST:
        yield f"no sentence of one line: {said[:300]!r}"


def _place(error: Exception) -> str:
    """The error's kind and the places in our code that it came through, innermost last."""
    frames = [f for f in traceback.extract_tb(error.__traceback__) if "/ingestion/" in f.filename]
    ours = [f"{Path(f.filename).name}:{f.lineno}" for f in frames if "/tests/" not in f.filename]
    return f"{type(error).__name__} ({str(error)[:120]!r}) at {' > '.join(ours[-3:])}"
