"""Each format knows its own files and none of the others'."""

import pytest
from pydicom.uid import ExplicitVRBigEndian

from ingestion.format import Format, Probe, recognise
from ingestion.sources.exosome import SOURCE as EXOSOME
from ingestion.sources.imaging import SOURCE as IMAGING
from tests.ingestion.exosome.generated import nta_summary
from tests.ingestion.imaging.generated import dicom_bytes
from tests.ingestion.imaging.reports import report_bytes
from tests.ingestion.imaging.test_idc_index import parquet
from tests.ingestion.imaging.test_radiomics import radiomics_csv

FORMATS: tuple[Format, ...] = (*IMAGING.formats, *EXOSOME.formats)


@pytest.mark.parametrize(
    ("content", "known_as"),
    [
        (dicom_bytes(), ["dicom"]),
        (dicom_bytes(preamble=False), ["dicom"]),
        (report_bytes(), ["dicom_sr"]),
        (report_bytes(syntax=ExplicitVRBigEndian), ["dicom_sr"]),
        (dicom_bytes({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.33"}, preamble=False), ["dicom_sr"]),
        (dicom_bytes({"SOPClassUID": "1.2.840.10008.5.1.4.1.1.88.59"}, preamble=False), ["dicom"]),
        (radiomics_csv().encode(), ["pyradiomics_csv"]),
        (parquet(), ["idc_index"]),
        (nta_summary().encode("latin-1"), ["nanosight_summary"]),
        (b"\xef\xbb\xbf" + nta_summary().encode(), ["nanosight_summary"]),
        (parquet(without=("Modality",)), []),
        (b"Hugo_Symbol\tChromosome\n", []),
        (b"sample,marker,value\nNTA Experiment,CD9,1\n", ["exosome_cargo_csv"]),
        (b"", []),
        (b"\x00", []),
        (bytes(1_000), []),
        (b"\x08\x00", []),
        (b"PAR1", []),
        (b"\x89PNG\r\n\x1a\n" + bytes(200), []),
        (b"PK\x03\x04" + bytes(200), []),
    ],
)
def test_recognise(content: bytes, known_as: list[str]) -> None:
    probe = Probe.of("some.csv", content)
    assert [f.name for f in FORMATS if f.recognise(probe)] == known_as
    first = recognise(FORMATS, probe)
    assert (first.name if first else None) == (known_as[0] if known_as else None)


@pytest.mark.parametrize("source", [IMAGING, EXOSOME])
def test_raw_records_carry_no_identifier_in_a_plain_column(source: object) -> None:
    roles = {c.name: c.role for f in source.formats for c in f.raw.columns}  # type: ignore[attr-defined]
    for name, role in roles.items():
        expected = (
            "uid"
            if name.endswith("_uid")
            else "identifier"
            if name in ("patient_id", "sample_id", "plate_id", "measurement_id", "video")
            else "plain"
        )
        assert role == expected, name
