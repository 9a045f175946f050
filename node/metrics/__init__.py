"""What a node tells of itself to those who watch it: metrics and readiness."""
