"""Backups of a node or a cluster: taken over the replication protocol, verified, restored.

``core`` decides without touching the world: what a backup says of itself, what continues what, what may be
removed, where a stream may be cut. Around it: ``replica_link`` (a node's data), ``target`` and ``s3_target``
(where files go), ``taking``, ``verifying`` and ``restoring`` (the work), ``throwaway`` (a node that loads a
backup), ``backup_cli``.
"""
