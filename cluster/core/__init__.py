"""What the cluster manager decides, sans-IO: plan, reshard, rebalance, check."""
