"""The cluster, simulated: real control planes and real engines on a simulated clock, network and disk."""
