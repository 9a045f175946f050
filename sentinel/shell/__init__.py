"""What a Sentinel touches: sockets, files, clocks, programs."""
