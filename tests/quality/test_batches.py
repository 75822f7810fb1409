"""Batches held against the ones before: what was planted is found, else nothing, and nothing is told of anyone."""

from pathlib import Path

import numpy as np
import pytest

from infra import delta
from infra.errors import MachineError
from infra.lake import Lake
from infra.tables import TABLES
from quality import batches, profiles
from quality import statistics as st
from quality.batches import check_batch
from quality.drift import (
    FUTURE,
    KNOWN_AGE,
    QUARANTINED,
    RAN,
    ROWS_PER_FILE,
    ROWS_PER_SUBJECT,
    BatchCheck,
)
from quality.outcomes import latest_checks, of_batch, outcomes_path
from quality.profiling import MISSING, OTHER, plan, profile
from quality.scanning import added_files, file_system
from quality.sketch import bucket_keys
from tests.quality.batches import START, heart_rates, pseudonym, rows_of, write


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake.at(tmp_path)


def deliver(lake: Lake, batch: int, **given: object) -> list[BatchCheck]:
    name = f"{batch:016x}"
    written = write(lake, "vital_sign", name, heart_rates(batch, **given))  # type: ignore[arg-type]
    return check_batch(lake, "vitals", name, {"vital_sign": written})


def failed(found: list[BatchCheck]) -> set[tuple[str, str, str]]:
    return {(c.definition, c.what, c.severity) for c in found if not c.is_passed}


def test_batches_of_one_distribution_raise_no_alarm_and_a_shift_does(lake: Lake) -> None:
    quiet = [deliver(lake, n) for n in range(1, 13)]
    drift = [(n, c) for n, found in enumerate(quiet) for c in found if not c.is_passed]
    assert drift == []
    compared = {c.definition: c.compared for c in quiet[-1]}
    assert compared[st.PSI_BINS] == compared[st.KS] == 2
    assert compared[st.PSI_CODES] == 2
    assert {ROWS_PER_FILE, ROWS_PER_SUBJECT, KNOWN_AGE, FUTURE} <= compared.keys()
    # Twenty mmHg: a transducer that was zeroed at the wrong height.
    shifted = deliver(lake, 13, shift=20.0)
    assert failed(shifted) == {
        (st.PSI_BINS, "MAP [mm[Hg]]", "warning"),
        (st.KS, "MAP [mm[Hg]]", "warning"),
    }
    (distance,) = (c for c in shifted if c.definition == st.KS and not c.is_passed)
    assert "40 patients, cases or samples against 480" in distance.sentence
    assert distance.value is not None and distance.limit is not None and distance.value > distance.limit


def test_rows_of_few_patients_are_no_drift_however_many_they_are(lake: Lake) -> None:
    for n in range(1, 7):
        deliver(lake, n)
    # Six operations, thousands of rows each: their level is their own.
    found = deliver(lake, 7, cases=6, each=2000)
    assert [c for c in found if c.definition.startswith("drift.") and not c.is_passed] == []
    assert failed(found) == {(ROWS_PER_FILE, "", "warning"), (ROWS_PER_SUBJECT, "", "warning")}


def test_a_code_that_is_not_there_any_more_is_drift(lake: Lake) -> None:
    for n in range(1, 7):
        deliver(lake, n)
    rows = [r for r in heart_rates(8, cases=80) if r["signal"] == "HR"]
    found = check_batch(lake, "vitals", "x", {"vital_sign": write(lake, "vital_sign", "x", rows)})
    assert {(c.column, c.severity) for c in found if c.definition == st.PSI_CODES and not c.is_passed} == {
        ("signal", "warning"), ("unit", "warning"),
    }  # fmt: skip


def test_a_site_is_compared_with_itself_only(lake: Lake) -> None:
    for n in range(1, 7):
        deliver(lake, n)
    other = deliver(lake, 7, shift=40.0, site="boston")
    assert failed(other) == set()
    assert {c.site_id for c in other if c.definition not in (RAN, QUARANTINED)} == {"boston"}


