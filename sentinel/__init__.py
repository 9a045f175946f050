"""Quorum failover for setups without sharding. Not built yet."""
