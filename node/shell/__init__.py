"""The sockets, files and timers around the node's control plane."""
