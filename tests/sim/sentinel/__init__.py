"""Whole groups of Sentinels and data servers in one process, from one seed: simulated clock, network and disk."""
