"""What the tests of rollouts and releases share: shapes as the API server shows them."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
