"""What MLflow keeps of the models of runs: logged models, and registered versions with their aliases."""

from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from training.tracking import LoggedRun, Tracker


@dataclass(frozen=True)
class Version:
    """A version of a registered model. aliases: as champion, sorted."""

    name: str
    version: int
    aliases: tuple[str, ...]


def registered(tracker: Tracker) -> dict[str, tuple[Version, ...]]:
    """Registered versions by the id of the run that they came from, in two questions however many there are."""
    found: dict[str, list[Version]] = defaultdict(list)
    for version, aliases in with_aliases(tracker):
        found[str(version.run_id)].append(Version(version.name, int(version.version), aliases))
    return {run_id: tuple(sorted(of, key=lambda v: (v.name, v.version))) for run_id, of in found.items()}


def with_aliases(tracker: Tracker) -> Iterator[tuple[Any, tuple[str, ...]]]:
    """MLflow's registered versions, each with its aliases, sorted; a version itself does not know them."""
    aliases: dict[tuple[str, int], list[str]] = defaultdict(list)
    for model in _pages(tracker.client.search_registered_models):
        for alias, version in model.aliases.items():
            aliases[model.name, int(version)].append(alias)
    for version in _pages(tracker.client.search_model_versions):
        yield version, tuple(sorted(aliases[version.name, int(version.version)]))


def logged_models(tracker: Tracker, run: LoggedRun) -> tuple[str, ...]:
    """Ids of the models that a parent run logged, oldest first."""
    experiment = tracker.client.get_run(run.run_id).info.experiment_id
    found = tracker.client.search_logged_models([experiment], filter_string=f"source_run_id = '{run.run_id}'")
    return tuple(model.model_id for model in sorted(found, key=lambda m: int(m.creation_timestamp)))


def _pages(ask: Callable[..., Any]) -> Iterator[Any]:
    token = None
    while True:
        page = ask(page_token=token)
        yield from page
        token = page.token
        if not token:
            return
