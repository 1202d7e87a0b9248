"""A search algorithm whose module imports what takes seconds."""

from __future__ import annotations

import torch
from breaking_search_algorithms import breaks
from good_search_algorithms import Drawer


@breaks("registering_imports_nothing_heavy", "importing its class imports torch")
class ImportsTorch(Drawer):
    tensor = torch.Tensor
