"""Load the rows of a dataset with the ``datasets`` library."""

from __future__ import annotations

from pathlib import Path

from sparse_hub_core.data.source import DataSource, HubDataset, Rows


def load_rows(source: DataSource, dataset: HubDataset, sample_folder: Path) -> Rows:
    """Return the rows of a dataset from the hub, a folder, or the offline sample.

    Raises:
        UsageError: They cannot be had, or lack a column; the sentence says what to do.
    """
    raise NotImplementedError
