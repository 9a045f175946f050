"""What decides about backups: no socket, no file, no clock."""
