"""The shell of the cluster manager: asks nodes, carries out plans of :mod:`garrison.cluster.core`."""
