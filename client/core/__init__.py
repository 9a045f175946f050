"""What the client decides, without sockets, clocks or tasks: RESP, slots, topology, routing, retry."""
