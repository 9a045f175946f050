"""Garrison: a Redis-compatible cluster that installs with pip.

The four components are the packages :mod:`garrison.node` (one data process),
:mod:`garrison.sentinel` (quorum failover), :mod:`garrison.cluster` (the manager and its
admin commands) and :mod:`garrison.client` (the smart client).
"""

__version__ = "0.1.0"
