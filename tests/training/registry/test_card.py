"""The card of a registered model: every item of TRIPOD+AI, what the run says, and nothing of a patient."""

import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import pandas as pd
import pytest

from features.tables import VIEWS
from infra.errors import UsageError
from infra.lake import Lake
from tests.training.registry.conftest import BLURRED, CLEAR, TASK, retrieve, trained
from training.artefacts import artefact
from training.registry.card.blocks import markdown
from training.registry.card.compose import card_of
from training.registry.card.facts import facts_of
from training.registry.card.tripod import ITEMS
from training.registry.card.writing import HTML, MARKDOWN, card
from training.registry.promotion import promote
from training.registry.versions import ModelVersion, register
from training.run import RunSummary
from training.tasks import TASKS
from training.tracking import Tracker

pytestmark = pytest.mark.slow
IL6 = next(f for f in VIEWS["cytokine_kinetics"].features if f.name == "il6_log2_change")
Runs = dict[str, RunSummary]


@pytest.fixture(scope="module")
def version(lake: Lake, runs: Runs) -> ModelVersion:
    register(lake, runs["clear"].run_id)
    return promote(lake, TASK).version


def kept(lake: Lake, version: ModelVersion, name: str) -> str:
    tracker = Tracker(lake)
    path = artefact(tracker, tracker.run(version.run_id), name)
    assert path is not None
    return path.read_text()


def test_the_items_are_numbered_1_to_27_each_part_once() -> None:
    numbers = [item.number for item in ITEMS]
    assert len(set(numbers)) == len(numbers) == 52
    assert list(dict.fromkeys(int(re.sub(r"\D", "", n)) for n in numbers)) == list(range(1, 28))
    for number in range(1, 28):
        parts = [n.removeprefix(str(number)) for n in numbers if re.fullmatch(rf"{number}[a-z]?", n)]
        assert parts == ([""] if len(parts) == 1 else [chr(ord("a") + i) for i in range(len(parts))])


def test_every_item_is_on_the_card_and_what_the_run_cannot_say_is_open(lake: Lake, version: ModelVersion) -> None:
    text = kept(lake, version, MARKDOWN)
    state = dict(re.findall(r"^\| (\d+[a-z]?) \| [^|]+ \| (answered|in part|open) \|", text, re.MULTILINE))
    assert list(state) == [item.number for item in ITEMS]
    # Ethics, funding, conflicts, registration, interpretation: no run knows them.
    assert {state[n] for n in ("2", "17", "18a", "18b", "18d", "25")} == {"open"}
    assert {state[n] for n in ("6b", "11", "12a", "12c", "20a", "21", "24")} == {"answered"}
    counted = re.search(r"This run answers (\d+), and (\d+) in part; (\d+) are open", text)
    assert counted is not None
    assert [int(n) for n in counted.groups()] == [
        list(state.values()).count(s) for s in ("answered", "in part", "open")
    ]


def test_the_card_says_what_the_run_says(lake: Lake, runs: Runs, version: ModelVersion) -> None:
    text = kept(lake, version, MARKDOWN)
    metrics = runs["clear"].metrics
    assert f"| Uno's C | {metrics['uno_c']:.3f} ({metrics['uno_c_low']:.3f} to {metrics['uno_c_high']:.3f}) |" in text
    assert f"| kaplan\\_meier | {0.5:.3f} (0.500 to 0.500) |" in text
    assert "Version 1 of overall\\_survival, champion." in text
    assert "decision support" in text.split("##")[0]
    assert re.search(r"\| north \| \d+ \| \d+ \|", text)
    assert "| cytokines | 1 | 0% |" in text
    assert IL6.description in text and IL6.definition.replace("_", "\\_") in text
    assert "| gold.cytokine\\_kinetics | Delta version 0 |" in text and "| silver.outcome | Delta version 0 |" in text
    assert "| clinical | template | north | 2 |" in text  # files by what the ledger knows of them
    assert "overall\\_survival | Delta" not in text


class Outside(HTMLParser):
    """Collects whatever a page would fetch."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.fetched += [str(named[a]) for a in ("src", "href") if a in named and tag != "a"]
        assert tag not in ("script", "link", "iframe")


def test_the_page_holds_the_same_items_and_fetches_nothing(lake: Lake, version: ModelVersion) -> None:
    page = kept(lake, version, HTML)
    reader = Outside()
    reader.feed(page)
    assert reader.fetched and all(source.startswith("data:image/png;base64,") for source in reader.fetched)
    assert all(f"<td>{item.number}</td>" in page for item in ITEMS)
    assert page == card(lake, version.run_id, as_html=True)


def test_no_value_of_a_patient_is_on_a_card_or_in_the_example(lake: Lake, version: ModelVersion) -> None:
    labels = TASKS[TASK].build_labels(lake).frame
    frame = retrieve(lake, TASKS["overall_survival"].service, labels).frame
    canaries = {str(v) for v in labels["patient_id"]}
    canaries |= {str(v.date()) for v in labels["event_timestamp"]}
    numbers = pd.concat([labels["time_days"], frame[CLEAR], frame[BLURRED], frame["clinical_profile__age_years"]])
    canaries |= {f"{v:.4f}" for v in numbers}
    texts = [kept(lake, version, name) for name in (MARKDOWN, HTML, "cohort.json")]
    texts.append(Tracker(lake).client.get_model_version(TASK, str(version.version)).description)
    models = Path(Tracker(lake).artifacts) / TASK / "models"
    examples = [path.read_text() for path in models.glob("*/artifacts/*input_example.json")]
    assert examples
    assert not [c for c in canaries for text in (*texts, *examples) if c in text]
    cells = [v for text in examples for row in _rows(text) for v in row if isinstance(v, float)]
    assert cells and not set(cells) & set(numbers)


def _rows(example: str) -> list[list[object]]:
    value = json.loads(example)
    return list(value.get("dataframe_split", value)["data"])


def test_counts_of_few_patients_are_not_said(lake: Lake, version: ModelVersion) -> None:
    from training.registry.card.answers import count

    assert [count(n) for n in (None, 0, 4, 5, 1200)] == ["fewer than 5", "0", "fewer than 5", "5", "1,200"]


def test_a_run_that_is_not_registered_has_a_card_and_a_permuted_one_has_none(lake: Lake, runs: Runs) -> None:
    assert "It is not registered." in card(lake, runs["blurred"].run_id)
    with pytest.raises(UsageError, match="was trained on permuted labels"):
        card(lake, trained(lake, permute=True)["clear"].run_id)


def test_a_card_of_groups_speaks_of_no_folds_and_no_prediction(lake: Lake, version: ModelVersion) -> None:
    facts = facts_of(lake, version.run_id)
    groups = replace(facts, task=replace(facts.task, kind="profiles"))
    text = markdown(card_of(groups))
    assert "Development of groups of patients, and no prediction" in text
    assert not [word for word in ("cross-validation", "training folds", "Each fold", "-fold ") if word in text]
    assert "cross-validation" in markdown(card_of(facts))
