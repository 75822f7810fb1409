"""What a site declares, as the command line meets it."""

from pathlib import Path

import pytest

from infra.pseudonyms import Pseudonymiser
from tests.oncolake.conftest import KEY
from tests.oncolake.running import Run

SETTINGS = """
[sites.toulouse.patient_ids]
case = "upper"
remove = "-_ "

[sites.toulouse.sample_ids]
pattern = '(?P<patient>GBM\\d{3})[-_ ](?P<timepoint>W\\d)'
examples = { "GBM001 W4" = "GBM001-W4" }
"""


@pytest.fixture
def declared(tmp_path: Path) -> Path:
    path = tmp_path / "oncolake.toml"
    path.write_text(SETTINGS)
    return path


def test_a_pseudonym_is_looked_up_in_any_spelling_of_the_site(run: Run, declared: Path) -> None:
    keyed = Pseudonymiser(bytes.fromhex(KEY))
    patient, sample = keyed.identifier("toulouse", "GBM001"), keyed.identifier("toulouse", "GBM001-W4")
    assert run("pseudonym", "toulouse", "gbm-001")[1].split() == [patient]
    assert run("pseudonym", "toulouse", "GBM001_W4", "--kind", "sample")[1].split() == [sample]
    assert run("pseudonym", "toulouse", "GBM001_W4", "--kind", "other")[1].split() == [
        keyed.identifier("toulouse", "GBM001_W4")
    ]
    assert run("pseudonym", "lyon", "gbm-001")[1].split() == [keyed.identifier("lyon", "gbm-001")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('lakee = "/x"', "oncolake: The setting lakee is not known; did you mean lake?"),
        (
            '[sites.toulouse.tables.t]\nformat = "patient_csv"\ncolumns = {patientid = "NIP"}',
            "oncolake: The setting sites.toulouse.tables.t names patientid, which is no column of patient_csv; "
            "did you mean patient_id?",
        ),
    ],
)
def test_what_cannot_be_right_is_one_sentence_before_any_file(
    run: Run, declared: Path, tmp_path: Path, text: str, said: str
) -> None:
    declared.write_text(text)
    code, out, err = run("ingest", "clinical", tmp_path, "--site", "toulouse", "--quiet")
    assert (code, out, err.strip()) == (2, "", said)


def test_a_file_of_a_declared_table_without_what_is_needed_says_so(run: Run, declared: Path, tmp_path: Path) -> None:
    (tmp_path / "landing").mkdir()
    (tmp_path / "landing" / "x.csv").write_text("record_id,gender\n1,2\n")
    declared.write_text(
        '[sites.toulouse.redcap.gbm]\ndictionary = "absent.csv"\n[sites.toulouse.tables.t]\nformat = "patient_csv"\n'
        'redcap = "gbm"\ncolumns = { patient_id = "record_id", sex = "gender" }\n'
    )
    code, out, _ = run("ingest", "clinical", tmp_path / "landing", "--site", "toulouse", "--json", "--quiet")
    assert code == 1
    assert "The declared REDCap data dictionary cannot be read (No such file or directory)." in out
