"""What was scanned, from what an index or a header says."""

import pytest

from ingestion.sources.imaging.species import species_of


@pytest.mark.parametrize(
    ("said", "species"),
    [
        ({}, "human"),
        ({"collection_id": "upenn_gbm", "body_part": "BRAIN"}, "human"),
        ({"collection_id": "gbm_dsc_mri_dro"}, "phantom"),
        ({"collection_id": "cc_radiomics_phantom_9"}, "phantom"),
        ({"body_part": " phantom "}, "phantom"),
        ({"quality_control": "YES"}, "phantom"),
        ({"is_named_phantom": True}, "phantom"),
        ({"collection_id": "icdc_glioma"}, "animal"),
        ({"collection_id": "pdmr_833975_119_r"}, "animal"),
        ({"species_description": "Canis lupus familiaris"}, "animal"),
        ({"species_description": "Homo sapiens"}, "human"),
        ({"species_description": "Mus musculus", "body_part": "PHANTOM"}, "phantom"),
    ],
)
def test_species(said: dict[str, object], species: str) -> None:
    assert species_of(**said) == species  # type: ignore[arg-type]
