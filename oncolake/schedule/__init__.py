"""What a schedule rests on: landing folders watched, deliveries ingested, the lake's own records as verdicts.

Nothing here knows a scheduler. Runs call what the command line calls (`ingestion.pipeline.ingest`,
`features.building.build.build_gold`), so that a schedule, cron and a person at a terminal may work on the same lake at
the same time.
"""
