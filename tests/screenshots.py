"""Pictures for the README, of a real lake: `python -m tests.screenshots LAKE [TASK]` writes them to docs/images.

mlflow-comparison.png: the runs of a task side by side in MLflow. comparison-page.png: a part of the page that
`oncolake runs compare TASK --html` writes.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from infra.lake import Lake
from tests.oncolake import mlflow_page
from tests.oncolake.chromium import chromium
from training.comparison import side_by_side
from training.comparison.page import page_of

IMAGES = Path(__file__).resolve().parents[1] / "docs" / "images"
MOST_BYTES = 400_000


def main(place: str, task: str = "overall_survival") -> None:
    lake = Lake.at(place)
    sides = side_by_side(lake, task)
    with TemporaryDirectory() as folder:
        written = Path(folder) / "comparison.html"
        written.write_text(page_of(lake, sides))
        with mlflow_page.served(lake) as base, chromium(Path(folder) / "profile") as page:
            page.open(mlflow_page.of_comparison(base, lake, task))
            page.until("Parallel Coordinates Plot", *(entry.model for entry in sides.honest))
            mlflow_page.without_assistant(page)
            page.settled()
            page.picture(IMAGES / "mlflow-comparison.png")
            page.open(written.as_uri())
            page.until("The models")
            page.run("document.querySelectorAll('h2')[1].scrollIntoView()")
            page.picture(IMAGES / "comparison-page.png")
    for name in ("mlflow-comparison.png", "comparison-page.png"):
        size = (IMAGES / name).stat().st_size
        sys.stdout.write(f"{name}: {size:,} bytes\n")
        assert size < MOST_BYTES, f"{name} is larger than {MOST_BYTES:,} bytes"


if __name__ == "__main__":
    main(*sys.argv[1:])
