"""Damage to bytes and to text: what disks, transfers, spreadsheets and people do to a file, and what attackers do."""

import random
import re
from collections.abc import Callable

from tests.ingestion.fuzz.seed import CANARY, CANARY_NUMBER

Damage = Callable[[bytes, random.Random], bytes]
TextDamage = Callable[[str, random.Random], str]
SEPARATORS = ",;\t|"
ODD_CELLS = (
    "", " ", "NA", "NaN", "nan", "inf", "-inf", "-0", "1e999", "-1e308", "1e-320", "9" * 400, "0x1F", "1_000", "1,5",
    "1.234,5", "1 234", "<3", "> 1000", "±5", "١٢٣", "½", "²", "∞", "0000-00-00", "2024-02-30", "31/12/99999",
    "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00", "2024-03-31T02:30:00", "25:61", "true", "03/04/2024",
    '"', '""', "'", "=1+1", "\\", "%s%n", "{0}", "\x00", "\x1a", "\x85", "\u2028", "\ufeff", "\U0001f600", "e\u0301",
    "None", "[]", "{}", "9223372036854775808", "-9223372036854775809", "2147483648", CANARY, CANARY_NUMBER,
)  # fmt: skip
LARGEST = 2_000_000
ENCODINGS = ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "latin-1", "cp1252", "utf-8-sig", "utf-7", "cp037")


# Bytes.


def truncated(content: bytes, rng: random.Random) -> bytes:
    return content[: rng.randrange(len(content) + 1)]


def flipped(content: bytes, rng: random.Random) -> bytes:
    out = bytearray(content)
    for _ in range(rng.choice((1, 1, 3, 20)) if out else 0):
        out[rng.randrange(len(out))] ^= 1 << rng.randrange(8)
    return bytes(out)


def overwritten(content: bytes, rng: random.Random) -> bytes:
    """A stretch of zeros, of ones, of noise, or of a length that reaches beyond the file."""
    at, n = rng.randrange(len(content) + 1), rng.choice((1, 2, 4, 8, 64, 512))
    patch = rng.choice((bytes(n), b"\xff" * n, rng.randbytes(n), b"\xff\xff\xff\x7f", b"\x00\x00\x00\x80"))
    return content[:at] + patch + content[at + len(patch) :]


