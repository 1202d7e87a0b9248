"""Files of hash functions: what is refused, and what is said then."""

from __future__ import annotations

import json
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from learned_hashes import BITS, modules, write
from safetensors import safe_open
from safetensors.torch import save_file
from sparse_hub_hashattention.convert import main as convert
from sparse_hub_hashattention.hash_attention import HashAttentionConfig
from sparse_hub_hashattention.hash_functions import HashFunctions
from sparse_hub_hashattention.weight_file import HEADER, WeightFile

from sparse_hub_core import ConfigError


def test_a_file_says_what_it_holds(tmp_path: Path) -> None:
    file = WeightFile.inspect(str(write(tmp_path / "w", key_heads=4)))
    assert (file.bits, file.num_query_heads, file.num_key_heads, file.num_kv_heads) == (BITS, 4, 4, 2)
    assert (file.head_dim, file.depths, file.bits_per_key) == (16, {0: (3, 3), 3: (3, 3)}, 64)


def test_a_file_that_is_not_there_is_named() -> None:
    with pytest.raises(ConfigError, match=r"/no/such/w\.safetensors cannot be read \(No such file"):
        HashAttentionConfig(weights="/no/such/w.safetensors")


@pytest.mark.parametrize("name", ["w.pt", "w.bin", "w.pkl", "w.safetensors", "w"])
@pytest.mark.parametrize("how", ["torch", "pickle"])
def test_a_pickle_is_refused_with_the_way_out(tmp_path: Path, name: str, how: str) -> None:
    path, content = tmp_path / name, {"0.query.0.weight": torch.zeros(2)}
    if how == "torch":
        torch.save(content, path)
    else:
        path.write_bytes(pickle.dumps(content))
    with pytest.raises(ConfigError, match=rf"is a pickle.*sparse_hub_hashattention\.convert .*{name} weights"):
        HashAttentionConfig(weights=str(path))


def test_what_a_file_holds_decides_and_not_its_name(tmp_path: Path) -> None:
    assert HashAttentionConfig(weights=str(write(tmp_path / "w.pt"))).index_bits_per_key(16) == BITS


@pytest.mark.parametrize("content", [b"", b"text", b"{}", b"\x10\0\0\0\0\0\0\0{nonsense"])
def test_other_files_are_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.safetensors").write_bytes(content)
    with pytest.raises(ConfigError, match="is no safetensors file"):
        HashAttentionConfig(weights=str(tmp_path / "w.safetensors"))


def changed(path: Path, header: dict[str, Any] | None = None, **tensors: torch.Tensor | None) -> str:
    """Write the file anew with another header and other tensors; those that are None are left out."""
    with safe_open(path, framework="pt") as file:
        kept = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        metadata = json.loads(file.metadata()[HEADER]) | (header or {})
    kept = {name: tensor for name, tensor in (kept | tensors).items() if tensor is not None}
    save_file(kept, path, metadata={HEADER: json.dumps(metadata)})
    return str(path)


@pytest.mark.parametrize(
    ("header", "tensors", "message"),
    [
        ({"schema_version": 2}, {}, r"no hash functions of schema version 1 \(it says 2\)"),
        ({"bits": 64}, {}, "the query functions of layer 0 have 32 bits, but the file says 64"),
        ({"bits": 40}, {}, "hashes of 40 bits"),
        ({"num_kv_heads": None}, {}, "num_kv_heads = None"),
        ({"num_kv_heads": 3}, {}, "4 query heads and 2 of keys, which do not go with 3 KV heads"),
        ({}, {"3.key.1.weight": None}, r"3\.key\.1\.weight of shape \(\)"),
        ({}, {"3.key.2.bias": None}, r"3\.key\.2\.bias of shape \(\)"),
        ({}, {"0.key.0.weight": torch.zeros(2, 8, 12)}, r"0\.query\.0\.weight of shape \(4, 16, 12\)"),
        ({}, {"3.query.0.weight": torch.zeros(5, 16, 12)}, r"should be \(4, 16, n\)"),
        ({}, {"0.query.0.weight": torch.zeros(5)}, "should have three dimensions"),
        ({}, {"0.query.0.scale": torch.zeros(5)}, r"a tensor '0\.query\.0\.scale', which is none of a hash function"),
    ],
)
def test_files_whose_parts_do_not_fit_are_refused(
    tmp_path: Path, header: dict[str, Any], tensors: dict[str, torch.Tensor | None], message: str
) -> None:
    path = changed(write(tmp_path / "w.safetensors"), header, **tensors)
    with pytest.raises(ConfigError, match=message):
        HashAttentionConfig(weights=path)


