"""Metrics and health of a process over HTTP: a small server, the text formats, the usual names."""
