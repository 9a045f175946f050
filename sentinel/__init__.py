"""Quorum failover for setups without sharding: Sentinels that watch primaries and promote replicas."""
