"""IDC indexes: what is recognised, what a row becomes, and the published counts of the real file."""

from collections.abc import Mapping
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Probe, RawFile
from ingestion.sources.imaging.idc_index import IDC_INDEX

ROW: dict[str, object] = {
    "collection_id": "upenn_gbm", "analysis_result_id": None, "PatientID": "UPENN-1", "StudyInstanceUID": "1.2",
    "SeriesInstanceUID": "1.2.3", "StudyDate": "2011-05-01", "SeriesDate": "2011-05-01", "Modality": "MR",
    "BodyPartExamined": "BRAIN", "Manufacturer": "SIEMENS ", "SeriesDescription": "ep2d_perf BOLUS",
    "instanceCount": 900, "PatientAge": "060Y", "PatientSex": "F",
}  # fmt: skip


def parquet(*changes: Mapping[str, object], without: tuple[str, ...] = ()) -> bytes:
    rows = [{k: v for k, v in {**ROW, **change}.items() if k not in without} for change in changes or ({},)]
    out = BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), out)
    return out.getvalue()


def read(content: bytes, time_zone: str = "UTC") -> list[dict[str, object]]:
    site = Site(site_id="archive", time_zone=time_zone)
    return [row for batch in IDC_INDEX.read(RawFile("index.parquet", content), site) for row in batch.to_pylist()]


def test_a_row_is_a_series_record_without_free_text() -> None:
    [record] = read(parquet(), "America/New_York")
    assert record == {
        "file_row": 0, "problem": None, "patient_id": "UPENN-1", "study_uid": "1.2", "series_uid": "1.2.3",
        "modality": "MR", "manufacturer": "SIEMENS", "sequence_type": "DSC", "contrast": True, "species": "human",
        "is_derived": None, "collection_id": "upenn_gbm", "n_instances": 900,
        # a bare date: observed at 00:00 local, and not known before the day is over
        "observed_time": datetime(2011, 5, 1, 4, tzinfo=UTC),
        "available_time": datetime(2011, 5, 2, 4, tzinfo=UTC),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("change", "column", "value"),
    [
        ({"SeriesDate": None}, "observed_time", datetime(2011, 5, 1, tzinfo=UTC)),
        ({"SeriesDate": "2704-02-29"}, "observed_time", datetime(2704, 2, 29, tzinfo=UTC)),
        ({"SeriesDate": "2011-05-03"}, "observed_time", datetime(2011, 5, 3, tzinfo=UTC)),
        ({"Modality": "SEG", "SeriesDate": "2024-08-06"}, "observed_time", datetime(2011, 5, 1, tzinfo=UTC)),
        ({"Modality": "SEG", "SeriesDate": "2024-08-06"}, "available_time", datetime(2024, 8, 7, tzinfo=UTC)),
        ({"Modality": "SEG"}, "is_derived", True),
        ({"Modality": "SEG"}, "sequence_type", None),
        ({"Modality": "SEG", "SeriesDescription": "tumor seg - MR ref: T1_postcontrast"}, "contrast", None),
        ({"Modality": "US", "SeriesDescription": "US_pre_dura"}, "contrast", None),
        ({"SeriesDescription": "t1 axial: Processed_CaPTk"}, "is_derived", None),
        ({"SeriesDescription": "t1 axial: Processed_CaPTk"}, "sequence_type", "T1"),
        ({"analysis_result_id": "bamf_aimi_annotations"}, "is_derived", True),
        ({"SeriesDescription": None}, "sequence_type", None),
        ({"BodyPartExamined": "PHANTOM"}, "species", "phantom"),
        ({"PatientID": "acr phantom 2"}, "species", "phantom"),
        ({"collection_id": "icdc_glioma"}, "species", "animal"),
        ({"PatientID": " "}, "patient_id", None),
        ({"StudyDate": "soon", "SeriesDate": None}, "problem",
         "neither SeriesDate nor StudyDate is a date (YYYY-MM-DD)"),
        ({"StudyDate": None, "SeriesDate": None}, "problem", None),
    ],
)  # fmt: skip
def test_what_a_row_becomes(change: dict[str, object], column: str, value: object) -> None:
    [record, untouched] = read(parquet(change, {"SeriesInstanceUID": "1.2.4"}))
    assert record[column] == value
    assert (untouched["file_row"], untouched["sequence_type"], untouched["problem"]) == (1, "DSC", None)


