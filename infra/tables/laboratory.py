"""What tables of laboratory results share.

Their rows carry `sample_id`; `specimen` says whose it is and when it was drawn, and may come later.
"""

from infra.checks import Between, NotNull
from infra.table import Column

DELAY = Column(
    "reporting_delay_days",
    "double",
    "Declared delay from collection to report, used where the file has no report date.",
    "d",
    (NotNull(where="known_time IS NULL"), Between(low=0)),
)
OPERATORS = ("=", "<", ">", "*", "none")
OPERATOR_TEXT = (
    "How to read the value: '=' measured; '<' below and '>' above the limit (lloq, uloq where the file gives it); "
    "'*' extrapolated beyond the standards; 'none' no value, and qc_flag says why."
)
