"""Files of learned hash functions: safetensors, checked before use, never a pickle."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from sparse_hub_core import ConfigError
from sparse_hub_hashattention.hash_bits import WORD_BITS
from sparse_hub_hashattention.hash_functions import HashFunctions, Mlp

SCHEMA_VERSION = 1
HEADER = "sparse_hub_hashattention"
TRAIN, CONVERT = "python -m sparse_hub_hashattention.train", "python -m sparse_hub_hashattention.convert"
SIDES = ("query", "key")
PICKLE_SUFFIXES = {".pt", ".pth", ".bin", ".pkl", ".pickle", ".ckpt"}
PICKLE_BEGINNINGS = (b"PK\x03\x04", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")
_NAME = re.compile(r"(\d+)\.(query|key)\.(\d+)\.(weight|bias)")


@dataclass(frozen=True)
class WeightFile:
    """What a file holds: tensors ``<layer>.<query|key>.<depth>.weight`` ``(H, in, out)`` and ``.bias`` ``(H, out)``.

    All layers have as many heads and bits; vectors of a head are multiplied from the left, with SiLU in between. The
    header names the layers. It cannot tell models of equal shape apart: whose functions these are is for the user to
    know.
    """

    path: str
    bits: int
    num_query_heads: int
    num_key_heads: int
    """Key hashes per layer: a multiple of the KV heads."""
    num_kv_heads: int
    head_dim: int
    depths: Mapping[int, tuple[int, int]]
    """Of each layer, how many linear maps its functions of queries and of keys have."""

    @classmethod
    def inspect(cls, path: str) -> WeightFile:
        """Read the header and check all shapes.

        Raises:
            ConfigError: There is no such file, it is a pickle, or not of this kind.
        """
        with _opened(path) as file:
            shapes = {name: tuple(file.get_slice(name).get_shape()) for name in file.keys()}  # noqa: SIM118
            return cls.described(path, file.metadata(), shapes)

    @classmethod
    def described(cls, path: str, metadata: dict[str, str] | None, shapes: Mapping[str, tuple[int, ...]]) -> WeightFile:
        """Return what a file of this header and these tensors holds, whether it is there or to be written.

        Raises:
            ConfigError: It does not say so, or its parts do not fit together.
        """
        header = _header(path, metadata)
        depths = _depths(path, shapes)
        for index in sorted(depths.keys() ^ set(header["layers"])):
            has, says = ("no", "names") if index in header["layers"] else ("tensors of", "does not name")
            raise ConfigError(f"{path} holds {has} layer {index}, which its header {says}; make the file anew.")
        first = min(depths)
        query, key = (shapes.get(f"{first}.{side}.0.weight", ()) for side in SIDES)
        if len(query) != 3 or len(key) != 3:
            raise ConfigError(
                f"{path}: {first}.query.0.weight of shape {query} and {first}.key.0.weight of shape {key} should have "
                f"three dimensions (heads, in, out); make the file anew with {TRAIN} or {CONVERT}."
            )
        found = cls(path, header["bits"], query[0], key[0], header["num_kv_heads"], key[1], depths)
        found._check_shapes(shapes)
        return found

    @property
    def bits_per_key(self) -> int:
        """The bits that are kept per key and KV head."""
        return self.bits * self.num_key_heads // self.num_kv_heads

    def check_keys(self, layer_index: int, num_kv_heads: int, head_dim: int) -> None:
        """Check that a layer has functions that fit the model's keys.

        Raises:
            ConfigError: It has none, or they are for another model.
        """
        if layer_index not in self.depths:
            raise ConfigError(
                f"{self.path} has no weights for layer {layer_index}, only for layers {sorted(self.depths)}; "
                f"train this model with {TRAIN}."
            )
        if (num_kv_heads, head_dim) != (self.num_kv_heads, self.head_dim):
            raise ConfigError(
                f"{self.path} does not fit layer {layer_index}: it is for {self.num_kv_heads} KV heads of dimension "
                f"{self.head_dim}, the model has {num_kv_heads} of dimension {head_dim}; "
                f"train this model with {TRAIN}."
            )

    def check_query_heads(self, layer_index: int, num_query_heads: int) -> None:
        """Check that the functions fit the model's queries.

        Raises:
            ConfigError: They are for another model.
        """
        if num_query_heads != self.num_query_heads:
            raise ConfigError(
                f"{self.path} does not fit layer {layer_index}: it is for {self.num_query_heads} query heads, "
                f"the model has {num_query_heads}; train this model with {TRAIN}."
            )

    def _check_shapes(self, shapes: Mapping[str, tuple[int, ...]]) -> None:
        """Check that all layers have the heads and bits that the file says, in maps that fit together."""
        if self.num_key_heads % self.num_kv_heads or self.num_query_heads % self.num_key_heads:
            raise ConfigError(
                f"{self.path} has hash functions for {self.num_query_heads} query heads and {self.num_key_heads} of "
                f"keys, which do not go with {self.num_kv_heads} KV heads; make it anew with the model's own number."
            )
        for index, depths in sorted(self.depths.items()):
            for side, heads, depth in zip(SIDES, (self.num_query_heads, self.num_key_heads), depths, strict=True):
                width = self.head_dim
                for number in range(depth):
                    width = self._check_map(f"{index}.{side}.{number}", heads, width, shapes)
                if width != self.bits:
                    raise ConfigError(
                        f"{self.path}: the {side} functions of layer {index} have {width} bits, but the file says "
                        f"{self.bits}; make it anew with {TRAIN} or {CONVERT}."
                    )

    def _check_map(self, name: str, heads: int, width: int, shapes: Mapping[str, tuple[int, ...]]) -> int:
        """Check one linear map of all heads, and return how many outputs it has."""
        weight, bias = shapes.get(f"{name}.weight", ()), shapes.get(f"{name}.bias", ())
        if len(weight) != 3 or weight[:2] != (heads, width) or bias != (heads, weight[2]):
            raise ConfigError(
                f"{self.path}: {name}.weight of shape {weight} and {name}.bias of shape {bias} should be "
                f"({heads}, {width}, n) and ({heads}, n); make the file anew with {TRAIN} or {CONVERT}."
            )
        return weight[2]

    def read_layer(self, layer_index: int) -> HashFunctions:
        """Read the functions of one layer.

        Raises:
            ConfigError: They are not finite.
        """
        with _opened(self.path) as file:
            sides = []
            for side, depth in zip(SIDES, self.depths[layer_index], strict=True):
                names = [f"{layer_index}.{side}.{number}" for number in range(depth)]
                weights = tuple(file.get_tensor(f"{name}.weight") for name in names)
                sides.append(Mlp(weights, tuple(file.get_tensor(f"{name}.bias")[:, None] for name in names)))
        functions = HashFunctions(*sides)
        check_finite(self.path, layer_index, functions)
        return functions


def check_finite(path: str, layer_index: int, functions: HashFunctions) -> None:
    """Check that the weights of a layer are numbers.

    Raises:
        ConfigError: One is infinite or NaN.
    """
    if not functions.are_finite:
        raise ConfigError(
            f"{path}: the weights of layer {layer_index} are not finite, so that their hashes would mean nothing; "
            f"make the file anew with {TRAIN} or {CONVERT}."
        )


def _opened(path: str) -> Any:
    try:
        with Path(path).open("rb") as stream:
            beginning = stream.read(9)
    except OSError as error:
        raise ConfigError(
            f"The weights {path} cannot be read ({error.strerror}); make a file with {TRAIN} or {CONVERT}."
        ) from None
    # A safetensors file begins with 8 bytes of length and then JSON, whatever its name says.
    looks_pickled = beginning.startswith(PICKLE_BEGINNINGS) or Path(path).suffix.lower() in PICKLE_SUFFIXES
    if looks_pickled and beginning[8:] != b"{":
        raise ConfigError(
            f"{path} is a pickle, which could run any code when it is loaded, so it is not; "
            f"convert it once with {CONVERT} {path} weights.safetensors --num-kv-heads N, or, where that refuses it "
            "too, the .pt file that it was made from."
        )
    try:
        return safe_open(path, framework="pt")
    except (SafetensorError, OSError) as error:
        raise ConfigError(f"{path} is no safetensors file ({error}); make one with {TRAIN} or {CONVERT}.") from None


def _header(path: str, metadata: dict[str, str] | None) -> dict[str, Any]:
    try:
        header = json.loads((metadata or {}).get(HEADER, "{}"))
        version = header.get("schema_version")
    except (ValueError, AttributeError):
        version = None
    if version != SCHEMA_VERSION:
        raise ConfigError(
            f"{path} holds no hash functions of schema version {SCHEMA_VERSION} (it says {version}); "
            f"make the file anew with {TRAIN} or {CONVERT}."
        )
    numbers = {name: header.get(name) for name in ("bits", "num_kv_heads")}
    for name, number in numbers.items():
        if not isinstance(number, int) or number < 1:
            raise ConfigError(f"{path} says {name} = {number!r}, which is no positive number; make the file anew.")
    if numbers["bits"] % WORD_BITS:
        raise ConfigError(
            f"{path}: hashes of {numbers['bits']} bits do not fill words of {WORD_BITS}; "
            f"take functions whose outputs are a multiple of {WORD_BITS}."
        )
    layers = header.get("layers")
    if not isinstance(layers, list) or not all(type(index) is int for index in layers):
        raise ConfigError(f"{path} says layers = {layers!r}, which is no list of layers; make the file anew.")
    return numbers | {"layers": layers}


def _depths(path: str, names: Iterable[str]) -> dict[int, tuple[int, int]]:
    """Return how many linear maps the functions of queries and of keys have in each layer, by the tensors' names."""
    found: dict[int, list[int]] = {}
    for name in names:
        parts = _NAME.fullmatch(name)
        if parts is None:
            raise ConfigError(f"{path} holds a tensor {name!r}, which is none of a hash function; make the file anew.")
        depths, side = found.setdefault(int(parts[1]), [1, 1]), SIDES.index(parts[2])
        depths[side] = max(depths[side], int(parts[3]) + 1)
    if not found:
        raise ConfigError(f"{path} holds no hash functions; make the file anew with {TRAIN} or {CONVERT}.")
    return {index: (query, key) for index, (query, key) in found.items()}
