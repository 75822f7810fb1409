"""Decimal marks: told by the column, else by the site, else refused."""

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import FileError
from infra.settings import Site
from ingestion.columnar import numbers
from ingestion.decimals import settled, with_points

SITES = {mark: Site(site_id="toulouse", decimal_mark=mark) for mark in (",", ".", None)}


@pytest.mark.parametrize(
    ("cells", "declared", "expected"),
    [
        # the column tells
        (["1,234", "12,5"], None, [1.234, 12.5]),
        (["1,234", "12.5"], None, [1234, 12.5]),
        (["1,234", "1,234.5"], None, [1234, 1234.5]),
        (["1,234", "1,234,567"], None, [1234, 1234567]),
        (["1.234", "1.234,5"], None, [1234, 1234.5]),
        (["1.234", "12,5"], None, [1234, 12.5]),
        (["0,123", "1,234"], None, [0.123, 1.234]),  # no group of thousands begins with a zero
        (["1,234e3", "1,234"], None, [1234, 1.234]),
        # and is right where the site declares the other mark for what cannot be told
        (["1,234", "12,5"], ".", [1.234, 12.5]),
        (["1.234", "12.5"], ",", [1.234, 12.5]),
        # the site tells
        (["1,234"], ",", [1.234]),
        (["1,234"], ".", [1234]),
        # each by itself
        (["1.234"], None, [1.234]),
        (["1.234"], ".", [1.234]),
        (["12,5", "12.5"], None, [12.5, 12.5]),
        (["1 234,5", "-2\u202f500", "1\u00a0234\u00a0567"], None, [1234.5, -2500, 1234567]),
        (["", "12,", ",5", "1e3", "x", "1,2,3", None], None, [None, 12, 0.5, 1000, None, None, None]),
    ],
)
def test_the_column_tells_else_the_site(cells: list[str | None], declared: str | None, expected: list[float]) -> None:
    values, is_number = numbers(pa.array(cells, pa.string()), SITES[declared], "dose")
    assert values.to_pylist() == expected
    assert is_number.to_pylist() == [None if c is None else e is not None for c, e in zip(cells, expected, strict=True)]


@pytest.mark.parametrize(
    ("cells", "declared", "said"),
    [
        (["1,234"], None, "column dose can be read two ways.*declare decimal_mark for site toulouse in the settings"),
        (["72,000", "7", None], None, "declare decimal_mark"),
        (["1,234", "12,5", "12.5"], None, "declare decimal_mark"),  # the column contradicts itself
        (["36.500", "37"], ",", "column dose can be read two ways.*toulouse declares a decimal comma"),
    ],
)
def test_what_can_be_read_two_ways_is_refused(cells: list[str | None], declared: str | None, said: str) -> None:
    with pytest.raises(FileError, match=said) as refused:
        numbers(pa.array(cells, pa.string()), SITES[declared], "dose")
    assert not any(c and "," in c and c in str(refused.value) for c in cells)


def test_text_is_kept_but_where_only_its_column_explains_it() -> None:
    cells = pa.array(["2,5", "1,234", "1.234,5", "<5", "7", None])
    assert settled(cells, SITES[None], "dose").to_pylist() == ["2,5", "1.234", "1234.5", "<5", "7", None]
    assert settled(pa.array(["1.234", "2,5"]), SITES[None], "dose").to_pylist() == ["1234", "2,5"]


@given(st.lists(st.none() | st.from_regex(r"[+-]?[\d ]{0,4}[.,]?\d{0,4}([.,]\d{3})?(e\d)?", fullmatch=True)))
def test_numbers_with_points_stay_as_they_are(cells: list[str | None]) -> None:
    for site in SITES.values():
        try:
            once = with_points(pa.array(cells, pa.string()), site, "x")
        except FileError:
            continue
        assert [t is None for t in once.to_pylist()] == [t is None for t in cells]
        is_number = numbers(once, SITES["."])[1].to_pylist()
        assert not [t for t, is_one in zip(once.to_pylist(), is_number, strict=True) if is_one and "," in (t or "")]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1))
def test_what_software_writes_comes_back(values: list[float]) -> None:
    assert numbers(pa.array([repr(v) for v in values]), SITES[None])[0].to_pylist() == values
