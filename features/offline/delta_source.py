"""Delta tables as Feast data sources, read by delta-rs: no JVM, no extension to download."""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import deltalake
import pyarrow as pa
from deltalake.exceptions import TableNotFoundError
from feast.data_source import DataSource
from feast.feature_logging import LOG_TIMESTAMP_FIELD, LoggingDestination
from feast.protos.feast.core.DataSource_pb2 import DataSource as DataSourceProto
from feast.protos.feast.core.FeatureService_pb2 import LoggingConfig as LoggingConfigProto
from feast.protos.feast.core.SavedDataset_pb2 import SavedDatasetStorage as SavedDatasetStorageProto
from feast.repo_config import RepoConfig
from feast.saved_dataset import CUSTOM_STORAGE_CLASS_KEY, SavedDatasetStorage
from feast.type_map import pa_to_feast_value_type
from feast.value_type import ValueType

from features.view import LABEL_TIME
from infra import scan
from infra.errors import UsageError
from infra.lake import Lake


class DeltaSource(DataSource):  # type: ignore[misc]
    """A Delta table.

    path: absolute, a URI, or relative to the lake (`root` of the offline store's configuration), so that a lake that
        was moved needs no second `apply`.
    lineage_column: column with the ids (array<string>) of the files that a row came from, if there is one.
    """

    def __init__(self, *, path: str, name: str = "", lineage_column: str = "", **options: Any) -> None:
        super().__init__(name=name or path, **options)
        self.path = path
        self.lineage_column = lineage_column

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, DeltaSource)
            and super().__eq__(other)
            and (self.path, self.lineage_column) == (other.path, other.lineage_column)
        )

    def __hash__(self) -> int:
        return hash((self.name, self.path))

    def source_type(self) -> Any:
        return DataSourceProto.CUSTOM_SOURCE

    @staticmethod
    def from_proto(data_source: DataSourceProto) -> "DeltaSource":
        return DeltaSource(
            name=data_source.name,
            field_mapping=dict(data_source.field_mapping),
            timestamp_field=data_source.timestamp_field,
            created_timestamp_column=data_source.created_timestamp_column,
            description=data_source.description,
            tags=dict(data_source.tags),
            owner=data_source.owner,
            **json.loads(data_source.custom_options.configuration),
        )

    def _to_proto_impl(self) -> DataSourceProto:
        proto = DataSourceProto(
            name=self.name,
            type=DataSourceProto.CUSTOM_SOURCE,
            data_source_class_type=f"{DeltaSource.__module__}.{DeltaSource.__name__}",
            field_mapping=self.field_mapping,
            timestamp_field=self.timestamp_field,
            created_timestamp_column=self.created_timestamp_column,
            description=self.description,
            tags=self.tags,
            owner=self.owner,
        )
        options = {"path": self.path, "lineage_column": self.lineage_column}
        proto.custom_options.configuration = json.dumps(options).encode()
        return proto

    def validate(self, config: RepoConfig) -> None:
        """Nothing to do: a view may be applied before its table is built; reading says so if it is not."""

    def get_table_query_string(self) -> str:
        raise UsageError(f"The table of {self.name} is read by delta-rs; it has no SQL query.")

    @staticmethod
    def source_datatype_to_feast_value_type() -> Callable[[str], ValueType]:
        return _value_type

    def get_table_column_names_and_types(self, config: RepoConfig) -> Iterable[tuple[str, str]]:
        schema = scan.dataset(self.open(config)).schema
        return [(field.name, str(field.type)) for field in schema]

    def location(self, config: RepoConfig) -> str:
        """The table's full path or URI."""
        root = getattr(config.offline_store, "root", None)
        return self.path if root is None or self.path.startswith("/") or "://" in self.path else f"{root}/{self.path}"

    def open(self, config: RepoConfig, version: int | None = None) -> deltalake.DeltaTable:
        """The table, at a version where one is given. Raises UsageError where it is not built yet."""
        try:
            return deltalake.DeltaTable(self.location(config), version=version)
        except TableNotFoundError as error:
            raise UsageError(
                f"The feature view {self.name} has no table yet; run `oncolake features build` first."
            ) from error
        except deltalake.exceptions.DeltaError as error:
            if version is None:
                raise
            raise UsageError(
                f"Version {version} of the table of feature view {self.name} cannot be read; it may have been removed."
            ) from error


def _value_type(arrow_type: str) -> ValueType:
    """delta-rs names Arrow types a little differently from what Feast's table expects."""
    plain = arrow_type.replace("large_string", "string").replace("string_view", "string")
    return pa_to_feast_value_type(plain.replace("list<element: ", "list<item: "))


