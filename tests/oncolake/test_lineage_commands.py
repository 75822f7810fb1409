"""`oncolake impact` as it is asked: by path, by identifier, and by what it cannot follow."""

import hashlib
from pathlib import Path

import pytest

from infra.lake import Lake
from infra.settings import Settings
from ingestion import ledger
from tests.oncolake.running import Run
from tests.training import synthetic


@pytest.mark.slow
def test_the_command_takes_a_path_an_id_and_an_identifier(run: Run, tmp_path: Path) -> None:
    lake = Lake.at(tmp_path / "lake")
    delivered = tmp_path / "outcomes.csv"
    delivered.write_text("site,anything\n1,2\n")
    file_id = hashlib.sha256(delivered.read_bytes()).hexdigest()
    ledger.record(lake, [synthetic.entry(file_id, "outcomes")])
    assert run("impact", delivered, "--lake", lake.root)[0] == 0
    code, said, _ = run("impact", delivered, "--lake", lake.root)
    assert "No run used file" in said and file_id[:20] in said.replace("\n", "")
    pseudonym = Settings().pseudonymiser.identifier("north", "patient-7")
    code, said, _ = run("impact", "patient-7", "--site", "north", "--lake", lake.root, "--json")
    assert code == 0 and pseudonym in said and "patient-7" not in said
    code, said, err = run("impact", "patient-7", "--lake", lake.root)
    assert code == 2 and "patient-7" not in said + err
    code, _, err = run("impact", tmp_path, "--lake", lake.root)
    assert code == 2 and "is a folder" in err