def test_too_little_to_compare_is_said_and_no_alarm(lake: Lake) -> None:
    found = deliver(lake, 1)
    assert failed(found) == set()
    assert [c.compared for c in found if c.definition == ROWS_PER_FILE] == [0]
    assert not any(c.definition.startswith("drift.") for c in found)
    small = deliver(lake, 2, cases=2, each=3, shift=80)
    assert failed(small) == set()
    kinds = [r["kind"] for r in rows_of(profiles.profiles_path(lake, "vital_sign")) if r["batch_id"] == f"{2:016x}"]
    assert kinds == [profiles.ROWS]


def test_old_news_and_news_from_the_future(lake: Lake) -> None:
    age = (np.datetime64("now") - np.datetime64(START.replace(tzinfo=None))) / np.timedelta64(1, "D")
    for n in range(1, 8):
        deliver(lake, n, days=float(age) - n - 1)
    late = deliver(lake, 8, days=float(age) - 8 - 60)
    assert (KNOWN_AGE, "", "warning") in failed(late)
    assert (FUTURE, "", "warning") not in failed(late)
    assert (FUTURE, "", "warning") in failed(deliver(lake, 9, days=float(age) + 3))


@pytest.mark.parametrize(("quarantined", "outcome"), [(0, True), (4, True), (5, False), (400, False)])
def test_a_share_of_quarantined_rows(lake: Lake, quarantined: int, outcome: bool) -> None:
    written = write(lake, "vital_sign", "a", heart_rates(1, cases=1, each=20), quarantined)
    (share,) = (c for c in check_batch(lake, "vitals", "a", {"vital_sign": written}) if c.definition == QUARANTINED)
    assert (share.is_passed, share.severity) == (outcome, "warning")


def test_a_batch_of_refused_rows_only_is_checked_too(lake: Lake) -> None:
    found = check_batch(lake, "vitals", "a", {"vital_sign": write(lake, "vital_sign", "a", [], quarantined=30)})
    assert failed(found) == {(QUARANTINED, "", "warning")}


def test_a_batch_that_is_repeated_is_answered_from_the_record(lake: Lake) -> None:
    written = write(lake, "vital_sign", "a", heart_rates(1))
    first = check_batch(lake, "vitals", "a", {"vital_sign": written})
    paths = profiles.profiles_path(lake, "vital_sign"), outcomes_path(lake)
    versions = [delta.version(p) for p in paths]
    assert check_batch(lake, "vitals", "a", {"vital_sign": written}) == first
    assert [delta.version(p) for p in paths] == versions
    assert of_batch(lake, "vitals", "a") == first


def test_an_interrupted_check_is_completed_with_what_it_had_kept(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    for n in range(1, 7):
        deliver(lake, n)
    name = f"{7:016x}"
    written = write(lake, "vital_sign", name, heart_rates(7, shift=20))

    def dies(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(batches.outcomes, "record", dies)
        with pytest.raises(KeyboardInterrupt):
            check_batch(lake, "vitals", name, {"vital_sign": written})
    before = delta.version(profiles.profiles_path(lake, "vital_sign"))
    found = check_batch(lake, "vitals", name, {"vital_sign": written})
    assert (st.KS, "MAP [mm[Hg]]", "warning") in failed(found)
    assert delta.version(profiles.profiles_path(lake, "vital_sign")) == before


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MachineError("The lake cannot be written."), "did not run: The lake cannot be written."),
        (ValueError("Durand-Canary"), "ValueError at tests/quality/test_batches.py"),
        (OSError(28, "No space left on device"), "because the disk is full"),
    ],
)
def test_what_goes_wrong_is_a_sentence_and_not_the_end_of_the_batch(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, error: Exception, said: str
) -> None:
    def fails(*_: object) -> None:
        raise error

    written = write(lake, "vital_sign", "a", heart_rates(1))
    with monkeypatch.context() as patched:
        patched.setattr(batches, "profile", fails)
        found = check_batch(lake, "vitals", "a", {"vital_sign": written})
    (ran,) = (c for c in found if c.definition == RAN and c.table)
    assert (ran.is_passed, ran.severity, ran.table) == (False, "warning", "vital_sign")
    assert said in ran.sentence and "Durand" not in ran.sentence
    # The next attempt does what this one could not.
    again = check_batch(lake, "vitals", "a", {"vital_sign": written})
    assert any(c.definition == RAN and c.is_passed and c.table == "vital_sign" for c in again)
    assert [c for checks in latest_checks(lake).values() for c in checks if not c.is_passed] == []


