"""The configuration file of a Sentinel: its directives, its sentinel lines, and rewriting it with state."""
