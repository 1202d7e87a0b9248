"""A benchmark whose module imports what takes seconds."""

from __future__ import annotations

import datasets
from breaking_benchmarks import breaks
from good_benchmarks import Numbers


@breaks("registering_imports_nothing_heavy", "importing its class imports datasets")
class ImportsAtTheTop(Numbers):
    rows_class = datasets.Dataset
