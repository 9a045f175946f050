"""The demo: real nodes under load, failures on purpose, and a table of what the callers saw."""
