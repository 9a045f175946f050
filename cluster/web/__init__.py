"""The manager's web page: plain files that the HTTP API serves, without a build step or an outside address."""
