"""Groups of Sentinels and data servers in one process: simulated clock, network and disk, from one seed."""
