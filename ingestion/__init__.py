"""Files in, conformed tables out: recognise, read, conform, gate, append, and the ledger last."""
