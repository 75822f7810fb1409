"""What Dagster loads: `oncolake schedule` names this module, and so may a Dagster installation of your own."""

from oncolake.schedule.define import define, from_environment

defs = define(from_environment())
