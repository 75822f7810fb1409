"""The Spark engine of the offline store."""
