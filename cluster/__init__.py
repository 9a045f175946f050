"""The cluster manager: plans, reshards, rebalances and checks a cluster."""
