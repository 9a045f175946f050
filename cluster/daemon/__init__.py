"""The manager as a process: it observes, carries steps out, and answers over HTTP."""
