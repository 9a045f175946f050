"""Functions in Python, which run beside the data: what the source of a library imports.

    #!python name=shop
    from garrison.functions import Database, function

    @function
    def reserve(keys: list[bytes], args: list[bytes], db: Database) -> object:
        stock = int(db.read("GET", keys[0]) or 0)
        if stock < int(args[0]):
            return 0
        return db.write("DECRBY", keys[0], args[0])

See ``docs/scripting.md``.
"""

from garrison.functions.core.api import CommandError, Database, FunctionError, OrderError, Pending, function
from garrison.functions.core.replies import Status

__all__ = ["CommandError", "Database", "FunctionError", "OrderError", "Pending", "Status", "function"]
