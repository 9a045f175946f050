"""The control plane of a node, sans-IO: node table, bus codec, gossip, election, failover, migration."""
