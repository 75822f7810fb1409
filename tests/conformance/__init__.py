"""What Feast's own suite asks of an offline store, asked of ours with both engines.

Feast's source distribution carries no tests (0.67.0: 2,380 files, none below sdk/python/tests), and its repository is
no package. So each case here is our own code for the behaviour of a case of Feast's `tests/integration/offline_store`,
which its docstring names, on data that Feast ships (`feast.driver_test_data`). Nothing is fetched.

Beyond what Feast asks: every case runs with both engines, label order and count are held exactly, and nothing is left
out that Feast leaves out for its own Spark store (offline write, push to the offline store, all types, persisting,
reordered columns, logged features).
"""
