"""Every reader on mutated files: a small part of `make fuzz`. See seeds.py for how a new format joins."""

from collections.abc import Iterator

import pytest

from ingestion.format import Probe, RawFile
from tests.ingestion.fuzz.cases import SITES, mutated
from tests.ingestion.fuzz.seed import CANARIES
from tests.ingestion.fuzz.seeds import SEEDS, formats, known_by, no_seed, seeds_of
from tests.ingestion.fuzz.watchdog import Worker

FILES = 60
SEED = 7
FORMATS = list(formats())


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as started:
        yield started


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_has_seeds_that_its_reader_knows_and_that_could_give_a_cell_away(name: str) -> None:
    assert name in SEEDS, no_seed(name)
    source, own = formats()[name]
    seen_canary = False
    for seed in SEEDS[name]():
        if seed.companions:  # lies in a folder: read in the worker below
            seen_canary |= any(c.encode() in seed.content.lower() for c in CANARIES)
            continue
        assert known_by(source, Probe.of(seed.name, seed.content), seed.site) is own
        sites = [seed.site] if seed.site else list(SITES)
        read = max(_records(name, RawFile(seed.name, seed.content), site) for site in sites)
        assert read > 0 or name == "cbioportal_meta"  # which has none
        seen_canary = True
    assert seen_canary


def _records(name: str, file: RawFile, site: object) -> int:
    from infra.errors import FileError

    try:
        return sum(b.num_rows for b in formats()[name][1].read(file, site))  # type: ignore[arg-type]
    except FileError:  # dates that this site writes the other way round
        return 0


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", FORMATS)
def test_mutated_files_give_records_or_a_sentence(name: str, worker: Worker) -> None:
    outcomes = {n: worker.run({"format": name, "number": n, "seed": SEED}) for n in range(FILES)}
    failed = {
        f"python -m tests.ingestion.fuzz --format {name} --case {n} --seed {SEED}": o.failures
        for n, o in outcomes.items() if o.failures
    }  # fmt: skip
    assert failed == {}
    if name != "cbioportal_meta":  # which has no records, and refuses nothing
        # The mutations are neither so mild that nothing is refused, nor so wild that nothing is read.
        assert sum(bool(o.refusals) for o in outcomes.values()) > 0
        assert sum(o.records > 0 for o in outcomes.values()) > FILES // 20


def test_a_case_is_the_same_whenever_it_is_made() -> None:
    for name in ("vitals_wide_csv", "luminex_xponent", "maf", "olink_explore"):
        assert [mutated(name, n, SEED) for n in range(20)] == [mutated(name, n, SEED) for n in range(20)]
        assert len({mutated(name, n, SEED).content for n in range(20)}) > 15


def test_a_format_without_seeds_is_told_what_to_do() -> None:
    with pytest.raises(KeyError, match=r"write a function that returns Seed.*SEEDS in tests/ingestion/fuzz/seeds\.py"):
        seeds_of("nobody's format")
