"""The kill matrix: a batch is killed at a named point and run again; the lake must equal an undisturbed one.

`python -m tests.ingestion.matrix` runs all of it (`make kill-matrix`); test_kill_matrix.py runs a part.
"""

import random
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from infra.lake import Lake
from ingestion.discovery import Delivery
from ingestion.pipeline import ingest
from tests.ingestion.child import POINTS
from tests.ingestion.lakes import SETTINGS, state, wide

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

ROOT = Path(__file__).resolve().parents[2]
DELIVERIES = ("first", "repeated", "corrected")
MAF_HEADER = (
    "Hugo_Symbol\tChromosome\tStart_Position\tEnd_Position\tVariant_Classification\tReference_Allele\t"
    "Tumor_Seq_Allele1\tTumor_Seq_Allele2\tTumor_Sample_Barcode\tNCBI_Build\n"
)
TP53 = "TP53\tchr17\t7577538\t7577538\tMissense_Mutation\tC\tC\tT\tS1\t37\n"
PTEN = "PTEN\t10\t89692904\t89692904\tNonsense_Mutation\tC\tC\tT\tS2\t37\n"
EGFR = "EGFR\t7\t55221822\t55221822\tMissense_Mutation\tC\tC\tT\tS1\t37\n"
BAD = "IDH1\t2\tsomewhere\t5\tMissense_Mutation\tC\tC\tT\tS1\t37\n"
MINUTES = [f"2024-03-25T10:{m:02}:00Z,{60 + m},{80 + m}" for m in range(40)]
NO_PRESSURE = "2024-03-25T11:00:00Z,900,90"

FILES: dict[str, dict[str, dict[str, str]]] = {
    "vitals": {
        "first": {"a.csv": wide("op1", *MINUTES, NO_PRESSURE), "b.csv": wide("op2", *MINUTES, "x,70,80")},
        # The same records in other bytes, and some that are new.
        "repeated": {"c.csv": wide("op1", NO_PRESSURE, *MINUTES), "d.csv": wide("op3", *MINUTES)},
        "corrected": {"e.csv": wide("op1", *(row.replace(",6", ",7") for row in MINUTES), NO_PRESSURE)},
    },
    "mutations": {
        "first": {"a.maf": MAF_HEADER + TP53 + PTEN + BAD},
        "repeated": {"b.maf": MAF_HEADER + PTEN + TP53 + BAD},
        "corrected": {"c.maf": MAF_HEADER + TP53.replace("Missense", "Nonsense") + EGFR + BAD},
    },
}


@dataclass(frozen=True)
class Case:
    """One kill. point: of `child.POINTS`, or a time after the session's start such as `2.50 s`."""

    source: str
    delivery: str
    point: str


@dataclass(frozen=True)
class Outcome:
    """was_killed: the point was reached. difference: tables that are not those of an undisturbed lake, or what else."""

    case: Case
    was_killed: bool
    difference: tuple[str, ...]


class Matrix:
    """Lakes before each delivery and what each must become, and the kills between."""

    def __init__(self, spark: "SparkSession", folder: Path) -> None:
        self.spark = spark
        self.folder = folder
        self._expected: dict[tuple[str, str], dict[str, object]] = {}

    def landing(self, source: str, delivery: str) -> Path:
        return self.folder / "landing" / source / delivery

    def prepare(self, source: str) -> None:
        """Undisturbed lakes after each delivery; a delivery starts from the one after the first."""
        for delivery, files in FILES[source].items():
            self.landing(source, delivery).mkdir(parents=True)
            for name, content in files.items():
                (self.landing(source, delivery) / name).write_text(content)
        for delivery in DELIVERIES:
            lake = self._copy(self._before(source, delivery), self.folder / "undisturbed" / source / delivery)
            self._ingest(source, delivery, lake)
            self._expected[source, delivery] = dict(state(lake))

    def run(self, case: Case) -> Outcome:
        """Kills one batch and runs it again."""
        place = self.folder / "killed" / f"{case.source} {case.delivery} {case.point}"
        lake = self._copy(self._before(case.source, case.delivery), place)
        landing = str(self.landing(case.source, case.delivery))
        command = [sys.executable, "-m", "tests.ingestion.child", "ingest", lake.root, case.source, case.point, landing]
        done = subprocess.run(
            command, cwd=ROOT, capture_output=True, text=True, timeout=900, start_new_session=True, check=False
        )
        if done.returncode not in (0, -signal.SIGKILL):
            said = done.stderr.strip().rsplit("\n", 1)[-1]
            return Outcome(case, False, (f"the batch ended by itself with {done.returncode}: {said}",))
        self._ingest(case.source, case.delivery, lake)
        found, expected = state(lake), self._expected[case.source, case.delivery]
        different = tuple(sorted(t for t in {*found, *expected} if found.get(t) != expected.get(t)))
        shutil.rmtree(place)
        return Outcome(case, done.returncode != 0, different)

    def _ingest(self, source: str, delivery: str, lake: Lake) -> None:
        landing = Delivery(self.landing(source, delivery), "paris")
        report = ingest(source, [landing], lake, SETTINGS, lambda: self.spark)
        for f in report.files:
            assert f.rows_in == f.accepted + f.quarantined + f.duplicates, f

    def _before(self, source: str, delivery: str) -> Path | None:
        return None if delivery == "first" else self.folder / "undisturbed" / source / "first"

    def _copy(self, lake: Path | None, to: Path) -> Lake:
        if lake is not None:
            shutil.copytree(lake, to)
        return Lake.at(to)


def cases(random_times: int, seed: int = 4) -> Iterator[Case]:
    """Every point of every delivery of every source, and for each of these some moments drawn at random."""
    draw = random.Random(seed)
    for source in FILES:
        for delivery in DELIVERIES:
            yield from (Case(source, delivery, point) for point in POINTS)
            yield from (Case(source, delivery, f"{draw.uniform(0.1, 9):.2f} s") for _ in range(random_times))


def main(random_times: int = 6) -> int:
    """Prints kills by point; returns 1 where a lake differs."""
    from infra.spark import build_session
    from ingestion import pipeline

    # What Great Expectations says is shown by tests/quality; here it would take most of the time.
    pipeline.validate = lambda *_: []  # type: ignore[assignment]
    todo = list(cases(random_times))
    killed: Counter[str] = Counter()
    wrong: list[Outcome] = []
    with tempfile.TemporaryDirectory() as folder, ThreadPoolExecutor(2) as pool:
        matrix = Matrix(build_session(SETTINGS), Path(folder))
        for source in FILES:
            matrix.prepare(source)
        for done, outcome in enumerate(pool.map(partial(Matrix.run, matrix), todo), 1):
            point = "at random moments" if outcome.case.point.endswith(" s") else outcome.case.point
            killed[point] += outcome.was_killed
            wrong += [outcome] if outcome.difference else []
            print(f"\r{done}/{len(todo)} batches, {killed.total()} killed", end="", file=sys.stderr)  # noqa: T201
    print(file=sys.stderr)  # noqa: T201
    for point in (*POINTS, "at random moments"):
        print(f"{point:36}{killed[point]:5} kills")  # noqa: T201
    print(f"{killed.total()} kills of {len(todo)} batches; {len(wrong)} lakes differ after the re-run")  # noqa: T201
    for outcome in wrong:
        print(f"  {outcome.case}: {', '.join(outcome.difference)}")  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(*(int(a) for a in sys.argv[1:])))
