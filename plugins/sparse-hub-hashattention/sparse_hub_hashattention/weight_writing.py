"""Write files of learned hash functions: only such as can be read again, and whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from safetensors.torch import save_file

from sparse_hub_core import UsageError
from sparse_hub_hashattention.hash_functions import HashFunctions
from sparse_hub_hashattention.weight_file import HEADER, SCHEMA_VERSION, SIDES, WeightFile, check_finite


def write_weights(
    path: Path, layers: Mapping[int, HashFunctions], num_kv_heads: int, notes: Mapping[str, Any] | None = None
) -> WeightFile:
    """Write the functions of all layers, and notes on where they come from; a file that is there is replaced.

    Raises:
        ConfigError: The functions are not finite, or make no file that could be read.
        UsageError: The file cannot be written. One that was there is then as it was.
    """
    check_output(path)
    for index, functions in layers.items():
        check_finite(str(path), index, functions)
    tensors = {
        f"{index}.{side}.{depth}.{part}": tensor.detach().cpu().contiguous()
        for index, functions in layers.items()
        for side, mlp in zip(SIDES, (functions.query, functions.key), strict=True)
        for depth, (weight, bias) in enumerate(zip(mlp.weights, mlp.biases, strict=True))
        for part, tensor in (("weight", weight), ("bias", bias[:, 0]))
    }
    bits = next(iter(layers.values())).num_bits
    header = dict(notes or {}) | {"schema_version": SCHEMA_VERSION, "bits": bits, "num_kv_heads": num_kv_heads}
    metadata = {HEADER: json.dumps(header | {"layers": sorted(layers)})}
    written = WeightFile.described(str(path), metadata, {name: tuple(tensor.shape) for name, tensor in tensors.items()})
    with _replacing(path) as partial:
        save_file(tensors, partial, metadata=metadata)
    return written


def check_output(path: Path) -> None:
    """Check, before anything is computed, that there is a folder for the file.

    Raises:
        UsageError: There is none.
    """
    if not path.parent.is_dir():
        raise UsageError(f"{path} cannot be written, for there is no folder {path.parent}; make it, or name another.")


@contextmanager
def _replacing(path: Path) -> Iterator[Path]:
    """Give a file beside the one that is wanted, which takes its place once it is whole."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        partial.replace(path)
    except (SafetensorError, OSError) as error:
        raise UsageError(f"{path} cannot be written ({error}); name another place.") from None
    finally:
        partial.unlink(missing_ok=True)
