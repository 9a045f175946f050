"""The manager's web page: plain files that the HTTP API serves; no build step, no outside address."""
