"""What ``garrison cli`` decides, without sockets, clocks, files or a terminal."""
