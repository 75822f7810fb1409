"""What the definitions of feature views were when a run was trained, and what they are now."""

from collections.abc import Iterable

from training.lineage import Lineage


def view_hashes(views: Iterable[str]) -> dict[str, str]:
    """Feature view -> SHA-256 of its definition as it is now; views that are not declared are left out."""
    from features.tables import VIEWS
    from features.view import definitions_hash

    return {name: definitions_hash([VIEWS[name]]) for name in sorted(views) if name in VIEWS}


def changed_since(lineage: Lineage) -> str:
    """One sentence that names what of a run's definitions is another now; '' where all are the same."""
    from features.tables import VIEWS
    from features.view import definitions_hash

    views = sorted(lineage.table_versions)
    gone = [view for view in views if view not in VIEWS]
    if gone:
        return f"The feature views {', '.join(gone)} are declared no more."
    if definitions_hash(VIEWS[view] for view in views) == lineage.definitions_hash:
        return ""
    now = view_hashes(views)
    changed = [view for view in views if view in lineage.view_hashes and lineage.view_hashes[view] != now[view]]
    named = ", ".join(changed) if changed else f"of {lineage.service} (the run does not say of which view)"
    return f"Definitions changed since: {named}."
