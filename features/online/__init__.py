"""The online store: packed rows in SQLite, Redis or PostgreSQL, read by the rule of known time."""
