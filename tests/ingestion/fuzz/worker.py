"""Reads mutated files in a process of its own, told by lines of JSON: a hang or a crash takes only this process.

`python -m tests.ingestion.fuzz.worker` is started by watchdog.py.
"""

import json
import os
import resource
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

MEMORY_BYTES = 3 << 30


def serve() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    answers = os.fdopen(os.dup(1), "w")
    # Whatever a library prints may quote a cell; only our answers go out.
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.dup2(nowhere, 2)

    from tests.ingestion.fuzz.cases import SITES, examine, mutated, written
    from tests.ingestion.fuzz.seeds import declared_by, seeds_of

    warm: set[str] = set()
    for line in sys.stdin:
        asked = json.loads(line)
        name = asked["format"]
        with tempfile.TemporaryDirectory() as folder:
            if name not in warm:  # what a reader imports when it is used is not the file's time
                warm.add(name)
                (Path(folder) / "seed").mkdir()
                examine(name, written(seeds_of(name)[0], Path(folder) / "seed"), SITES[0])
            if "path" in asked:
                path, site = Path(asked["path"]), declared_by(name) or SITES[asked["site"]]
            else:
                case = mutated(name, asked["number"], asked["seed"])
                (Path(folder) / "case").mkdir()
                path, site = written(case, Path(folder) / "case"), case.site or SITES[0]
            print("ready", file=answers, flush=True)
            outcome = examine(name, path, site)
        print(json.dumps(asdict(outcome)), file=answers, flush=True)


if __name__ == "__main__":
    serve()
