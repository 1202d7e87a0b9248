"""Read the rows of local files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sparse_hub_core.data.hub_errors import first_line
from sparse_hub_core.data.json_rows import DamagedFileError, JsonRows

if TYPE_CHECKING:
    from sparse_hub_core.data.source import Rows

LFS_POINTER = b"version https://git-lfs.github.com/spec/"


def read_files(paths: Sequence[Path]) -> tuple[Rows, tuple[str, ...]]:
    """Return the rows of files of one format, and their columns.

    Raises:
        DamagedFileError: A file is cut off, damaged, or not what its name says.
        OSError: A file cannot be read.
    """
    for path in paths:
        _require_content(path)
    suffix = paths[0].suffix
    rows = JsonRows(paths) if suffix in (".jsonl", ".json") else _read_tables(paths, suffix)
    return cast("Rows", rows), tuple(rows.column_names)


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


def _read_tables(paths: Sequence[Path], suffix: str) -> Any:
    """Read parquet or csv into memory, because the cache of ``datasets`` would keep a copy of every file."""
    # Imported here because they take a second, and files of JSON have no use for them.
    import datasets
    import pandas
    import pyarrow.parquet

    try:
        if suffix == ".parquet":
            tables = [pyarrow.parquet.ParquetFile(path).read() for path in paths]
            return datasets.Dataset(pyarrow.concat_tables(tables, promote_options="default"))
        # Answers such as "NA" are answers.
        frames = [pandas.read_csv(path, keep_default_na=False) for path in paths]
        return datasets.Dataset.from_pandas(pandas.concat(frames, ignore_index=True), preserve_index=False)
    except (ValueError, OSError) as error:
        raise DamagedFileError(f"{_names(paths)} cannot be read ({first_line(error)})") from error


def _names(paths: Sequence[Path]) -> str:
    return str(paths[0]) + (f" and {len(paths) - 1} more" if len(paths) > 1 else "")
