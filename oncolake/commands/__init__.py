"""The subcommands, one module a subject. Slow libraries are imported inside the commands that need them."""
