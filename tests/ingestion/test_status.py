"""What `oncolake status` and the first page of the Data Docs say about checks of batches."""

import json
from pathlib import Path

import deltalake
import pyarrow as pa
import pytest
from rich.text import Text

from infra.lake import Lake
from ingestion.status import lake_status
from oncolake import show
from oncolake.commands.ingestion import print_checks
from quality.batches import check_batch
from quality.outcomes import outcomes
from quality.page import write_page
from quality.validation import SCHEMA, results_path
from tests.quality.batches import heart_rates, pseudonym, write


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Seven quiet batches, then one whose pressures are shifted and of which much was refused."""
    lake = Lake.at(tmp_path_factory.mktemp("lake"))
    for n in range(1, 9):
        is_bad = n == 8
        rows = heart_rates(n, cases=20, each=10, shift=40 if is_bad else 0)
        written = write(lake, "vital_sign", f"b{n}", rows, quarantined=90 if is_bad else 0)
        check_batch(lake, "vitals", f"b{n}", {"vital_sign": written})
    return lake


def test_status_shows_what_failed_last_and_who_delivered(lake: Lake, capsys: pytest.CaptureFixture[str]) -> None:
    found = lake_status(lake)
    assert {c.definition for c in found.checks} == {
        "drift.ks/1", "drift.psi-10bins/1", "volume.quarantined-share/1",
    }  # fmt: skip
    assert [(d.source, d.site_id, d.batches) for d in found.deliveries] == [("vitals", "paris", 8)]
    said = json.loads(json.dumps(found.as_json(), default=str))
    assert {c["severity"] for c in said["checks"]} == {"warning"}
    assert said["deliveries"][0]["is_overdue"] is False
    print_checks(found)
    shown = capsys.readouterr().out
    assert "Checks that want a look" in shown and "vital_sign" in shown and "Deliveries" in shown


def test_a_lake_that_was_never_checked_shows_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found = lake_status(Lake.at(tmp_path))
    assert (found.checks, found.deliveries) == ((), ())
    print_checks(found)
    assert capsys.readouterr().out == ""


def test_a_warning_is_red_and_an_info_yellow(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    styles: dict[str, str] = {}

    def table(title: str, header: object, rows: list[tuple[object, ...]], right: object = ()) -> None:
        for row in rows:
            styles.update({cell.plain: str(cell.style) for cell in row if isinstance(cell, Text)})

    monkeypatch.setattr(show, "print_table", table)
    print_checks(lake_status(lake))
    assert styles["warning"] == "red"


def test_the_first_page_of_the_data_docs_lists_them_without_a_network_or_a_value(lake: Lake, tmp_path: Path) -> None:
    deltalake.write_deltalake(results_path(lake), pa.Table.from_pylist([], SCHEMA))
    page = write_page(tmp_path, results_path(lake), outcomes(lake)).read_text()
    assert page.count("<tr class=bad>") == 3
    assert "drift.psi-10bins/1" in page and "90 of 490 new rows went to quarantine" in page
    assert "of the outcomes of 8 batches" in page
    assert pseudonym(8000) not in page and "http" not in page
