"""The cluster that changes are made in, for all tests of this folder."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from operated import ann, operated, space

__all__ = ["ann", "operated", "space"]
