"""The as-of join: what was known of an entity at a time."""
