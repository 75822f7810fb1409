"""Which files there are, what they are, and which of them are new: all before Spark is needed."""

import hashlib
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from infra.errors import FileError
from infra.pseudonyms import Pseudonymiser
from infra.settings import Site
from ingestion.format import Format, Probe, Source, recognise
from ingestion.site_tables import check_tables

CHUNK = 1 << 20

# What a masked name may end in. Any other ending may be part of a person's name (scan.durand, case7.durand.csv).
ENDINGS = frozenset(
    (".csv", ".tsv", ".txt", ".xls", ".xlsx", ".parquet", ".json", ".maf", ".dcm", ".hea", ".dat", ".gz", ".zip")
)


@dataclass(frozen=True)
class Delivery:
    """A file or a folder that a site hands over. site: what it declares, where it declares its own tables."""

    path: Path
    site_id: str = "local"
    site: Site | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True)
class Found:
    """A file of a delivery. `reason` says why it is refused; `format` is set where a reader knows it."""

    path: Path
    site_id: str
    companions: tuple[Path, ...] = ()
    file_id: str | None = None
    size_bytes: int | None = None
    format: Format | None = field(default=None, repr=False)
    reason: str | None = None

    @property
    def key(self) -> tuple[str, str]:
        """(file_id, site_id) of a file that can be read."""
        if self.file_id is None:
            raise ValueError("a file that was not hashed has no key")
        return self.file_id, self.site_id

    def masked_name(self, pseudonymiser: Pseudonymiser) -> str:
        """The path's keyed hash with the file's usual ending, which is all that the lake may keep of it."""
        endings = "".join(s for s in map(str.lower, self.path.suffixes[-2:]) if s in ENDINGS)
        return pseudonymiser.identifier(self.site_id, str(self.path)) + endings


def discover(
    source: Source, deliveries: Iterable[Delivery], progress: Callable[[int, int], None] = lambda done, total: None
) -> list[Found]:
    """Every file of the deliveries, hashed and recognised, in a fixed order. Hidden files are left out.

    A file that cannot be read, is empty, or that no format of the source knows carries its reason. Raises UsageError
    where what a site declares about its tables cannot be right.
    """
    deliveries = list(deliveries)
    sites = {d.site_id: d.site for d in deliveries if d.site is not None}
    for site in sites.values():
        check_tables(site)
    listed = list(dict.fromkeys(Found(path, d.site_id) for d in deliveries for path in _walk(d.path)))
    examined: list[Found] = []
    with ThreadPoolExecutor(max_workers=4) as pool:
        for done, found in enumerate(pool.map(lambda f: _examine(source, f, sites.get(f.site_id)), listed), 1):
            examined.append(found)
            progress(done, len(listed))
    belonging = {companion for f in examined for companion in f.companions}
    return [f for f in examined if f.path not in belonging]


def _walk(path: Path) -> Sequence[Path]:
    if not path.is_dir():
        return [path]
    inside = (p for p in path.rglob("*") if not any(part.startswith(".") for part in p.relative_to(path).parts))
    return sorted(p for p in inside if not p.is_dir())


def _examine(source: Source, found: Found, site: Site | None) -> Found:
    try:
        if not found.path.exists():
            return replace(found, reason="There is no such file or folder; expected the path of a file to ingest.")
        probe = Probe.at(found.path)
        if probe.size == 0:
            return replace(
                found,
                reason="The file is empty; expected at least one record.",
                file_id=hashlib.sha256(b"").hexdigest(),
                size_bytes=0,
            )
        format_ = recognise(source.formats, probe, site)
        companions = tuple(format_.companions(found.path)) if format_ else ()
        found = replace(
            found,
            companions=companions,
            format=format_,
            size_bytes=probe.size,
            file_id=_content_id([found.path, *companions]),
        )
    except Exception as error:  # one odd file must not stop the others
        return replace(found, reason=_reason_of(error))
    if format_ is None:
        looked_for = "; ".join(f"{f.name} ({f.looked_for})" for f in source.formats)
        kind = "binary" if probe.is_binary else "text"
        return replace(found, reason=f"No {source.name} format knows this {kind} file; looked for {looked_for}.")
    return found


def _reason_of(error: Exception) -> str:
    """Why a file cannot be looked at. The words of an error that is none of ours may quote a cell: its kind only."""
    if isinstance(error, FileError):
        return str(error)
    if isinstance(error, OSError):
        return f"The file cannot be read ({error.strerror})."
    return f"The file could not be recognised ({type(error).__name__}); this is a defect of oncolake."


def _content_id(paths: Sequence[Path]) -> str:
    digests = []
    for path in paths:
        digest = hashlib.sha256()
        with path.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                digest.update(chunk)
        digests.append(digest.hexdigest())
    # One file: its own SHA-256, which anyone can check. With companions: of their digests in order.
    return digests[0] if len(digests) == 1 else hashlib.sha256(" ".join(digests).encode()).hexdigest()
