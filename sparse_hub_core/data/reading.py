"""Read the rows of local files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sparse_hub_core.data.csv_rows import read_csv
from sparse_hub_core.data.hub_errors import first_line
from sparse_hub_core.data.joined_rows import JoinedRows
from sparse_hub_core.data.json_rows import DamagedFileError, read_json

LFS_POINTER = b"version https://git-lfs.github.com/spec/"


def read_files(paths: Sequence[Path]) -> JoinedRows:
    """Return the rows of files of one format.

    Raises:
        DamagedFileError: A file is cut off, damaged, or not what its name says.
        OSError: A file cannot be read.
    """
    for path in paths:
        _require_content(path)
    if paths[0].suffix == ".parquet":
        tables = [_read_parquet(path) for path in paths]
        return JoinedRows(paths, tables, [table.column_names for table in tables])
    read = read_csv if paths[0].suffix == ".csv" else read_json
    files = [read(path) for path in paths]
    return JoinedRows(paths, files, [file.columns for file in files])


def digest_files(paths: Sequence[Path]) -> str:
    """Return what identifies the content of files, whatever they are called."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.suffix} {path.stat().st_size}\0".encode())
        with path.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    return digest.hexdigest()[:16]


def _require_content(path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(len(LFS_POINTER))
    if not start:
        raise DamagedFileError(f"{path} is empty, 0 bytes")
    if start == LFS_POINTER:
        raise DamagedFileError(f"{path} is a pointer of git-lfs and not the file; run `git lfs pull` in its folder")


def _read_parquet(path: Path) -> Any:
    """Read a file into memory, because the cache of ``datasets`` would keep a copy of it."""
    # Imported here because they take a second, and files of JSON have no use for them.
    import datasets
    import pyarrow
    import pyarrow.parquet

    try:
        table = pyarrow.parquet.ParquetFile(path).read()
        # Texts that are none would fail when their row is asked for.
        table.validate(full=True)
        return datasets.Dataset(table)
    # Some of Arrow's own errors are no ValueError.
    except (ValueError, OSError, pyarrow.ArrowException) as error:
        raise DamagedFileError(f"{path} cannot be read ({first_line(error)})") from error
