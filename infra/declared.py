"""Declarations of the settings file: a key that is not known is refused with the nearest right one, never ignored."""

import difflib
from collections.abc import Iterable, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, ValidationError, model_validator
from pydantic_core import PydanticCustomError

_UNKNOWN_KEY = "unknown_key"


class Declared(BaseModel):
    """A table of the settings file. Frozen; every key is one of its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    @model_validator(mode="before")
    @classmethod
    def _knows_its_keys(cls, data: Any) -> Any:
        return refuse_unknown(data, cls.model_fields)


def nearest(name: str, known: Iterable[str]) -> str:
    """'did you mean X?' where a known name is close, else what was expected."""
    names = list(known)
    close = difflib.get_close_matches(name, names, 1, 0.6)
    return f"did you mean {close[0]}?" if close else f"expected one of {', '.join(names)}"


def refuse_unknown(data: Any, known: Iterable[str]) -> Any:
    """The data as it came, for use in a validator. Raises PydanticCustomError on a key that is not among `known`."""
    if isinstance(data, Mapping):
        names = list(known)
        for key in data:
            if key not in names:
                raise PydanticCustomError(
                    _UNKNOWN_KEY, "{key} is not known; {hint}", {"key": str(key), "hint": nearest(str(key), names)}
                )
    return data


def explained(error: ValidationError) -> str:
    """The first fault of settings in one sentence: where it stands and what is wrong."""
    first = error.errors()[0]
    place = [str(part) for part in first["loc"]]
    if first["type"] == _UNKNOWN_KEY:
        key = ".".join([*place, first["ctx"]["key"]])
        hint = first["ctx"]["hint"]
        return f"The setting {key} is not known; {hint if hint.endswith('?') else hint + '.'}"
    said = first["msg"].removeprefix("Value error, ").removesuffix(".")
    return f"The setting {'.'.join(place)} is not right: {said}."
