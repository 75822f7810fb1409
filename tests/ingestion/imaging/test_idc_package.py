"""`idc:COLLECTION`: a file of that collection's series, out of the installed package and without a network."""

import importlib.util
import socket
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from infra.errors import MachineError, UsageError
from infra.settings import Site
from ingestion.format import Probe, RawFile
from ingestion.sources.imaging import idc_package
from ingestion.sources.imaging.idc_index import IDC_INDEX
from ingestion.sources.imaging.idc_package import resolved

has_package = pytest.mark.skipif(
    importlib.util.find_spec("idc_index_data") is None, reason="the extra idc is not installed"
)


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> Any:
        raise AssertionError("the network was used")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@has_package
@pytest.mark.parametrize("name", ["idc:upenn_gbm", "idc:UPENN-GBM"])
def test_a_collection_is_a_file_of_its_series_only(name: str, tmp_path: Path) -> None:
    other = tmp_path / "landing"
    [path, same] = resolved([Path(name), other], tmp_path)
    assert same == other
    table = pq.read_table(path)
    assert set(table["collection_id"].to_pylist()) == {"upenn_gbm"} and table.num_rows == 6_064
    assert "series_aws_url" not in table.column_names
    assert IDC_INDEX.recognise(Probe.at(path))
    batches = list(IDC_INDEX.read(RawFile.at(path), Site(site_id="idc")))
    assert sum(b.num_rows for b in batches) == 6_064
    assert sum(b.num_rows - b.column("problem").null_count for b in batches) == 0
    assert [p.name for p in path.parent.iterdir()] == ["upenn_gbm.parquet"]


@has_package
def test_the_same_collection_is_the_same_bytes(tmp_path: Path) -> None:
    [first] = resolved([Path("idc:gbm_dsc_mri_dro")], tmp_path / "a")
    [second] = resolved([Path("idc:gbm_dsc_mri_dro")], tmp_path / "b")
    assert first.read_bytes() == second.read_bytes()
    written = first.stat().st_mtime_ns
    assert resolved([Path("idc:gbm_dsc_mri_dro")], tmp_path / "a") == [first]
    assert first.stat().st_mtime_ns == written


@has_package
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("idc:upen_gbm", "no collection upen_gbm; the nearest are upenn_gbm"),
        ("idc:gbm", "no collection gbm; the nearest are"),
        ("idc:", "no collection without a name; expected one of"),
        ("idc:../../etc/passwd", "no collection ../../etc/passwd; expected one of"),
    ],
)
def test_an_unknown_collection_is_refused_with_the_nearest_names(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        resolved([Path(name)], tmp_path / "cache")
    assert said in str(refused.value)
    assert not (tmp_path / "cache").exists()


def test_without_the_extra_the_sentence_names_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(idc_package.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r"idc-index-data, which is not installed; expected .*oncolake\[idc\]"):
        resolved([Path("idc:upenn_gbm")])
    assert resolved([Path("landing")]) == [Path("landing")]


@has_package
def test_a_cache_that_cannot_be_written_is_the_machine_s_fault(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(MachineError, match="cannot be written"):
        resolved([Path("idc:gbm_dsc_mri_dro")], tmp_path / "file")


@has_package
def test_the_command_line_names_the_nearest_collections(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    from oncolake.cli import main

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["oncolake", "ingest", "imaging", "idc:upenn_gmb"])
    with pytest.raises(SystemExit) as left:
        main()
    said = capfd.readouterr()
    assert left.value.code == 2 and said.out == ""
    assert "the nearest are upenn_gbm" in said.err and "Traceback" not in said.err
