from __future__ import annotations

import torch

# Tensors in tests are small: more threads would only wait for each other.
torch.set_num_threads(1)
