"""What every room stands on: settings, Spark, table declarations, lake I/O, locks, pseudonyms, errors."""