def inserted(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    new = rng.choice((rng.randbytes(rng.randrange(1, 40)), b"\x00", b"\r", b"\n\n", b'"'))
    return content[:at] + new + content[at:]


def cut(content: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(content) + 1)
    return content[:at] + content[at + rng.randrange(1, 200) :]


def repeated(content: bytes, rng: random.Random) -> bytes:
    at, n = rng.randrange(len(content) + 1), rng.randrange(1, 300)
    return content[: at + n] + content[at : at + n] * rng.choice((1, 1, 30)) + content[at + n :]


def joined(content: bytes, rng: random.Random) -> bytes:
    """The file twice in one, or with another kind of file behind it."""
    return content + rng.choice((content, b"\x1a", bytes(600), b"PK\x03\x04", b"\n<html></html>"))


BYTES: tuple[Damage, ...] = (truncated, flipped, overwritten, inserted, cut, repeated, joined)


# Text.


def _lines(text: str) -> list[str]:
    return text.split("\n")


def _separator(lines: list[str]) -> str:
    return max(SEPARATORS, key=lambda s: sum(line.count(s) for line in lines[:200]))


def lines_shuffled(text: str, rng: random.Random) -> str:
    lines = _lines(text)
    if rng.random() < 0.5 and len(lines) > 2:  # the rest only: what the first lines say still holds
        rest = lines[1:]
        rng.shuffle(rest)
        return "\n".join([lines[0], *rest])
    rng.shuffle(lines)
    return "\n".join(lines)


def lines_repeated(text: str, rng: random.Random) -> str:
    lines = _lines(text)
    at, n = rng.randrange(len(lines)), rng.choice((1, 1, 2, 5))
    block, times = lines[at : at + n], rng.choice((1, 1, 100))
    return "\n".join(lines[: at + n] + block * (times if sum(map(len, block)) < 2_000 else 1) + lines[at + n :])


def lines_deleted(text: str, rng: random.Random) -> str:
    lines = _lines(text)
    at = rng.randrange(len(lines)) if rng.random() < 0.7 else 0
    del lines[at : at + rng.choice((1, 1, 1, 3, 10, len(lines)))]
    return "\n".join(lines)


def lines_indented(text: str, rng: random.Random) -> str:
    """Blank lines, blanks, comments and titles where none were."""
    lines = _lines(text)
    lines.insert(rng.randrange(len(lines)), rng.choice(("", " ", "\t", "# note", "Export", ",,,,", "\x0c", "-" * 40)))
    return "\n".join(lines)


def cells_changed(text: str, rng: random.Random) -> str:
    lines = _lines(text)
    separator = _separator(lines)
    for _ in range(rng.choice((1, 1, 2, 6, 40))):
        at = rng.randrange(len(lines))
        cells = lines[at].split(separator)
        cells[rng.randrange(len(cells))] = rng.choice(ODD_CELLS)
        lines[at] = separator.join(cells)
    return "\n".join(lines)


def numbers_changed(text: str, rng: random.Random) -> str:
    """Some of the numbers, wherever they stand: in JSON, XML and messages there are no cells."""
    share = rng.choice((0.01, 0.1, 1.0))

    def other(found: re.Match[str]) -> str:
        return rng.choice(ODD_CELLS) if rng.random() < share else found[0]

    return re.sub(r"\d+(\.\d+)?", other, text)


def words_changed(text: str, rng: random.Random) -> str:
    """A word of the file, of its header most likely, everywhere or once: renamed, in other letters, or gone."""
    words = re.findall(r"[^\W\d]\w{2,}", text[: rng.choice((200, 2_000, len(text)))])
    if not words:
        return text
    word = rng.choice(words)
    new = rng.choice((word.upper(), word.lower(), f" {word} ", f'"{word}"', "", word[:-1], rng.choice(words), "x" * 99))
    return text.replace(word, new, rng.choice((1, -1)))


def columns_changed(text: str, rng: random.Random) -> str:
    """A column dropped, doubled, emptied, or two swapped, in each line that has it."""
    lines = _lines(text)
    separator = _separator(lines)
    width = max(line.count(separator) for line in lines) + 1
    a, b, what = rng.randrange(width), rng.randrange(width), rng.randrange(5)

    def changed(line: str) -> str:
        cells = line.split(separator)
        if a >= len(cells) or b >= len(cells):
            return line
        if what == 0:
            del cells[a]
        elif what == 1:
            cells[a], cells[b] = cells[b], cells[a]
        elif what == 2:
            cells.insert(b, cells[a])
        elif what == 3:
            cells[a] = ""
        else:
            cells.insert(b, rng.choice(ODD_CELLS))
        return separator.join(cells)

    skip = rng.choice((0, 0, 1))
    return "\n".join(lines[:skip] + [changed(line) for line in lines[skip:]])


def separators_changed(text: str, rng: random.Random) -> str:
    separator, other = _separator(_lines(text)), rng.choice([*SEPARATORS, " ", ":", "\x00", "  "])
    share = rng.choice((0.02, 1.0, 1.0))
    return "".join(other if c == separator and rng.random() < share else c for c in text)


def quotes_changed(text: str, rng: random.Random) -> str:
    if rng.random() < 0.5:
        return text.replace('"', rng.choice(("", "'", "“")))
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(('"', '""', '"\n', ',"')) + text[at:]


def a_long_cell(text: str, rng: random.Random) -> str:
    """A megabyte in one place."""
    at = rng.randrange(len(text) + 1)
    return text[:at] + rng.choice(("x", "9", '"', " ", "(", "[", "-", "\t", "^", "0.")) * 500_000 + text[at:]


def many_lines(text: str, rng: random.Random) -> str:
    """The file's last lines again and again: some tens of thousands, or megabytes."""
    lines = _lines(text)
    tail = [line for line in lines[-4:] if line]
    times = min(20_000 // max(1, len(tail)), LARGEST // max(1, sum(map(len, tail))))
    return "\n".join(lines + tail * times)


def decimals_changed(text: str, rng: random.Random) -> str:
    return re.sub(r"(?<=\d)\.(?=\d)", ",", text) if rng.random() < 0.7 else re.sub(r"(?<=\d),(?=\d)", ".", text)


TEXT: tuple[TextDamage, ...] = (
    lines_shuffled, lines_repeated, lines_deleted, lines_indented, cells_changed, cells_changed, numbers_changed,
    words_changed, columns_changed, columns_changed, separators_changed, quotes_changed, decimals_changed,
)  # fmt: skip
LARGE: tuple[TextDamage, ...] = (a_long_cell, many_lines)
"""Costly to read: drawn seldom."""


def encoded(text: str, rng: random.Random) -> bytes:
    """The text as bytes, mostly UTF-8; else in another encoding or with other line ends."""
    draw = rng.random()
    if draw < 0.6:
        return text.encode("utf-8", "surrogatepass")
    if draw < 0.75:
        return text.replace("\n", rng.choice(("\r\n", "\r", "\n\r", "\r\r\n", "\x0b", "\u2028"))).encode()
    if draw < 0.8:  # two encodings in one file
        half = len(text) // 2
        return text[:half].encode() + text[half:].encode("utf-16-le", "replace")
    if draw < 0.85:  # no encoding has these
        return text.encode().replace(b"a", rng.choice((b"\xed\xa0\x80", b"\xc3", b"\x81", b"\xff\xfe")), 3)
    return text.encode(rng.choice(ENCODINGS), "replace")


def damaged_text(content: bytes, rng: random.Random) -> bytes:
    text = content.decode("utf-8", "replace")
    for _ in range(rng.choice((0, 1, 1, 1, 2, 4))):
        if len(text) < LARGEST:  # each may make it some times larger
            text = rng.choice(TEXT)(text, rng)
    if rng.random() < 0.02:
        text = rng.choice(LARGE)(text, rng)
    return encoded(text, rng)


def damaged_bytes(content: bytes, rng: random.Random) -> bytes:
    for _ in range(rng.choice((1, 1, 2, 4))):
        content = rng.choice(BYTES)(content, rng)
    return content
