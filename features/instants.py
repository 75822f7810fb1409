"""Instants as whole microseconds since 1970 UTC: what online rows keep and what both engines compare."""

from datetime import UTC, datetime, timedelta

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


def to_microseconds(at: datetime) -> int:
    """Microseconds since 1970 UTC of a time with a zone; exact, unlike its float timestamp."""
    return (at - EPOCH) // MICROSECOND


def from_microseconds(microseconds: int) -> datetime:
    """The UTC time."""
    return EPOCH + microseconds * MICROSECOND
