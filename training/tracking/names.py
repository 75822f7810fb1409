"""The words by which runs are told apart in MLflow."""

from typing import Literal

LEVEL = "level"
"""Tag of every run: what it is one of. Parents are models; the others are their children."""
Level = Literal["model", "fold", "seed", "site", "ablation", "permutation"]
FINGERPRINT = "fingerprint"
"""Tag of every run: the training that it belongs to (`training.fingerprint`)."""
PREDICTIONS = "predictions.parquet"
TEXT_LENGTH = 500
"""MLflow keeps no more of a parameter."""
