"""The Feast store of a lake: its objects are built from our declarations, never by hand."""
