"""What decides, without sockets and files: the functions of a library, their replies, their messages."""
