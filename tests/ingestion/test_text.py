"""Text of any encoding, line end and separator."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import FileError
from ingestion.columnar import TextColumns, read_columns
from ingestion.text import Delimited, decode, is_binary, read_delimited, separator_of

LETTERS = [bytes([b]).decode("cp1252") for b in range(128, 256) if b not in (0x81, 0x8D, 0x8F, 0x90, 0x9D)]
WINDOWS = [chr(c) for c in range(32, 127)] + LETTERS
texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\ufeff\x00"))


@given(texts, st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), st.sampled_from(["\n", "\r\n", "\r"]))
def test_unicode_comes_back_whatever_mark_and_line_end(text: str, encoding: str, line_end: str) -> None:
    content = text.replace("\n", line_end).encode(encoding)
    assert decode(content) == text
    assert not is_binary(content)


@given(st.text(WINDOWS), st.sampled_from(LETTERS))
def test_windows_text_comes_back(text: str, letter: str) -> None:
    text = letter + "-" + text  # such a letter before an ASCII character is never valid UTF-8
    assert decode(text.encode("cp1252")) == text


@given(texts)
def test_a_head_cut_inside_a_letter_keeps_what_was_before(text: str) -> None:
    whole = ("µ" + text + "ß").encode()
    assert decode(whole[:-1]) == "µ" + text


def test_a_last_letter_of_windows_is_no_cut() -> None:
    assert decode("nom\nRené".encode("cp1252")) == "nom\nRené"


@given(st.binary(max_size=200))
def test_any_bytes_are_some_text(content: bytes) -> None:
    assert "\r" not in decode(content)


cells = st.lists(st.text("ab;,\t|\"' é0", min_size=1, max_size=4).filter(str.strip), min_size=2, max_size=3)


@given(cells, st.sampled_from([",", ";", "|"]))
def test_quoted_cells_come_back(row: list[str], separator: str) -> None:
    def line(values: list[str]) -> str:
        return separator.join('"' + v.replace('"', '""') + '"' for v in values)

    names = [f"n{i}" for i in range(len(row))]
    read = read_delimited(separator.join(names) + "\n" + line(row) + "\n")
    assert {name: column for name, (column,) in read.columns.items()} == {
        name: cell.strip() for name, cell in zip(names, row, strict=True)
    }
    assert read.problems == [None]


def test_rows_that_do_not_fit_keep_what_they_have_and_say_so() -> None:
    read = read_delimited("#made by hand\n\na;b;c;;\n1;2;3\n\n4;5\n6;7;8;9\n", skip_prefix="#")
    assert read.columns == {"a": ["1", "4", "6"], "b": ["2", "5", "7"], "c": ["3", None, "8"]}
    assert read.problems == [
        None,
        "the row has 2 cells where the header has 3",
        "the row has 4 cells where the header has 3",
    ]
    assert read.array("absent").to_pylist() == [None] * 3


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "no header line"), ("\n \n", "no header line"), ("a,b,a\n1,2,3", "the name of column 1 twice")],
)
def test_text_that_is_no_table_is_refused(text: str, said: str) -> None:
    with pytest.raises(FileError, match=said):
        read_delimited(text)


@pytest.mark.parametrize("read", [read_delimited, read_columns])
def test_a_header_of_many_names_is_no_reason_to_hang(read: Callable[[str], Delimited | TextColumns]) -> None:
    """A file that lost its line ends is one header of a million cells: counted once, not each against each."""
    names = [f"n{i}" for i in range(150_000)]
    assert len(read(",".join(names) + "\n1\n").columns) == 150_000
    with pytest.raises(FileError, match="twice"):
        read(",".join([*names, "n7"]) + "\n1\n")


def test_a_long_header_cell_is_read_and_a_name_given_twice_is_not_quoted() -> None:
    """Of a file that lost its header line, the names are cells of the first record."""
    assert list(read_columns("x" * 500_000 + ",b\n1,2\n").columns)[1] == "b"
    with pytest.raises(FileError) as refused:
        read_delimited("Durand,Durand,40\nDurand,Marie,50\n")
    assert "Durand" not in str(refused.value)
    with pytest.raises(FileError, match="at most 10 MB"):
        separator_of("x" * 10_000_001)


@pytest.mark.parametrize(("line", "separator"), [("a", ","), ("a;b,c;d", ";"), ("a\tb", "\t"), ('"a,b,c"|d', "|")])
def test_the_separator_splits_the_header_most(line: str, separator: str) -> None:
    assert separator_of(line) == separator
