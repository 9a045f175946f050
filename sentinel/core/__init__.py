"""What a Sentinel decides: (input, now) in, effects out. No socket, clock, file or thread."""
