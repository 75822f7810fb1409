"""oncolake features list, describe, get, check and drift as a user meets them. No JVM."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from features.datasets import Provenance, write
from features.frames import digest
from features.store.services import SERVICES, join_key
from features.tables import VIEWS
from infra.lake import Lake
from oncolake import show
from oncolake.cli import main
from tests.features.gold_lake import day, story, write_gold

WIDTH = 80
N = 60


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Lake:
    """Sixty patients with a Karnofsky status on day 0, most with another, lower one on day 30."""
    lake = Lake.at(tmp_path_factory.mktemp("lake"))
    random = np.random.default_rng(0)
    rows = []
    for i in range(N):
        for n, fall in ((0, 0), (30, 25)):
            known = day(n + 1)
            kps = float(60 + random.integers(0, 5) * 10 - fall)
            rows.append(
                {
                    "patient_id": f"p{i:02}",
                    "event_time": day(n),
                    "known_time": known,
                    "karnofsky": kps,
                    "file_ids": ["x"],
                }
            )
    write_gold(lake, "clinical_profile", *rows)
    return lake


def labels(n: float) -> pd.DataFrame:
    times = pd.to_datetime([day(n)] * N, utc=True)
    return pd.DataFrame(
        {"patient_id": [f"p{i:02}" for i in range(N)], "event_timestamp": times, "is_event": [True, False] * (N // 2)}
    )


def known_then(lake: Lake, n: float) -> pd.DataFrame:
    """A training frame of the status as known on day n, by hand."""
    import deltalake

    rows = deltalake.DeltaTable(lake.gold("clinical_profile")).to_pandas()
    rows = rows[rows["known_time"] <= day(n)].sort_values("event_time").groupby("patient_id").tail(1)
    kps = rows.set_index("patient_id")["karnofsky"]
    asked = labels(n)
    return asked.assign(clinical_profile__karnofsky=kps.reindex(asked["patient_id"]).to_numpy())


def _save(lake: Lake, name: str, asked: pd.DataFrame) -> None:
    """A dataset saved as Feast saves them."""
    from features.offline.delta_source import DeltaStorage
    from features.store.repository import open_store

    store = open_store(lake)
    job = store.get_historical_features(asked, features=["clinical_profile:karnofsky"], full_feature_names=True)
    with pytest.warns(RuntimeWarning, match="experimental"):  # Feast's own word for saved datasets
        store.create_saved_dataset(job, name, DeltaStorage(f"saved/{name}"))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Any:
    """Runs `oncolake features ...` in this process on a terminal of 80 columns: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(show.out, "width", WIDTH)

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["oncolake", "features", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        said = capfd.readouterr()
        assert "Traceback" not in said.err + said.out
        assert max((len(line) for line in said.out.splitlines()), default=0) <= WIDTH or "--json" in arguments
        return int(left.value.code or 0), said.out, said.err

    return call


def test_list_shows_every_view_and_what_is_built(run: Any, lake: Lake) -> None:
    code, out, _ = run("list", "--lake", lake.root)
    assert code == 0
    assert all(name in out for name in VIEWS)
    assert out.count("not built") == len(VIEWS) - 1
    code, out, _ = run("list", "--lake", lake.root, "--json")
    by_name = {v["view"]: v for v in json.loads(out)["views"]}
    assert list(by_name) == list(VIEWS)
    clinical = by_name["clinical_profile"]
    assert (clinical["rows"], clinical["version"], clinical["modality"]) == (2 * N, 0, "clinical")
    assert clinical["known_until"] == day(31).isoformat()
    # Karnofsky status, which every service of patients has.
    assert clinical["features"][2]["services"] == [s for s in SERVICES if join_key(s) == "patient_id"]
    assert by_name["burden"]["rows"] is None


def test_list_needs_no_data(run: Any, tmp_path: Path) -> None:
    code, out, _ = run("list", "--lake", tmp_path / "none")
    assert (code, out.count("not built")) == (0, len(VIEWS))


@pytest.mark.parametrize(
    ("options", "found"),
    [
        (["--search", "interleukin 6 SLOPE"], {"cytokine_kinetics.il6_log2_slope_per_d"}),
        (["--unit", "Gy"], {"clinical_profile.radiotherapy_dose_gy"}),
        (
            ["--modality", "mutations", "--search", "counted"],
            {"burden.n_counted_cbioportal", "burden.n_counted_maftools"},
        ),
        (["--owner", "genomics", "--search", "hypermut"], None),
        (["--search", "no such thing"], set()),
    ],
)
def test_list_searches(options: list[str], found: set[str] | None, run: Any, lake: Lake) -> None:
    code, out, _ = run("list", *options, "--lake", lake.root, "--json")
    assert code == 0
    names = {f"{v['view']}.{f['name']}" for v in json.loads(out)["views"] for f in v["features"]}
    assert names == found if found is not None else "burden.is_hypermutated" in names
    assert run("list", *options, "--lake", lake.root)[0] == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["list", "--modality", "sound"], "No feature has the modality sound; there are clinical, cytokine"),
        (["list", "--unit", "furlong"], "No feature has the unit furlong; there are"),
        (["describe", "gait"], "There is no feature view gait; the views are clinical_profile"),
        (["describe", "burden.weight"], "The feature view burden has no feature weight"),
        (["check", "none.csv"], "There is no file none.csv"),
        (["drift", "none.parquet"], "There is no file none.parquet"),
    ],
)
def test_wrong_usage_leaves_with_2_and_a_sentence(arguments: list[str], said: str, run: Any, lake: Lake) -> None:
    code, out, err = run(*arguments, "--lake", lake.root)
    assert (code, out) == (2, "")
    assert said in err


