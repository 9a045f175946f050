"""Where users read on: the documents are not in the wheel."""

from __future__ import annotations

DOCS_URL = "https://github.com/garrison-db/garrison/blob/main/docs/"
COMPATIBILITY_URL = DOCS_URL + "compatibility.md"
