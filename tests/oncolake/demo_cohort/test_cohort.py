"""The landing folder: what is in it, that it is the same every time, and that it never mixes with another."""

import hashlib
import json
import zoneinfo
from pathlib import Path

import pytest

from infra.errors import UsageError
from infra.settings import Site
from oncolake.demo.cohort import Cohort, generate
from tests.oncolake.demo_cohort.conftest import N_PATIENTS, SEED


def digests(landing: Path) -> dict[str, str]:
    return {
        str(path.relative_to(landing)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(landing.rglob("*"))
        if path.is_file()
    }


def test_same_seed_gives_the_same_bytes(cohort: Cohort, landing: Path, tmp_path: Path) -> None:
    again = generate(tmp_path / "again", N_PATIENTS, SEED)
    assert digests(tmp_path / "again") == digests(landing)
    assert (again.truth, again.defects, again.sites) == (cohort.truth, cohort.defects, cohort.sites)


def test_generating_again_touches_no_file(cohort: Cohort, landing: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in landing.rglob("*") if path.is_file()}
    assert generate(landing, N_PATIENTS, SEED) == cohort
    assert {path: path.stat().st_mtime_ns for path in landing.rglob("*") if path.is_file()} == before


def test_an_interrupted_generation_is_completed(cohort: Cohort, landing: Path, tmp_path: Path) -> None:
    generate(tmp_path / "cut", N_PATIENTS, SEED)
    (tmp_path / "cut" / "truth.json").unlink()
    some = sorted((tmp_path / "cut").rglob("*.dcm"))[3]
    some.write_bytes(some.read_bytes()[:100])
    generate(tmp_path / "cut", N_PATIENTS, SEED)
    assert digests(tmp_path / "cut") == digests(landing)


def test_another_seed_gives_other_patients(cohort: Cohort, tmp_path: Path) -> None:
    other = generate(tmp_path / "other", N_PATIENTS, SEED + 1)
    assert {p.patient_id for p in other.truth.patients}.isdisjoint(p.patient_id for p in cohort.truth.patients)


def test_cohorts_never_mix_in_one_folder(cohort: Cohort, landing: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="another demo cohort"):
        generate(landing, N_PATIENTS, SEED + 1)
    (tmp_path / "letter.txt").write_text("not ours")
    with pytest.raises(UsageError, match="not of the demo"):
        generate(tmp_path, N_PATIENTS, SEED)
    assert [p.name for p in tmp_path.iterdir()] == ["letter.txt"]


def test_too_few_patients_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="needs 12 patients or more"):
        generate(tmp_path / "few", 11)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_any_seed_can_carry_what_is_planted_in_the_smallest_cohort(seed: int, tmp_path: Path) -> None:
    smallest = generate(tmp_path / "small", 12, seed)
    assert len(smallest.truth.patients) == 12
    assert len({d.file for d in smallest.defects}) == len(smallest.defects)


def test_deliveries_come_in_order_and_hold_all_files(cohort: Cohort, landing: Path) -> None:
    delivered = [path for d in cohort.deliveries for path in sorted(d.folder.rglob("*")) if path.is_file()]
    loose = {landing / name for name in ("truth.json", "defects.json", "cohort.json")}
    assert set(delivered) | loose == {p for p in landing.rglob("*") if p.is_file()}
    assert len(delivered) == len(set(delivered))
    assert [d.name for d in cohort.deliveries] == sorted(d.name for d in cohort.deliveries)
    first = {(d.site_id, d.source) for d in cohort.deliveries if d.name == "01-first"}
    sources = ("clinical", "imaging", "exosome", "cytokine", "mutations", "vitals")
    assert first == {(site, source) for site in ("toulouse", "boston", "berlin") for source in sources}


def test_sites_are_settings(cohort: Cohort) -> None:
    for site_id, settings in cohort.sites.items():
        site = Site.model_validate({**settings, "site_id": site_id})
        assert zoneinfo.ZoneInfo(site.time_zone)
        assert site.delay_days("cytokine") == 10


def test_identifiers_are_unique_and_embed_the_person(cohort: Cohort) -> None:
    ids = [p.patient_id for p in cohort.truth.patients]
    assert len(set(ids)) == N_PATIENTS
    assert {p.patient_id[:2] for p in cohort.truth.patients} == {"TL", "BO", "B-"}


def test_truth_and_defects_are_written_beside_the_deliveries(cohort: Cohort, landing: Path) -> None:
    truth = json.loads((landing / "truth.json").read_text())
    assert truth["landmark_days"] == 42
    assert [p["patient_id"] for p in truth["patients"]] == [p.patient_id for p in cohort.truth.patients]
    assert truth["patients"][0]["latent"]["kps"] == cohort.truth.patients[0].latent.kps
    defects = json.loads((landing / "defects.json").read_text())
    assert [d["kind"] for d in defects] == [d.kind for d in cohort.defects]
    assert [d["expected"] for d in defects] == [d.expected for d in cohort.defects]


def test_progress_counts_up_to_its_total(tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    generate(tmp_path / "landing", 12, 5, lambda what, done, total: seen.append((what, done, total)))
    assert [entry for entry in seen if entry[0] == "simulating patients"] == [
        ("simulating patients", i, 12) for i in range(1, 13)
    ]
    assert seen[-1] == ("writing files", seen[-1][2], seen[-1][2])