def test_dates_may_be_typed_and_optional_columns_absent() -> None:
    table = pa.Table.from_pylist([ROW]).drop_columns(["SeriesDate", "SeriesDescription", "Manufacturer"])
    typed = table.set_column(
        table.schema.get_field_index("StudyDate"), "StudyDate", pa.array([datetime(2011, 5, 1)], pa.timestamp("ns"))
    )
    out = BytesIO()
    pq.write_table(typed, out)
    [record] = read(out.getvalue())
    assert record["observed_time"] == datetime(2011, 5, 1, tzinfo=UTC)
    assert (record["sequence_type"], record["manufacturer"]) == (None, None)


def test_a_parquet_file_that_is_no_index_is_not_recognised(tmp_path: Path) -> None:
    assert IDC_INDEX.recognise(Probe.of("a.parquet", parquet()))
    assert not IDC_INDEX.recognise(Probe.of("a.parquet", parquet(without=("StudyInstanceUID",))))
    assert not IDC_INDEX.recognise(Probe.of("a.parquet", b"PAR1" + bytes(100) + b"PAR1"))
    assert not IDC_INDEX.recognise(Probe.of("a.parquet", parquet()[:-200]))
    path = tmp_path / "no ending"
    path.write_bytes(parquet())
    assert IDC_INDEX.recognise(Probe.at(path))


@pytest.mark.parametrize("name", ["SeriesInstanceUID", "SeriesDescription", "somebody's own"])
def test_a_column_that_is_there_twice_is_refused(name: str) -> None:
    table = pq.read_table(BytesIO(parquet()))
    for _ in range(2 - table.column_names.count(name)):
        table = table.append_column(name, pa.array(["1.2.3"]))
    out = BytesIO()
    pq.write_table(table, out)
    with pytest.raises(FileError, match="names a column twice"):
        read(out.getvalue())


def test_damaged_pages_are_refused() -> None:
    content = bytearray(parquet(*({"SeriesInstanceUID": f"1.2.{i}"} for i in range(1_000))))
    content[4:2_000] = bytes(1_996)
    with pytest.raises(FileError, match="cannot be read"):
        read(bytes(content))


def test_the_published_counts_of_the_real_index(shared_data: Path) -> None:
    path = shared_data / "imaging" / "idc_index_glioma_mr.parquet"
    assert IDC_INDEX.recognise(Probe.at(path))
    records = pa.Table.from_batches(IDC_INDEX.read(RawFile.at(path), Site(site_id="archive")))
    counted = records.group_by(["collection_id", "species"]).aggregate(
        [("patient_id", "count_distinct"), ("series_uid", "count_distinct"), ("file_row", "count")]
    )
    assert sorted(tuple(row.values()) for row in counted.to_pylist()) == [
        ("gbm_dsc_mri_dro", "phantom", 3, 364, 364),
        ("remind", "human", 114, 1_346, 1_346),
        ("upenn_gbm", "human", 630, 6_064, 6_064),
    ]
    assert records.num_rows == 7_774 and records["file_row"].to_pylist() == list(range(7_774))
    assert records["problem"].null_count == 7_774 and records["observed_time"].null_count == 0
    mr = records.filter(pc.equal(records["modality"], "MR"))
    kinds = {v["values"]: v["counts"] for v in mr["sequence_type"].value_counts().to_pylist()}
    # Of 4,714 MR series only the four masks of the phantom are none of the kinds.
    assert kinds["OTHER"] == 4 and None not in kinds and sum(kinds.values()) == 4_714
