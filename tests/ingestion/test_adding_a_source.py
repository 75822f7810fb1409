"""The source that docs/adding-a-source.md shows: it is built as the page has it, registered by one line, and works."""

import re
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import ingestion.sources
from infra.errors import FileError
from infra.pseudonyms import Pseudonymiser
from infra.settings import Site
from ingestion.discovery import Delivery, discover
from ingestion.format import RawFile, Source
from ingestion.reading import read_file
from ingestion.registry import SOURCES
from oncolake.schedule.catalogue import tables_by_source
from tests.ingestion.mutations.frames import conformed, rows

PAGE = (Path(__file__).parents[2] / "docs" / "adding-a-source.md").read_text()
SITE = Site(site_id="toulouse", day_first=True, time_zone="Europe/Paris")
EXPORT = re.findall(r"^```csv\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[0]
keyed = Pseudonymiser(bytes(32))


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Source]:
    """The source of the page: each heading that names a module, and the code below it."""
    folder = tmp_path_factory.mktemp("sources")
    modules = re.findall(r"^### `(\w+\.py)`\n.*?^```py\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    assert [name for name, _ in modules] == ["raw.py", "analyser_csv.py", "conform.py", "__init__.py"]
    (folder / "bloodgas").mkdir()
    for name, code in modules:
        (folder / "bloodgas" / name).write_text(code)
    ingestion.sources.__path__.append(str(folder))
    found = import_module("ingestion.sources.bloodgas").SOURCE
    assert f"the line in `ingestion/registry.py`: `{found.name}.SOURCE,`" in PAGE
    SOURCES[found.name] = found
    yield found
    del SOURCES[found.name]
    ingestion.sources.__path__.remove(str(folder))
    for name in [m for m in sys.modules if m.startswith("ingestion.sources.bloodgas")]:
        del sys.modules[name]


def test_its_file_is_found_and_read(source: Source, tmp_path: Path) -> None:
    (tmp_path / "gas.csv").write_text(EXPORT)
    (found,) = discover(SOURCES["bloodgas"], [Delivery(tmp_path, "toulouse")])
    assert found.format is source.formats[0] and found.reason is None
    ((batch, error),) = read_file(found.format, RawFile.at(found.path), SITE, keyed)
    assert error is None
    assert [list(r.values()) for r in batch.to_pylist()] == [
        [0, None, keyed.identifier("toulouse", "P-0001"), datetime(2024, 3, 28, 9, 5, tzinfo=UTC), 1.2],
        [1, None, keyed.identifier("toulouse", "P-0002"), datetime(2024, 3, 28, 9, 20, tzinfo=UTC), None],
        [2, "Lac is not a number", keyed.identifier("toulouse", "P-0003"), datetime(2024, 3, 29, 7, tzinfo=UTC), None],
    ]


def test_nobody_else_knows_its_file(source: Source, tmp_path: Path) -> None:
    (tmp_path / "gas.csv").write_text(EXPORT)
    for name, other in SOURCES.items():
        (found,) = discover(other, [Delivery(tmp_path)])
        assert (found.format is not None) == (name == source.name)


def test_the_schedule_takes_it_without_a_line(source: Source) -> None:
    assert tables_by_source.__wrapped__()["bloodgas"] == ()


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_bytes_give_records_or_a_file_error(source: Source, data: st.DataObject) -> None:
    content = bytearray(EXPORT.encode())
    for _ in range(data.draw(st.integers(1, 6))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        list(source.formats[0].read(RawFile("x.csv", bytes(content)), SITE))
    except FileError as error:
        assert "P-000" not in str(error)


@pytest.mark.slow
def test_its_records_become_rows(source: Source, spark: object) -> None:
    frames = conformed(spark, source, {"gas.csv": EXPORT.encode()}, SITE)  # type: ignore[arg-type]
    found = rows(frames["biomarker"], "marker", "value", "unit", "problem")
    assert found == [
        ("lactate", 1.2, "mmol/L", None),
        ("lactate", None, "mmol/L", None),
        ("lactate", None, "mmol/L", "Lac is not a number"),
    ]
