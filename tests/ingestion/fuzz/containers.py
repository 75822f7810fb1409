"""Damage within a file's structure: entries of a zip, columns of a parquet file, elements of DICOM, nodes of JSON.

Bytes flipped in a compressed file mostly break its checksum, and the reader behind it never sees them.
"""

import gzip
import io
import json
import random
import warnings
import zipfile
import zlib
from typing import Any

from tests.ingestion.fuzz.mutations import ODD_CELLS, damaged_bytes, damaged_text

BOMB_BYTES = 300_000_000
"""Of zeros; some 300 kB compressed."""


def is_text(content: bytes) -> bool:
    return b"\x00" not in content[:4096] or content.startswith((b"\xff\xfe", b"\xfe\xff"))


def damaged(content: bytes, rng: random.Random) -> bytes:
    """The file damaged by its kind, and now and then as mere bytes, whatever it is."""
    if rng.random() < 0.25:
        return damaged_bytes(content, rng)
    if content.startswith(b"PK\x03\x04"):
        return damaged_zip(content, rng)
    if content.startswith(b"\x1f\x8b"):
        return damaged_gzip(content, rng)
    if content.startswith(b"PAR1"):
        return damaged_parquet(content, rng)
    if content[128:132] == b"DICM":
        return damaged_dicom(content, rng)
    if content[:1] in (b"{", b"[") and rng.random() < 0.6:
        return damaged_json(content, rng)
    return damaged_text(content, rng) if is_text(content) else damaged_bytes(content, rng)


