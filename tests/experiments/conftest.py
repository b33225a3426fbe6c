"""Makes the helpers of this folder importable, also in the processes that a test starts."""

from __future__ import annotations

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
torch.set_num_threads(1)  # tiny tensors: threads that wait for each other cost more than they save