def test_describe_a_view_and_a_feature(run: Any, lake: Lake) -> None:
    code, out, _ = run("describe", "clinical_profile", "--lake", lake.root)
    assert code == 0
    assert f"version 0, {2 * N} rows of {N} patients" in " ".join(out.split())
    assert "█" in out
    code, out, _ = run("describe", "clinical_profile.karnofsky", "--lake", lake.root)
    assert "Karnofsky performance status" in out
    assert "1 d (5 % 1, 95 % 1)" in out
    code, out, _ = run("describe", "clinical_profile__karnofsky", "--lake", lake.root, "--json")
    (feature,) = json.loads(out)["features"]
    now = known_then(lake, 99)["clinical_profile__karnofsky"]
    assert feature["distribution"]["mean"] == pytest.approx(now.mean())
    assert feature["distribution"]["quantiles"][2] == now.median()
    assert feature["distribution"]["missing"] == 0


def test_describe_says_what_is_an_array(run: Any, lake: Lake) -> None:
    code, out, _ = run("describe", "measurement_history", "--lake", lake.root)
    assert code == 0
    arrays = {line.split()[1]: line for line in out.splitlines() if "array of" in line}
    for name, kind in (("measures", "texts"), ("values", "numbers"), ("observed_at", "times")):
        assert f"array of {kind}" in arrays[name]
    code, out, _ = run("describe", "measurement_history.observed_at", "--lake", lake.root)
    assert "array of times" in out


def test_describe_needs_no_data(run: Any, tmp_path: Path) -> None:
    for name in ("vital_window", "burden.is_hypermutated"):
        code, out, _ = run("describe", name, "--lake", tmp_path / "none")
        assert code == 0
        assert "not built yet" in out


@pytest.mark.parametrize("name", ["x.csv", "x.parquet"])
def test_check_passes_what_was_known_and_names_what_was_not(name: str, run: Any, lake: Lake, tmp_path: Path) -> None:
    frame = known_then(lake, 20)
    versions = {"clinical_profile": 0}
    kept = Provenance("overall_survival_v1", versions, digest(frame, versions), "d")
    write(tmp_path / name, frame, kept)
    code, out, _ = run("check", name, "--lake", lake.root)
    assert code == 0
    assert out.startswith(f"Nothing in {name} was ahead of its time: {N} values of {N} rows.")
    assert "newest" not in out

    later = known_then(lake, 99)["clinical_profile__karnofsky"]
    peeked = frame.assign(
        clinical_profile__karnofsky=np.where(np.arange(N) < 2, later, frame["clinical_profile__karnofsky"])
    )
    write(tmp_path / name, peeked, kept)
    code, out, _ = run("check", name, "--lake", lake.root)
    assert code == 1
    assert "clinical_profile.karnofsky (future event, 2)" in " ".join(out.split())
    assert "11.0 d" in out  # known on day 31
    assert "0, 1" in out
    assert "has been changed since" in out
    assert "p00" not in out
    code, out, _ = run("check", name, "--lake", lake.root, "--json")
    told = json.loads(out)
    assert (code, told["is_clean"], told["is_unchanged"], len(told["findings"])) == (1, False, False, 2)
    assert told["findings"][1] == {
        "kind": "future event", "view": "clinical_profile", "feature": "karnofsky", "row": 1,
        "early_s": 11 * 86_400.0, "detail": "",
    }  # fmt: skip


