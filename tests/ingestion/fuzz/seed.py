"""A file to mutate, and the cells that may never be quoted."""

from dataclasses import dataclass, field

from infra.settings import Site

CANARY = "QzxCanary"
CANARY_NUMBER = "7391846.25"
CANARIES = (CANARY.lower(), CANARY_NUMBER)


@dataclass(frozen=True)
class Seed:
    """companions: files that lie beside it, by name. site: declared where the reader needs one."""

    name: str
    content: bytes
    companions: dict[str, bytes] = field(default_factory=dict)
    site: Site | None = None
