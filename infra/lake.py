"""Where everything in a lake lies. A lake is a folder, or an object-store URI that Spark and delta-rs both read."""

from dataclasses import dataclass
from pathlib import Path

from infra.errors import MachineError


@dataclass(frozen=True)
class Lake:
    """The rooms of one lake. Paths are text without a trailing slash; nothing is created here."""

    root: str

    @classmethod
    def at(cls, place: str | Path) -> "Lake":
        """A lake at a folder (made absolute, so that Spark, delta-rs and SQLite agree) or at a URI."""
        text = str(place)
        return cls(text.rstrip("/") if "://" in text else str(Path(text).expanduser().resolve()))

    @property
    def is_local(self) -> bool:
        return "://" not in self.root

    @property
    def ledger(self) -> str:
        return f"{self.root}/bronze/ledger"

    @property
    def staging(self) -> str:
        """Where a batch keeps what only it needs; nothing there outlives its batch but for a killed one."""
        return f"{self.root}/.staging"

    def silver(self, table: str) -> str:
        return f"{self.root}/silver/{table}"

    def quarantine(self, table: str) -> str:
        return f"{self.root}/quarantine/{table}"

    def gold(self, view: str) -> str:
        return f"{self.root}/gold/{view}"

    def folder(self, name: str) -> Path:
        """A local folder of the lake (quality, feast, mlflow), made if absent.

        Raises MachineError on a lake in an object store: these three hold SQLite and HTML files.
        """
        if not self.is_local:
            raise MachineError(
                f"The lake {self.root} is an object store; {name} needs a local folder or a server of its own."
            )
        path = Path(self.root) / name
        try:
            path.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MachineError(f"The folder {path} cannot be made ({error.strerror}).") from error
        return path