def official(path: Path, heads: int = 4) -> Path:
    """Save a state dict with the names of the official code."""
    content = {
        f"{layer}.learning_to_hash_transformation_{side}.{name}": tensor
        for layer in (0, 3)
        for side, seed in (("q", layer), ("k", layer + 100))
        for name, tensor in modules(seed, heads).state_dict().items()
    }
    torch.save(content, path)
    return path


def parts(functions: HashFunctions) -> list[torch.Tensor]:
    return [tensor for mlp in (functions.query, functions.key) for tensor in mlp.weights + mlp.biases]


def test_official_weights_are_converted(tmp_path: Path) -> None:
    source, output = official(tmp_path / "patch.pt"), tmp_path / "w.safetensors"
    result = CliRunner().invoke(convert, [str(source), str(output), "--num-kv-heads", "2"])
    assert result.exit_code == 0, result.output
    assert "2 layers, 64 bits per key and KV head" in result.output
    converted, expected = WeightFile.inspect(str(output)), WeightFile.inspect(str(write(tmp_path / "e", key_heads=4)))
    assert converted.depths == expected.depths
    for layer in (0, 3):
        found, wanted = (parts(file.read_layer(layer)) for file in (converted, expected))
        assert len(found) == len(wanted) == 12
        assert all(torch.equal(*pair) for pair in zip(found, wanted, strict=True))


class Evil:
    """Makes a file in the working directory when it is unpickled."""

    def __reduce__(self) -> Any:
        return (Path("it_ran").touch, ())


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"0.query": Evil()}, "cannot be read as tensors alone"),
        ([torch.zeros(1)], "is no state dict of tensors by name"),
        ({"lm_head.weight": torch.zeros(1)}, "'lm_head.weight' is no tensor of a learned hash function"),
        ({"0.learning_to_hash_transformation_q.0.0.weight": torch.zeros(32, 16)}, "incomplete"),
        ({}, "holds no tensors"),
    ],
)
def test_what_cannot_be_converted_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: Any, message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    torch.save(content, tmp_path / "patch.pt")
    arguments = [str(tmp_path / "patch.pt"), str(tmp_path / "w.safetensors"), "--num-kv-heads", "2"]
    result = CliRunner().invoke(convert, arguments)
    assert result.exit_code == 1
    assert message in result.output
    assert not (tmp_path / "w.safetensors").exists()
    assert not Path("it_ran").exists()


def test_a_plain_pickle_of_tensors_is_not_loaded(tmp_path: Path) -> None:
    """As the public hub writes them (.hat_weights.pkl)."""
    (tmp_path / "w.pkl").write_bytes(pickle.dumps({0: {"query_matrix": [torch.zeros(2)]}}))
    result = CliRunner().invoke(convert, [str(tmp_path / "w.pkl"), str(tmp_path / "w"), "--num-kv-heads", "2"])
    assert result.exit_code == 1
    assert "it is not unpickled, which could run any code" in result.output


def test_a_wrong_number_of_kv_heads_leaves_no_file(tmp_path: Path) -> None:
    source, output = official(tmp_path / "patch.pt"), tmp_path / "w.safetensors"
    result = CliRunner().invoke(convert, [str(source), str(output), "--num-kv-heads", "3"])
    assert result.exit_code == 1
    assert "do not go with 3 KV heads" in result.output
    assert not output.exists()
