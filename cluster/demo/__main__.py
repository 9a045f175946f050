"""``python -m garrison.cluster.demo``."""

import sys

from garrison.cluster.demo.command import main

if __name__ == "__main__":
    sys.exit(main())
