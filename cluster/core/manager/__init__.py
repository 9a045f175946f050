"""What the manager daemon decides, sans-IO: desired state, picture, plan, jobs, lease."""
