"""Mutated files for every reader of the registry: see `python -m tests.ingestion.fuzz --help` and seeds.py."""
