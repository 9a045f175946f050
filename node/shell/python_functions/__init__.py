"""Functions in Python: the processes in which they run, and the calls that go through them."""
