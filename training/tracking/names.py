"""The words by which runs are told apart in MLflow."""

from typing import Literal

LEVEL = "level"
"""Tag of every run: what it is one of. Parents are models; the others are their children."""
Level = Literal["model", "fold", "seed", "site", "ablation", "permutation"]
FINGERPRINT = "fingerprint"
"""Tag of every run: the training that it belongs to (`training.fingerprint`)."""
INTERRUPTED = "interrupted"
"""Tag of a run that a killed process left open ('true'), whether or not it was resumed since."""
RESUMED = "resumed"
"""Tag: how often a run that did not finish, or what is added to it, was taken up again and went on."""
UNDER_WAY = "under_way"
"""Tag ('true') of a finished run to which something long is being added; gone when that is done."""
IS_BEST = "is_best"
"""Tag ('true') of the best candidate of a training by the primary metric, set once the whole training is done."""
PREDICTIONS = "predictions.parquet"
AT_HORIZON = "survival_at_horizon"
"""Column of predictions of survival: the predicted share free of the event at the task's horizon."""
ADDS, ALONE = "adds_", "alone_"
"""Before the name of a modality: the metrics of what it adds to all the others, and of what it reaches alone."""
LEAKAGE = "leakage.json"
TEXT_LENGTH = 500
"""MLflow keeps no more of a parameter."""
