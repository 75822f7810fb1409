"""python -m tests.evidence: holds the demo's runs against its written truth, and writes docs/evidence.md.

Exit code 1 where a claim does not hold. The lake and the landing folder are those of `make demo`.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from infra.lake import Lake
from oncolake import show
from oncolake.commands.options import load_settings
from tests.evidence import claims
from tests.evidence.claims import DRIVEN_BY, DRIVERS, Claim, Evidence
from training.tasks import TASKS, WITH_DATES

PAGE = Path(__file__).parents[2] / "docs" / "evidence.md"
HEAD = """# Evidence

The demo cohort is a simulation whose drivers are written down in
[oncolake/demo/truth.py](../oncolake/demo/truth.py). So what the runs found can be held against what was put in. This
page is written by the command that does so, over the lake and the landing folder of `make demo`; it says nothing about
patients.

```sh
make evidence
```

| about | claim | found | |
|---|---|---|---|
"""


def gathered(evidence: Evidence) -> Iterator[Claim]:
    for name in DRIVEN_BY:
        yield from claims.modalities(evidence, name)
    for name in WITH_DATES:
        if TASKS[name].kind != "profiles":
            yield claims.permuted(evidence, name)
    for name in DRIVERS:
        yield from claims.attention(evidence, name)
    yield from claims.profiles(evidence)
    yield claims.lookahead(evidence)
    yield from claims.replayed(evidence)


def page(found: Iterable[Claim]) -> str:
    rows = [f"| {c.subject} | {c.sentence} | {c.found} | {'holds' if c.holds else '**fails**'} |" for c in found]
    return HEAD + "\n".join(rows) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.evidence", description=__doc__)
    parser.add_argument("--lake", default="lake")
    parser.add_argument("--landing", type=Path, default=Path("landing"))
    parser.add_argument("--page", type=Path, default=PAGE)
    asked = parser.parse_args()
    with show.steps("evidence") as progress:
        say: Callable[[str], None] = progress
        evidence = Evidence(Lake.at(asked.lake), asked.landing, load_settings(), say)
        found = list(gathered(evidence))
    show.print_table(
        "What was planted, and what was found",
        ("about", "claim", "found", ""),
        [(c.subject, c.sentence, c.found, "holds" if c.holds else "FAILS") for c in found],
    )
    asked.page.write_text(page(found))
    return 0 if all(c.holds for c in found) else 1


if __name__ == "__main__":
    sys.exit(main())
