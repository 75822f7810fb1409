"""Gold tables from silver: whole, or only what new rows touch."""
