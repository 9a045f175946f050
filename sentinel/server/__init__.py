"""The RESP server of a Sentinel: listener, clients, log-in, ACL and the commands that are not of the core."""