def test_check_without_versions_says_that_it_took_the_newest(run: Any, lake: Lake, tmp_path: Path) -> None:
    known_then(lake, 20).to_csv(tmp_path / "plain.csv", index=False)
    code, out, _ = run("check", "plain.csv", "--lake", lake.root)
    assert code == 0
    assert "No version of clinical_profile is recorded" in " ".join(out.split())


def test_drift_shows_what_has_moved_since(run: Any, lake: Lake, tmp_path: Path) -> None:
    write(tmp_path / "then.parquet", known_then(lake, 20), None)
    write(tmp_path / "now.parquet", known_then(lake, 99), None)
    code, out, _ = run("drift", "then.parquet", "--lake", lake.root)
    assert code == 0
    assert "1 drifted." in out
    code, out, _ = run("drift", "now.parquet", "--lake", lake.root)
    assert "1 steady." in out
    code, out, _ = run("drift", "then.parquet", "--lake", lake.root, "--json")
    (feature,) = json.loads(out)["features"]
    assert (feature["feature"], feature["verdict"]) == ("clinical_profile__karnofsky", "drifted")
    assert feature["training"]["mean"] > feature["now"]["mean"] + 20


@pytest.mark.slow
def test_get_shows_arrays(run: Any, tmp_path: Path) -> None:
    from features.store.repository import apply, materialize

    lake = story(tmp_path / "lake")
    tokens: dict[str, object] = {"measures": ["IL6", "TNF"], "modalities": ["cytokines"] * 2, "values": [1.5, 2.0]}
    times: dict[str, object] = {"event_time": day(1), "known_time": day(2), "observed_at": [day(0.5), day(1)]}
    write_gold(lake, "measurement_history", {"patient_id": "a", "file_ids": ["plate"]} | tokens | times)
    write_gold(lake, "imaging_measures", {"patient_id": "b", "event_time": day(1), "known_time": day(1)})
    apply(lake)
    materialize(lake, day(40))
    pd.DataFrame({"patient_id": ["a"], "event_timestamp": [str(day(9))]}).to_csv(tmp_path / "labels.csv", index=False)
    for asked in (("--labels", "labels.csv"), ("--entity", "a")):
        code, out, _ = run("get", "overall_survival_v2", *asked, "--lake", lake.root, "--json")
        assert code == 0
        (row,) = json.loads(out)
        assert row["measurement_history__measures"] == ["IL6", "TNF"]
        assert row["measurement_history__values"] == [1.5, 2.0]
        assert row["measurement_history__observed_at"] == [str(day(0.5)), str(day(1))]
        _, out, _ = run("get", "overall_survival_v2", *asked, "--lake", lake.root)
        assert out.count("array of 2") == 4


def test_get_writes_what_check_needs_and_shows_histories(run: Any, tmp_path: Path) -> None:
    from features.store.repository import apply, materialize

    lake = story(tmp_path / "lake")
    apply(lake)
    materialize(lake, day(40))
    asked = pd.DataFrame({"patient_id": ["a", "b", "a"], "event_timestamp": [str(day(n)) for n in (10, 9, 30)]})
    asked.to_csv(tmp_path / "labels.csv", index=False)
    for name in ("out.csv", "out.parquet"):
        code, out, _ = run("get", "overall_survival_v1", "--labels", "labels.csv", "--out", name, "--lake", lake.root)
        assert code == 0
        assert "__karnofsky" in out
        code, out, _ = run("check", name, "--lake", lake.root)
        assert code == 0, out
        assert "newest" not in out
    code, out, _ = run("get", "overall_survival_v1", "--entity", "a", "--lake", lake.root)
    assert code == 0
    assert "▁█" in out  # IL6 from 4 to 16 pg/mL
    code, out, _ = run("get", "overall_survival_v1", "--entity", "a", "--lake", lake.root, "--json")
    assert json.loads(out)[0]["cytokine_kinetics__il6_last_pg_per_ml"] == 16
    _save(lake, "two_patients", asked.assign(event_timestamp=pd.to_datetime(asked["event_timestamp"], utc=True)))
    code, out, _ = run("check", "two_patients", "--lake", lake.root)
    assert (code, out.split(":")[0]) == (0, "Nothing in two_patients was ahead of its time")
    code, _, err = run("check", "no_such_dataset", "--lake", lake.root)
    assert code == 2
    assert "is no file, no saved dataset and no run id" in err
