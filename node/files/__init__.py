"""Looking into files: ``garrison rdb`` and ``garrison aof``. The engine's extension reads them."""
