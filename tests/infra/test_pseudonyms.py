"""Pseudonyms: keyed, stable, different by site; and a key that two first runs agree on."""

import base64
import hashlib
import re
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.errors import MachineError
from infra.pseudonyms import FEW, PSEUDONYM_LENGTH, Pseudonymiser, load_key

KEY = bytes(range(32))
keyed = Pseudonymiser(KEY)
identifiers = st.text(min_size=1).filter(lambda t: t.strip() and "\x00" not in t)


def hmac_sha256(key: bytes, message: bytes) -> bytes:
    """RFC 2104 written out."""
    padded = key.ljust(64, b"\x00")
    inner = hashlib.sha256(bytes(b ^ 0x36 for b in padded) + message).digest()
    return hashlib.sha256(bytes(b ^ 0x5C for b in padded) + inner).digest()


def test_a_pseudonym_is_an_hmac_cut_to_128_bits() -> None:
    digest = hmac_sha256(KEY, b"id\x00paris\x00P-001")[:16]
    assert keyed.identifier("paris", "P-001") == base64.b32encode(digest).decode().rstrip("=").lower()
    uid = hmac_sha256(KEY, b"uid\x001.2.840.1")[:16]
    assert keyed.uid("1.2.840.1") == f"2.25.{int.from_bytes(uid, 'big')}"


@given(identifiers)
def test_a_pseudonym_depends_on_key_site_and_identifier(identifier: str) -> None:
    pseudonym = keyed.identifier("paris", identifier)
    assert re.fullmatch(f"[a-z2-7]{{{PSEUDONYM_LENGTH}}}", pseudonym)
    assert pseudonym == keyed.identifier("paris", f" {identifier}\t")  # cells carry stray blanks
    assert pseudonym != keyed.identifier("lyon", identifier)
    assert pseudonym != Pseudonymiser(KEY[::-1]).identifier("paris", identifier)
    assert pseudonym != keyed.identifier("paris", identifier + "x")


def test_accents_written_in_two_ways_are_one_identifier() -> None:
    assert keyed.identifier("paris", "Andr\u00e9") == keyed.identifier("paris", "Andre\u0301")


def test_uids_keep_the_dicom_form() -> None:
    uid = keyed.uid("1.3.6.1.4.1.14519.5.2.1.1")
    assert re.fullmatch(r"2\.25\.(0|[1-9][0-9]*)", uid)
    assert len(uid) <= 64  # PS3.5, section 9.1


@given(st.lists(st.sampled_from(["a", "b ", " b", "", "  ", None]), max_size=3 * FEW))
def test_many_at_once_are_as_one_by_one(values: list[str | None]) -> None:
    expected = [keyed.identifier("s", v) if v and v.strip() else None for v in values]
    assert keyed.identifiers("s", pa.array(values, pa.string())).to_pylist() == expected


def test_missing_identifiers_stay_missing() -> None:
    given_ = pa.array(["a", None, "", "  ", "a"])
    a = keyed.identifier("s", "a")
    assert keyed.identifiers("s", given_).to_pylist() == [a, None, None, None, a]
    assert keyed.uids(pa.nulls(2, pa.string())).to_pylist() == [None, None]


def test_the_key_is_never_shown() -> None:
    assert KEY.hex() not in repr(keyed)
    assert "\\x01" not in repr(keyed)


def test_a_key_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "config" / "pseudonym.key"
    key = load_key(None, file)
    assert len(key) == 32
    assert load_key(None, file) == key
    assert oct(file.stat().st_mode & 0o777) == "0o600"
    assert list(file.parent.iterdir()) == [file]  # nothing half-written beside it
    assert load_key(bytes(32).hex(), file) == bytes(32)  # the environment's key comes first


def test_processes_that_start_at_once_agree_on_one_key(tmp_path: Path) -> None:
    file, start = tmp_path / "key", tmp_path / "start"
    code = (
        "import sys, time; from pathlib import Path; from infra.pseudonyms import load_key\n"
        "print('ready', flush=True)\n"
        "while not Path(sys.argv[2]).exists(): time.sleep(0.001)\n"
        "print(load_key(None, Path(sys.argv[1])).hex())"
    )
    command = [sys.executable, "-c", code, str(file), str(start)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for process in processes:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    start.touch()
    keys = {process.communicate(timeout=60)[0].strip() for process in processes}
    assert keys == {file.read_text()}


@pytest.mark.parametrize(("text", "said"), [("no hex", "is not hexadecimal text"), ("abcd", "shorter than 16 bytes")])
def test_a_key_that_is_none_is_refused_without_showing_it(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(MachineError, match=said) as refused:
        Pseudonymiser(load_key(text, tmp_path / "key"))
    assert text not in str(refused.value)


def test_a_key_file_that_cannot_be_made_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MachineError, match=r"cannot be read or made .* set ONCOLAKE_PSEUDONYM_KEY"):
        load_key(None, tmp_path / "file" / "key")
