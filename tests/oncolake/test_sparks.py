"""Numbers as blocks."""

import pytest

from oncolake.sparks import bar, bars, sparkline

NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "line"),
    [
        ([], ""),
        ([NAN, NAN], ""),
        ([5.0], "▄"),
        ([2.0, 2.0], "▄▄"),
        ([0.0, 7.0], "▁█"),
        ([1.0, NAN, 8.0, 1.0], "▁·█▁"),
        ([float(n) for n in range(8)], "▁▂▃▄▅▆▇█"),
        ([100.0, *([0.0] * 15), 1.0], "▁" * 15 + "█"),
    ],
)
def test_a_history(values: list[float], line: str) -> None:
    assert sparkline(values) == line


def test_a_distribution() -> None:
    assert bars([0, 1, 100, 50]) == " ▁█▅"
    assert bars([]) == ""
    assert bars([0, 0]) == "  "


@pytest.mark.parametrize(("share", "shown"), [(0, "····"), (0.5, "██··"), (1, "████"), (9, "████"), (NAN, "····")])
def test_a_share(share: float, shown: str) -> None:
    assert bar(share, 4) == shown