class DeltaStorage(SavedDatasetStorage):  # type: ignore[misc]
    """Where a saved dataset is kept: a Delta table at `path` (see DeltaSource for what a path may be)."""

    _proto_attr_name = "custom_storage"

    def __init__(self, path: str) -> None:
        self.path = path

    @staticmethod
    def from_proto(storage_proto: SavedDatasetStorageProto) -> "DeltaStorage":
        return DeltaStorage(json.loads(storage_proto.custom_storage.configuration)["path"])

    def to_proto(self) -> SavedDatasetStorageProto:
        proto = SavedDatasetStorageProto()
        class_path = f"{DeltaStorage.__module__}.{DeltaStorage.__name__}"
        options = {"path": self.path, CUSTOM_STORAGE_CLASS_KEY: class_path}
        proto.custom_storage.configuration = json.dumps(options).encode()
        return proto

    def to_data_source(self) -> DeltaSource:
        return DeltaSource(path=self.path, timestamp_field=LABEL_TIME)

    @staticmethod
    def from_data_source(data_source: DataSource) -> "DeltaStorage":
        if not isinstance(data_source, DeltaSource):
            raise UsageError(f"The source {data_source.name} is a {type(data_source).__name__}, not a DeltaSource.")
        return DeltaStorage(data_source.path)


class DeltaLoggingDestination(LoggingDestination):  # type: ignore[misc]
    """Where a feature service's served features are logged: a Delta table at `path` (see DeltaSource)."""

    _proto_kind = "oncolake_delta"

    def __init__(self, *, path: str) -> None:
        self.path = path

    @classmethod
    def from_proto(cls, config_proto: LoggingConfigProto) -> "DeltaLoggingDestination":
        return cls(path=config_proto.custom_destination.config["path"])

    def to_proto(self) -> LoggingConfigProto:
        custom = LoggingConfigProto.CustomDestination(kind=self._proto_kind, config={"path": self.path})
        return LoggingConfigProto(custom_destination=custom)

    def to_data_source(self) -> DeltaSource:
        return DeltaSource(path=self.path, timestamp_field=LOG_TIMESTAMP_FIELD)


def lake_of(config: RepoConfig, location: str) -> Lake:
    """The lake whose locks guard a table: that of the configuration, or the folder around a table without one."""
    return Lake.at(config.offline_store.root or location.rsplit("/", 1)[0])


def dataset(table: deltalake.DeltaTable, name: str, as_codes: Sequence[str] = ()) -> Any:
    """A Delta table as an Arrow dataset. as_codes: columns to read as Parquet stores them, a
    dictionary and codes, where they are text.

    name: of the view, for messages. Raises UsageError where delta-rs cannot read the table's kind of deletions.
    """
    import pyarrow.dataset as ds

    text = {f.name for f in table.schema().fields if f.type == deltalake.schema.PrimitiveType("string")}
    coded = [column for column in as_codes if column in text]
    options = ds.ParquetReadOptions(dictionary_columns=set(coded)) if coded else None
    try:
        rows = scan.dataset(table, options)
    except deltalake.exceptions.DeltaProtocolError as error:
        raise UsageError(
            f"The table of {name} has deletion vectors or another feature that only Spark reads; set "
            "`engine: spark` of the offline store, or purge the table."
        ) from error
    schema = rows.schema
    for column in coded:
        at = schema.get_field_index(column)
        schema = schema.set(at, pa.field(column, pa.dictionary(pa.int32(), pa.string())))
    return rows.replace_schema(schema) if coded else rows


def read_columns(
    table: deltalake.DeltaTable, columns: Sequence[str], where: Any = None, as_codes: Sequence[str] = ()
) -> pa.Table:
    """Some columns of a Delta table as Arrow, each once; files and row groups that `where` excludes are not read."""
    rows = dataset(table, _name(table), as_codes)
    return rows.to_table(columns=list(dict.fromkeys(columns)), filter=where)


def stream_columns(table: deltalake.DeltaTable, columns: Sequence[str], where: Any = None) -> pa.RecordBatchReader:
    """The same rows in the same order, in batches: one row group of a file is in memory at a time."""
    rows = dataset(table, _name(table))
    columns = list(dict.fromkeys(columns))

    def batches() -> Iterator[pa.RecordBatch]:
        for fragment in rows.get_fragments(filter=where):
            for group in fragment.split_by_row_group(filter=where, schema=rows.schema):
                yield from group.to_batches(schema=rows.schema, columns=columns, filter=where)

    return pa.RecordBatchReader.from_batches(pa.schema([rows.schema.field(name) for name in columns]), batches())


def _name(table: deltalake.DeltaTable) -> str:
    return str(table.table_uri.rstrip("/").rsplit("/", 1)[-1])
