"""What every room stands on: settings, Spark, table declarations, lake I/O, locks, pseudonyms, errors."""

import os

# Nothing calls home. Each of these libraries reads its switch when it is imported, and every room, worker process
# and notebook imports `infra` first: so the switches are thrown here, whatever the user's environment says.
os.environ |= {
    "GX_ANALYTICS_ENABLED": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "FEAST_USAGE": "False",
    "FEAST_TELEMETRY": "False",
    "DO_NOT_TRACK": "true",
    "TQDM_DISABLE": "1",
}
