"""Makes the helpers of this folder importable, also in the processes that a test starts."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
