"""Feast's entities, feature views and services, derived from the declarations in `features.tables`."""

from datetime import timedelta

from feast import Entity, FeatureService, FeatureView, Field, RequestSource
from feast.on_demand_feature_view import OnDemandFeatureView
from feast.transformation.pandas_transformation import PandasTransformation
from feast.types import Array, Bool, FeastType, Float64, Int32, Int64, String, UnixTimestamp
from feast.value_type import ValueType

from features.offline.delta_source import DeltaSource
from features.store.on_demand import ASKED_AT, DAYS_VIEWS, DaysView
from features.store.services import SERVICES
from features.tables import VIEWS
from features.view import EVENT_TIME, FILE_IDS, JOIN_KEYS, KNOWN_TIME, GoldView
from infra.table import ColumnType

FEAST_TYPES: dict[ColumnType, FeastType] = {
    "string": String,
    "double": Float64,
    "int": Int32,
    "bigint": Int64,
    "boolean": Bool,
    "timestamp": UnixTimestamp,
    "array<double>": Array(Float64),
    "array<string>": Array(String),
    "array<timestamp>": Array(UnixTimestamp),
}
_ENTITIES = {
    "patient": "A patient, by the pseudonym that the lake gave.",
    "case": "An operation, stay or recording, by the pseudonym that the lake gave.",
}


def entities() -> dict[str, Entity]:
    """The entities by name."""
    return {
        name: Entity(name=name, join_keys=[JOIN_KEYS[name]], value_type=ValueType.STRING, description=text)
        for name, text in _ENTITIES.items()
    }


def feature_view(view: GoldView, entity: Entity) -> FeatureView:
    """The Feast view of a gold view. Sources name their table relative to the lake."""
    return FeatureView(
        name=view.name,
        entities=[entity],
        ttl=view.ttl or timedelta(0),
        schema=[
            Field(name=view.join_key, dtype=String),
            *(
                Field(
                    name=f.name,
                    dtype=FEAST_TYPES[f.type],
                    description=f.description,
                    tags={"unit": f.unit or "", "definition": f.definition, "sources": ", ".join(f.sources)},
                )
                for f in view.features
            ),
        ],
        source=DeltaSource(
            name=view.name,
            path=f"gold/{view.name}",
            timestamp_field=EVENT_TIME,
            created_timestamp_column=KNOWN_TIME,
            lineage_column=FILE_IDS,
            description=view.description,
        ),
        description=view.description,
        tags={"inputs": ", ".join(view.inputs), "modality": view.modality},
        owner=view.owner,
    )


def on_demand(days: DaysView, source: FeatureView) -> OnDemandFeatureView:
    """A Feast view whose features are counted at retrieval."""
    return OnDemandFeatureView(
        name=days.name,
        sources=[
            source[[time for time, _ in days.features.values()]],
            # Label rows have the column anyway; online it is given with the entities.
            RequestSource(name="asked_at", schema=[Field(name=ASKED_AT, dtype=UnixTimestamp)]),
        ],
        # Feast compares these with what it infers from a trial run, which has neither descriptions nor tags.
        schema=[Field(name=name, dtype=Float64) for name in days.features],
        # Feast runs this text to have the function back; the name of the definition makes a change of it a change.
        feature_transformation=PandasTransformation(
            days.count,
            udf_string=f"from {days.count.__module__} import {days.count.__name__}  # {days.definition}",
        ),
        mode="pandas",
        description=days.description,
        tags={"unit": "d", "definition": days.definition},
    )


def objects() -> list[Entity | FeatureView | OnDemandFeatureView | FeatureService]:
    """Everything that `apply` registers."""
    by_name = entities()
    views = {name: feature_view(view, by_name[view.entity]) for name, view in VIEWS.items()}
    services = [
        FeatureService(
            name=service,
            features=[views[v] if names is None else views[v][list(names)] for v, names in parts.items()],
        )
        for service, parts in SERVICES.items()
    ]
    return [*by_name.values(), *views.values(), *(on_demand(d, views[d.source]) for d in DAYS_VIEWS), *services]
