"""What may pass as a short label, and what may be a sentence."""

import pyarrow as pa
import pytest

from ingestion.labels import is_label


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("hsa-miR-21-5p", True),
        ("Réponse (S2), 5'", True),
        ("µg/mL", True),
        ("x" * 60, True),
        ("é" * 61, False),
        ("two\nlines", False),
        ("@home", False),
        ("", False),
        (None, None),
    ],
)
def test_a_label_is_short_and_plain(text: str | None, expected: bool | None) -> None:
    assert is_label(pa.array([text], pa.string())).to_pylist() == [expected]
