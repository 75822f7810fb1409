"""Files of a cBioPortal study folder, each recognised from its own content."""

from collections import Counter
from pathlib import Path

import pytest

from infra.errors import FileError
from infra.settings import Site
from ingestion.format import Probe, RawFile, recognise
from ingestion.sources import clinical, mutations

STUDY = {
    # file: (format, records)
    "cases_sequenced.txt": ("cbioportal_case_list", 31),
    "data_clinical_patients.txt": ("cbioportal_clinical_patient", 841),
    "data_clinical_samples.txt": ("cbioportal_clinical_sample", 845),
    "data_gene_panel_matrix.txt": ("cbioportal_panel_matrix", 12),
    "data_gene_panel_testpanel1.txt": ("cbioportal_gene_panel", 1),
    "data_gene_panel_testpanel2.txt": ("cbioportal_gene_panel", 1),
    "data_mutations_extended.maf": ("maf", 36),
    "meta_clinical_patients.txt": ("cbioportal_meta", 0),
    "meta_clinical_samples.txt": ("cbioportal_meta", 0),
    "meta_gene_panel_matrix.txt": ("cbioportal_meta", 0),
    "meta_mutations_extended.txt": ("cbioportal_meta", 0),
    "meta_study.txt": ("cbioportal_meta", 0),
}


def read(content: str, name: str = "data.txt") -> list[dict[str, object]]:
    """Records without their null columns."""
    data = content.encode()
    known = [f for f in mutations.SOURCE.formats if f.recognise(Probe.of(name, data))]
    assert len(known) == 1
    records = [r for b in known[0].read(RawFile(name, data), Site()) for r in b.to_pylist()]
    return [{k: v for k, v in r.items() if v is not None and k != "file_row"} for r in records]


def test_every_file_of_a_real_study_is_known_by_one_format(shared_data: Path) -> None:
    found = {}
    for path in sorted((shared_data / "mutation/cbioportal_study_es_0").iterdir()):
        known = [f for f in mutations.SOURCE.formats if f.recognise(Probe.at(path))]
        batches = [b for f in known for b in f.read(RawFile.at(path), Site())]
        assert not any(p for b in batches for p in b.column("problem").to_pylist())
        found[path.name] = (" ".join(f.name for f in known), sum(b.num_rows for b in batches))
    assert found == STUDY


def test_a_real_sample_file_gives_its_markers(shared_data: Path) -> None:
    path = shared_data / "mutation/lgggbm_tcga_pub_data_clinical_sample.txt"
    format_ = recognise(clinical.SOURCE.formats, Probe.at(path))
    assert format_ is not None and format_.name == "cbioportal_clinical_sample"
    records = [r for b in format_.read(RawFile.at(path), Site()) for r in b.to_pylist()]
    assert len(records) == 1122
    assert Counter(r["mgmt_promoter_status"] for r in records) == {"methylated": 613, "unmethylated": 319, None: 190}
    assert Counter(r["idh_status"] for r in records) == {"mutant": 457, "wildtype": 538, None: 127}
    assert sum(r["tmb_nonsynonymous"] is None for r in records) == 311


def test_a_patient_file() -> None:
    records = read(
        "#Patient\tSex\tAge\tOS\tOS\tDFS\tDFS\n#a\tb\tc\td\te\tf\tg\n#STRING\tSTRING\tNUMBER\tSTRING\tNUMBER\tSTRING\tNUMBER\n"
        "#1\t1\t1\t1\t1\t1\t1\n"
        "PATIENT_ID\tSEX\tAGE\tOS_STATUS\tOS_MONTHS\tDFS_STATUS\tDFS_MONTHS\n"
        "P1\tFemale\t61\t1:DECEASED\t12\t[Not Available]\tNA\n"
        "P2\tMale\t\tLIVING\t3.5\t0:DiseaseFree\t2\n"
        "P3\t\t\tlost\t1\t1:Recurred/Progressed\t2\n"
    )
    assert records == [
        {"patient_id": "P1", "sex": "female", "age": "61", "os_is_event": True, "os_months": "12"},
        {"patient_id": "P2", "sex": "male", "os_is_event": False, "os_months": "3.5", "dfs_is_event": False,
         "dfs_months": "2"},
        {"patient_id": "P3", "os_months": "1", "dfs_is_event": True, "dfs_months": "2",
         "problem": "OS_STATUS is neither an event (1:DECEASED) nor its absence (0:LIVING)"},
    ]  # fmt: skip


def test_only_lists_of_sequenced_samples_say_who_was_sequenced() -> None:
    text = "cancer_study_identifier: s\nstable_id: s_{}\ncase_list_name: x\ncase_list_ids: A\tB\n"
    assert read(text.format("sequenced")) == [
        {"sample_id": "A", "panel_id": "exome"},
        {"sample_id": "B", "panel_id": "exome"},
    ]
    assert read(text.format("all")) == read(text.format("cna")) == []
    with pytest.raises(FileError, match="names no sample"):
        read("cancer_study_identifier: s\nstable_id: s_sequenced\ncase_list_ids:\n")


def test_a_panel_and_the_matrix() -> None:
    panel = "stable_id: P1\ndescription: x\nnumber_of_profiled_coding_base_pairs: 1132700\ngene_list: TP53\tPTEN\n"
    assert read(panel) == [{"panel_id": "P1", "coding_base_pairs": "1132700", "n_genes": 2}]
    matrix = "SAMPLE_ID\tmutations\tgistic\nA\tP1\tP1\nB\tNA\tP1\nC\tP2\n"
    assert read(matrix) == [
        {"sample_id": "A", "panel_id": "P1"},
        {"sample_id": "C", "panel_id": "P2", "problem": "the row has 2 cells where the header has 3"},
    ]
