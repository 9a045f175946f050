"""Managers in the simulator: a light model of a cluster, simulated clocks and faults, from one seed."""
