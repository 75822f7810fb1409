"""Puts a card where it is looked for: into the run as files, and in short into the registry as the description."""

from typing import Any

from infra.lake import Lake
from training.registry.card.blocks import markdown, page
from training.registry.card.compose import card_of, in_short
from training.registry.card.facts import facts_of
from training.registry.versions import ModelVersion
from training.tracking import Tracker

MARKDOWN, HTML = "model_card.md", "model_card.html"
DESCRIPTION_LENGTH = 5000
"""The registry keeps no more."""


def write(lake: Lake, version: ModelVersion) -> None:
    """The card of a registered version, made again from its run."""
    tracker = Tracker(lake)
    facts = facts_of(lake, version.run_id)
    blocks = card_of(facts)
    recorder = tracker.recorder(facts.run)
    recorder.text(MARKDOWN, markdown(blocks))
    recorder.text(HTML, page(f"Model card: {version.task}, {version.model}", blocks))
    client: Any = tracker.client
    client.update_model_version(version.task, str(version.version), in_short(facts)[:DESCRIPTION_LENGTH])


def card(lake: Lake, run_id: str, *, as_html: bool = False) -> str:
    """The card of a run, registered or not, as Markdown or as a page. Raises UsageError on a run that has none."""
    facts = facts_of(lake, run_id)
    blocks = card_of(facts)
    if as_html:
        return page(f"Model card: {facts.task.name}, {facts.run.tags['model']}", blocks)
    return markdown(blocks)
