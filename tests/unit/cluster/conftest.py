"""Helper modules of this folder (``cluster_views``) are imported by name, whatever the import mode."""

import sys
from pathlib import Path

from hypothesis import settings

sys.path.insert(0, str(Path(__file__).parent))

# A busy machine is no failure, so examples have no deadline.
settings.register_profile("cluster", deadline=None, max_examples=60)
settings.load_profile("cluster")
