"""Label rows from a SELECT over the lake's feature tables, run by DuckDB in this process. It can read nothing else."""

from collections.abc import Mapping

import pyarrow as pa
from feast.repo_config import RepoConfig

from features.offline.delta_source import DeltaSource, dataset
from infra.errors import UsageError


def labels_of_query(query: str, config: RepoConfig, sources: Mapping[str, DeltaSource]) -> pa.Table:
    """The rows of a SELECT, in its order; tables are feature views by name, at their pinned or newest version.

    Files, networks, extensions, settings and variables of this process are out of its reach. Raises UsageError on
    anything but one SELECT, on a view whose table is not built, and on a query that fails.
    """
    import duckdb

    settings = {"enable_external_access": "false", "autoinstall_known_extensions": "false"}
    with duckdb.connect(config=settings) as database:
        database.execute("SET TimeZone = 'UTC'; SET python_enable_replacements = false; SET lock_configuration = true")
        try:
            statements = database.extract_statements(query)
        except duckdb.Error as error:
            raise UsageError(f"The SQL of the label rows cannot be read ({_first_line(error)}).") from error
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise UsageError("The SQL of the label rows is not one SELECT; expected one, over feature views by name.")
        for name, source in sources.items():
            if name in query:
                table = source.open(config, config.offline_store.versions.get(source.name))
                database.register(name, dataset(table, source.name))
        try:
            return database.sql(query).to_arrow_table()
        except (duckdb.CatalogException, duckdb.BinderException, duckdb.PermissionException) as error:
            # These name what the query names. Others may hold values of rows.
            raise UsageError(f"The SQL of the label rows cannot be run ({_first_line(error)}).") from error
        except duckdb.Error as error:
            raise UsageError(
                f"The SQL of the label rows failed with {type(error).__name__}; try it on fewer rows to find out why."
            ) from error


def _first_line(error: Exception) -> str:
    return str(error).strip().split("\n", 1)[0].rstrip(".!")