def test_a_record_that_cannot_be_written_is_a_sentence_too(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    written = write(lake, "vital_sign", "a", heart_rates(1))
    monkeypatch.setattr(batches.outcomes, "record", fails)
    found = check_batch(lake, "vitals", "a", {"vital_sign": written})
    assert any("disk is full" in c.sentence for c in found if c.definition == RAN and not c.is_passed)


def test_checks_between_tables_that_failed_to_run_are_forgotten_once_they_do(
    lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise ValueError("Durand-Canary")

    with monkeypatch.context() as patched:
        patched.setattr(batches, "cross_checks", fails)
        deliver(lake, 1)
    (wrong,) = (c for checks in latest_checks(lake).values() for c in checks if not c.is_passed)
    assert "ValueError" in wrong.sentence and "Durand" not in wrong.sentence
    deliver(lake, 2)
    assert [c for checks in latest_checks(lake).values() for c in checks if not c.is_passed] == []


def test_how_things_stand_is_what_the_last_batch_said(lake: Lake) -> None:
    assert latest_checks(lake) == {}
    for n in range(1, 8):
        deliver(lake, n)
    shifted = deliver(lake, 8, shift=20)
    now = latest_checks(lake)["vital_sign"]
    assert sorted(map(str, now)) == sorted(str(c) for c in shifted if c.table)
    assert [c.is_passed for c in now] == sorted(c.is_passed for c in now)
    assert failed(latest_checks(lake, "vital_sign")["vital_sign"]) == failed(shifted)
    deliver(lake, 9)
    assert failed(latest_checks(lake)["vital_sign"]) == set()


def test_neither_profiles_nor_outcomes_hold_identifiers_or_values(lake: Lake) -> None:
    canary = 123.456789
    rows = [*heart_rates(1), heart_rates(2, cases=1, each=1)[0] | {"value": canary, "device": "Durand-Canary"}]
    rows += [r | {"signal": "Durand-Canary", "unit": "Durand-Canary"} for r in heart_rates(3, cases=4)]
    check_batch(lake, "vitals", "a", {"vital_sign": write(lake, "vital_sign", "a", rows)})
    kept = rows_of(profiles.profiles_path(lake, "vital_sign")) + rows_of(outcomes_path(lake))
    said = str(kept)
    assert "Durand" not in said and str(canary) not in said and pseudonym(1000) not in said
    assert not any(str(r["case_id"]) in said or str(r["file_id"]) in said for r in rows)
    # The text that is on no list is counted, and stays where it is.
    (signals,) = (dict(zip(r["codes"], r["counts"], strict=True)) for r in kept if r.get("column") == "signal")
    assert signals == {"MAP": 1001, "HR": 1000, OTHER: 200}


def test_a_profile_is_what_a_plain_loop_counts(lake: Lake) -> None:
    rows = heart_rates(1) + heart_rates(2, site="boston", cases=7, each=9)
    rows += [r | {"value": None} for r in heart_rates(3, cases=3, each=2)]
    rows[0]["value"] = float("nan")
    written = write(lake, "vital_sign", "a", rows)
    files = file_system(lake.silver("vital_sign"))
    found = {p.site_id: p for p in profile(files, added_files(files, written.version, "a"), "a", TABLES["vital_sign"])}
    assert found.keys() == {"paris", "boston"}
    for site, p in found.items():
        own = [r for r in rows if r["site_id"] == site]
        assert p.rows == len(own)
        assert p.files == len({r["file_id"] for r in own}) and p.subjects == len({r["case_id"] for r in own})
        assert p.newest_event == max(r["event_time"] for r in own)
        for signal, unit in (("MAP", "mm[Hg]"), ("HR", "/min")):
            of_signal = [
                r for r in own if r["signal"] == signal and r["value"] is not None and r["value"] == r["value"]
            ]
            sketch = p.numbers["value", signal, unit]
            keys, counts = np.unique(bucket_keys(np.array([r["value"] for r in of_signal])), return_counts=True)
            assert (sketch.keys.tolist(), sketch.counts.tolist()) == (keys.tolist(), counts.tolist())
            assert sketch.subjects == len({r["case_id"] for r in of_signal})
            assert p.codes["signal"][signal] == sum(r["signal"] == signal for r in own)


def test_a_profile_does_not_depend_on_how_the_rows_lie_in_files(lake: Lake, tmp_path: Path) -> None:
    rows = heart_rates(1) + heart_rates(2, site="boston")
    other = Lake.at(tmp_path / "other")
    first = write(lake, "vital_sign", "a", rows)
    write(other, "vital_sign", "a", rows[:1500:-1])
    second = write(other, "vital_sign", "a", rows[1500::-1])
    found = []
    for at, version in ((lake, first.version), (other, second.version)):
        files = file_system(at.silver("vital_sign"))
        found.append(profile(files, added_files(files, version, "a"), "a", TABLES["vital_sign"]))
    assert list(map(str, found[0])) == list(map(str, found[1]))


def test_standards_are_no_samples_and_a_missing_code_is_counted(lake: Lake) -> None:
    rows = [
        {"plate_id": "x", "well": "A1", "sample_id": pseudonym(i), "sample_type": kind, "analyte": "IL6",
         "value": 1.5 + i, "unit": "pg/mL", "operator": "=" if i % 2 else None}
        for kind in ("unknown", "standard") for i in range(40)
    ]  # fmt: skip
    written = write(lake, "cytokine_result", "a", rows)
    files = file_system(lake.silver("cytokine_result"))
    (p,) = profile(files, added_files(files, written.version, "a"), "a", TABLES["cytokine_result"])
    assert p.numbers["value", "IL6", "pg/mL"].n == 40
    assert p.codes["operator"] == {"=": 40, MISSING: 40}


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_a_plan_of_columns_that_it_has(table: str) -> None:
    declared = {c.name: c.type for c in TABLES[table].all_columns}
    planned = plan(TABLES[table])
    assert set(planned.columns) <= declared.keys()
    assert all(declared[n] in ("double", "int") for n in planned.numbers)
    assert not set(planned.numbers) & set(TABLES[table].key)


def test_files_of_a_batch_are_found_behind_others_and_after_compaction(lake: Lake) -> None:
    import deltalake

    path = lake.silver("vital_sign")
    for n in range(1, 6):
        write(lake, "vital_sign", f"b{n}", heart_rates(n, cases=2, each=2))
    files = file_system(path)
    names = {n: added_files(files, 5, f"b{n}") for n in range(1, 6)}
    assert all(len(found) == 1 for found in names.values()) and len({*map(tuple, names.values())}) == 5
    assert added_files(files, 5, "absent") == []
    assert added_files(files, 3, "b4") == []
    table = deltalake.DeltaTable(path)
    table.optimize.compact()
    newest = deltalake.DeltaTable(path).version()
    assert newest == 6
    assert added_files(files, newest, "b2") == names[2]
    (Path(path) / names[2][0]).unlink()
    assert added_files(files, newest, "b2") == []


def test_a_batch_is_told_from_others_in_its_files_where_the_log_has_no_statistics(lake: Lake) -> None:
    # More columns than Delta keeps statistics of: the batch's id is beyond them.
    for batch, n in (("aaaa", 3), ("bbbb", 5)):
        rows = [{"plate_id": "x", "sample_id": pseudonym(i), "analyte": "IL6", "value": 1.0} for i in range(n)]
        written = write(lake, "cytokine_result", batch, rows)
    files = file_system(lake.silver("cytokine_result"))
    for batch, n in (("aaaa", 3), ("bbbb", 5)):
        names = added_files(files, written.version, batch)
        assert len(names) == 1
        assert [p.rows for p in profile(files, names, batch, TABLES["cytokine_result"])] == [n]
