"""The authors' .pt files as safetensors.

``python -m sparse_hub_hashattention.convert llama3.1-8b-patch.64K.v1.pt weights.safetensors --num-kv-heads 8``
"""

from __future__ import annotations

import re
import warnings
from collections.abc import Mapping
from pathlib import Path

import click
import torch

from sparse_hub_core import SparseHubError, UsageError
from sparse_hub_hashattention.hash_functions import HashFunctions, Mlp
from sparse_hub_hashattention.weight_writing import check_output, write_weights

DIMENSIONS = {"weight": 2, "bias": 1}
_NAME = re.compile(r"(\d+)\.learning_to_hash_transformation_([qk])\.(\d+)\.(\d+)\.(weight|bias)")


def read_state_dict(path: Path) -> dict[str, torch.Tensor]:
    """Read the tensors of a .pt file; torch refuses to load anything else from it.

    Raises:
        UsageError: It cannot be read, or holds more than tensors by name.
    """
    try:
        with warnings.catch_warnings():
            # What it warns of, it also refuses, and that is told below.
            warnings.simplefilter("ignore")
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        # Bytes of another kind of file can make torch's reader raise anything.
        first_sentence = f"{type(error).__name__}: {error}".strip().splitlines()[0].partition(". ")[0]
        reason = first_sentence.rstrip(".: ")
        raise UsageError(
            f"{path} cannot be read as tensors alone ({reason}), and it is not unpickled, which could run any code; "
            "convert the state dict that torch.save wrote when it was trained, or train anew."
        ) from None
    by_name = isinstance(loaded, Mapping) and all(isinstance(name, str) for name in loaded)
    if not by_name or not all(isinstance(tensor, torch.Tensor) for tensor in loaded.values()):
        raise UsageError(f"{path} is no state dict of tensors by name; convert the file that the training wrote.")
    return dict(loaded)


def hash_functions_of(state_dict: Mapping[str, torch.Tensor]) -> dict[int, HashFunctions]:
    """Return the functions of each layer from ``<layer>.learning_to_hash_transformation_<q|k>.<head>.<place>.weight``.

    Places between linear maps are those of activations, which have no tensors.

    Raises:
        UsageError: A tensor has another name or number of dimensions, or heads differ in their shapes.
    """
    sides: dict[tuple[int, str], dict[tuple[int, str], dict[int, torch.Tensor]]] = {}
    for name, tensor in state_dict.items():
        parts = _NAME.fullmatch(name)
        if parts is None:
            raise UsageError(
                f"{name!r} is no tensor of a learned hash function; files of HashAttention's official code have names "
                "such as 0.learning_to_hash_transformation_q.0.0.weight."
            )
        layer, side, head, place, part = parts.groups()
        if tensor.ndim != DIMENSIONS[part]:
            raise UsageError(
                f"{name!r} has the shape {tuple(tensor.shape)}; a {part} of a hash function has {DIMENSIONS[part]} "
                "dimensions, so take the file that the official training wrote."
            )
        by_head = sides.setdefault((int(layer), side), {}).setdefault((int(place), part), {})
        by_head[int(head)] = tensor
    layers = sorted({layer for layer, _ in sides})
    return {
        layer: HashFunctions(*(_stacked(f"{layer}.{side}", sides.get((layer, side), {})) for side in "qk"))
        for layer in layers
    }


def _stacked(name: str, parts: Mapping[tuple[int, str], Mapping[int, torch.Tensor]]) -> Mlp:
    """Stack the heads of one side of a layer; torch's weights are (out, in)."""
    places = sorted({place for place, _ in parts})
    try:
        weights = [_of_all_heads(parts[place, "weight"]).transpose(1, 2).contiguous() for place in places]
        biases = [_of_all_heads(parts[place, "bias"])[:, None] for place in places]
    except (KeyError, RuntimeError) as error:
        raise UsageError(f"The functions {name} are incomplete, or differ between heads: {error}.") from None
    if not places:
        raise UsageError(f"There are no functions {name}; the file must hold those of queries and of keys.")
    return Mlp(tuple(weights), tuple(biases))


def _of_all_heads(by_head: Mapping[int, torch.Tensor]) -> torch.Tensor:
    return torch.stack([by_head[head] for head in range(len(by_head))])


@click.command()
@click.argument("source", type=click.Path(exists=True, dir_okay=False, path_type=Path))
@click.argument("output", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--num-kv-heads", required=True, type=click.IntRange(1), help="KV heads of the model; the file says not.")
@click.option("--model", default=None, help="The model's name, kept as a note.")
def main(source: Path, output: Path, num_kv_heads: int, model: str | None) -> None:
    """Convert the official code's .pt file SOURCE into safetensors OUTPUT, without unpickling anything but tensors."""
    try:
        check_output(output)
        layers = hash_functions_of(read_state_dict(source))
        if not layers:
            raise UsageError(f"{source} holds no tensors.")
        written = write_weights(output, layers, num_kv_heads, {"model": model})
    except SparseHubError as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{output}: {len(layers)} layers, {written.bits_per_key} bits per key and KV head.")


if __name__ == "__main__":
    main()