def bomb(rng: random.Random) -> bytes:
    """Much of one byte, or of one short line."""
    unit = rng.choice((b"\x00", b" ", b"a,b\n", b"<c/>", b"1\t2\n"))
    return unit * (BOMB_BYTES // len(unit))


def damaged_gzip(content: bytes, rng: random.Random) -> bytes:
    inside, draw = gzip.decompress(content), rng.random()
    if draw < 0.01:
        return gzip.compress(inside + bomb(rng), 1, mtime=0)
    if draw < 0.1:
        return content + rng.choice((content, b"\x00" * 20, b"garbage", content[:30]))
    if draw < 0.2:
        return gzip.compress(gzip.compress(inside, mtime=0), mtime=0)
    made = damaged_text(inside, rng) if is_text(inside) else damaged_bytes(inside, rng)
    return gzip.compress(made, 1, mtime=0)


def damaged_zip(content: bytes, rng: random.Random) -> bytes:
    """Entries dropped, doubled, renamed, emptied, damaged inside, or blown up."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        entries = [(i.filename, archive.read(i)) for i in archive.infolist()]
    at, draw = rng.randrange(len(entries)), rng.random()
    name, body = entries[at]
    if draw < 0.1:
        del entries[at]
    elif draw < 0.15:
        entries.append((name, rng.choice(entries)[1]))
    elif draw < 0.2:
        entries[at] = rng.choice(("../../etc/x", "", "a" * 5_000, name.upper(), "xl/styles.xml")), body
    elif draw < 0.21:
        entries[at] = name, body + bomb(rng)
    elif draw < 0.25:
        entries[at] = name, _entities() + body
    elif draw < 0.3:
        entries[at] = name, b""
    else:
        sheets = [i for i, (n, _) in enumerate(entries) if "sheet" in n or "shared" in n.lower()] or [at]
        at = rng.choice(sheets) if rng.random() < 0.8 else at
        name, body = entries[at]
        entries[at] = name, damaged_text(body, rng) if is_text(body) else damaged_bytes(body, rng)
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        warnings.simplefilter("ignore")  # of a name that is there twice
        for name, body in entries:
            archive.writestr(zipfile.ZipInfo(name), body, zipfile.ZIP_DEFLATED)
    made = out.getvalue()
    return damaged_bytes(made, rng) if rng.random() < 0.1 else made


def _entities() -> bytes:
    """Entities within entities: 10^9 letters if they are expanded."""
    lines = "".join(f'<!ENTITY a{i} "{f"&a{i - 1};" * 10}">' for i in range(1, 10))
    return f'<!DOCTYPE x [<!ENTITY a0 "aaaaaaaaaa">{lines}<!ENTITY file SYSTEM "file:///etc/passwd">]>'.encode()


def damaged_parquet(content: bytes, rng: random.Random) -> bytes:
    """Columns dropped, renamed, doubled, of another type, with odd values; other codecs; a bomb of one value."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(io.BytesIO(content))
    for _ in range(rng.choice((1, 1, 2))):
        at, what, n = rng.randrange(table.num_columns), rng.randrange(8), table.num_rows
        name = table.column_names[at]
        if what == 0 and table.num_columns > 1:
            table = table.remove_column(at)
        elif what == 1:
            names = list(table.column_names)
            names[at] = rng.choice(("", name.upper(), name + " ", rng.choice(names)))
            table = table.rename_columns(names)
        elif what == 2:
            table = table.append_column(name, table.column(rng.randrange(table.num_columns)))
        elif what == 3:
            cells = [rng.choice(ODD_CELLS) for _ in range(n)]
            table = table.set_column(at, name, pa.array(cells, pa.string()))
        elif what == 4:
            made = rng.choice(_OTHER_TYPES)
            table = table.set_column(at, name, pa.array([made if rng.random() < 0.9 else None for _ in range(n)]))
        elif what == 5:
            table = table.set_column(at, name, pa.nulls(n))
        elif what == 6:
            table = table.slice(rng.randrange(n + 1), rng.randrange(n + 1))
        elif rng.random() < 0.02:  # a hundred thousand rows of one long value: small, until they are read
            table = table.take(pa.array([0] * 100_000)) if n else table
            table = table.set_column(at, name, pa.array(["x" * 1_000] * table.num_rows))
    out = io.BytesIO()
    pq.write_table(table, out, compression=rng.choice(("snappy", "gzip", "zstd", "none")))
    made_bytes = out.getvalue()
    return damaged_bytes(made_bytes, rng) if rng.random() < 0.3 else made_bytes


_OTHER_TYPES: tuple[Any, ...] = (
    1, -(2**62), float("nan"), float("-inf"), True, b"\xff\x00", [1, 2], {"a": 1}, [{"b": ["c"]}], "x" * 5_000,
)  # fmt: skip


def damaged_dicom(content: bytes, rng: random.Random) -> bytes:
    """Elements dropped or with odd values, lengths that lie, sequences in sequences, a deflated bomb."""
    from pydicom import config, dcmread
    from pydicom.dataset import Dataset
    from pydicom.sequence import Sequence

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset = dcmread(io.BytesIO(content), force=True)
        places = [(dataset, element) for element in dataset]
        places += [(item, e) for item in dataset.get("ContentSequence") or [] for e in item]
        if not places:
            return damaged_bytes(content, rng)
        before = config.settings.writing_validation_mode
        config.settings.writing_validation_mode = config.IGNORE
        try:
            for _ in range(rng.choice((1, 1, 2, 5))):
                holder, element = rng.choice(places)
                if rng.random() < 0.4:
                    holder.pop(element.tag, None)
                elif element.VR == "SQ":
                    nested = Dataset()
                    nested.PatientID = ODD_CELLS[-2]
                    for _ in range(rng.choice((1, 40))):
                        outer = Dataset()
                        outer.ContentSequence = Sequence([nested])
                        nested = outer
                    element.value = Sequence([nested])
                elif isinstance(element.value, str):
                    element._value = rng.choice(ODD_CELLS)
            out = io.BytesIO()
            dataset.save_as(out)
            made = out.getvalue()
        except Exception:  # a value that pydicom cannot write
            return damaged_bytes(content, rng)
        finally:
            config.settings.writing_validation_mode = before
    if rng.random() < 0.005:
        return _deflated_bomb(content, rng)
    return damaged_bytes(made, rng) if rng.random() < 0.2 else made


def _deflated_bomb(content: bytes, rng: random.Random) -> bytes:
    """The file meta of a deflated file, and much of nothing behind it."""
    meta = content[: rng.randrange(132, min(len(content), 600))]
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    return meta + packer.compress(bomb(rng)) + packer.flush()


def damaged_json(content: bytes, rng: random.Random) -> bytes:
    """Nodes dropped, doubled, renamed or of another type, in one document or in one of the lines."""
    text = content.decode("utf-8", "replace")
    try:
        documents = [json.loads(text)]
    except ValueError:
        try:
            documents = [json.loads(line) for line in text.split("\n") if line.strip()][:200]
        except ValueError:
            return damaged_text(content, rng)
    for _ in range(rng.choice((1, 1, 2, 6))):
        _change_node(documents, rng)
    if rng.random() < 0.05:
        deep = rng.choice((200, 100_000))
        return (b'{"a":' * deep + b"1" + b"}" * deep) if rng.random() < 0.5 else b"[" * deep + b"]" * deep
    made = "\n".join(json.dumps(d, ensure_ascii=rng.random() < 0.5) for d in documents).encode("utf-8", "surrogatepass")
    return damaged_bytes(made, rng) if rng.random() < 0.1 else made


def _change_node(documents: list[Any], rng: random.Random) -> None:
    node: Any = documents
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        if not keys:
            return
        key = rng.choice(keys)
        if isinstance(node[key], dict | list) and rng.random() < 0.8:
            node = node[key]
            continue
        what = rng.randrange(4)
        if what == 0:
            del node[key]
        elif what == 1 and isinstance(node, dict):
            node[rng.choice((key.upper(), "", "value", "resourceType"))] = node.pop(key)
        elif what == 2:
            node[key] = rng.choice((None, True, 0, -1, 1e308, 10**30, [], {}, [[]], {"a": {}}, "\ud800"))
        else:
            node[key] = rng.choice(ODD_CELLS)
        return
