"""Benchmarks: ours beside a peer, on the same generated data, in the same run. `python -m tests.bench --help`."""
