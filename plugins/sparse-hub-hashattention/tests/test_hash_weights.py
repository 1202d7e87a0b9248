"""Files of hash functions: what is refused, and what is said then."""

from __future__ import annotations

import json
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from click.testing import CliRunner
from learned_hashes import BITS, mlp, modules, write
from safetensors import safe_open
from safetensors.torch import save_file
from sparse_hub_hashattention.convert import main as convert
from sparse_hub_hashattention.hash_attention import HashAttentionConfig
from sparse_hub_hashattention.hash_functions import HashFunctions, Mlp
from sparse_hub_hashattention.weight_file import HEADER, WeightFile
from sparse_hub_hashattention.weight_writing import write_weights

from sparse_hub_core import ConfigError, UsageError


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
        ({"layers": None}, {}, "layers = None, which is no list of layers"),
        ({"layers": [0, 1, 3]}, {}, "holds no layer 1, which its header names"),
        ({"layers": [0]}, {}, "holds tensors of layer 3, which its header does not name"),
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


@pytest.mark.parametrize("name", ["3.query.1.weight", "3.key.2.bias"])
@pytest.mark.parametrize("value", [torch.nan, torch.inf, -torch.inf])
def test_weights_that_are_not_finite_are_not_read(tmp_path: Path, name: str, value: float) -> None:
    path = write(tmp_path / "w.safetensors")
    with safe_open(path, framework="pt") as file:
        tensor = file.get_tensor(name)
    tensor.view(-1)[5] = value
    file = WeightFile.inspect(changed(path, **{name: tensor}))
    assert all(tensor.isfinite().all() for tensor in parts(file.read_layer(0)))
    with pytest.raises(ConfigError, match=rf"{path}: the weights of layer 3 are not finite"):
        file.read_layer(3)


def test_weights_that_are_not_finite_are_not_written(tmp_path: Path) -> None:
    learned = mlp(modules(0, 2))
    broken = Mlp(learned.weights, (*learned.biases[:2], learned.biases[2] * torch.nan))
    layers = {0: HashFunctions(learned, mlp(modules(1, 2))), 7: HashFunctions(learned, broken)}
    with pytest.raises(ConfigError, match=r"w\.safetensors: the weights of layer 7 are not finite"):
        write_weights(tmp_path / "w.safetensors", layers, 2)
    assert not list(tmp_path.iterdir())


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    layers = {0: HashFunctions(mlp(modules(0, 2)), mlp(modules(1, 2)))}
    for path in (tmp_path / "folder", tmp_path / "no" / "w.safetensors"):
        with pytest.raises(UsageError, match=f"{path} cannot be written"):
            write_weights(path, layers, 2)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


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


Q = "0.learning_to_hash_transformation_q.0.{}"


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
        ({Q.format("0.weight"): torch.zeros(32)}, r"0.weight' has the shape (32,); a weight of a hash function has 2"),
        ({Q.format("0.bias"): torch.zeros(32, 1)}, r"0.bias' has the shape (32, 1); a bias of a hash function has 1"),
        ({3: torch.zeros(1)}, "is no state dict of tensors by name"),
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


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"hello world",
        b"{}",
        b"PK\x03\x04" + bytes(50),
        b"\x80\x02K\x01.",
        b"\x80\x02]q\x00.",
        bytes(range(256)) * 20,
    ],
)
def test_files_of_another_kind_are_told(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "patch.pt").write_bytes(content)
    result = CliRunner().invoke(convert, [str(tmp_path / "patch.pt"), str(tmp_path / "w"), "--num-kv-heads", "2"])
    assert isinstance(result.exception, SystemExit)
    assert result.output.startswith(f"Error: {tmp_path / 'patch.pt'} cannot be read as tensors alone (")


def unusable(path: Path) -> Path:
    """Save functions of 40 bits as the official code would."""
    tensors = {"weight": torch.zeros(40, 16), "bias": torch.zeros(40)}
    names = {f"0.learning_to_hash_transformation_{side}.0.0.{part}": part for side in "qk" for part in tensors}
    torch.save({name: tensors[part] for name, part in names.items()}, path)
    return path


@pytest.mark.parametrize(
    ("source", "num_kv_heads", "message"),
    [(official, 3, "do not go with 3 KV heads"), (unusable, 1, "take functions whose outputs are a multiple of 32")],
)
@pytest.mark.parametrize("before", [None, "precious"])
def test_a_conversion_that_fails_leaves_what_was_there(
    tmp_path: Path, source: Callable[[Path], Path], num_kv_heads: int, message: str, before: str | None
) -> None:
    path, output = source(tmp_path / "patch.pt"), tmp_path / "w.safetensors"
    if before is not None:
        output.write_text(before)
    result = CliRunner().invoke(convert, [str(path), str(output), "--num-kv-heads", str(num_kv_heads)])
    assert result.exit_code == 1
    assert message in result.output
    assert {file.name for file in tmp_path.iterdir()} == {"patch.pt"} | ({"w.safetensors"} if before else set())
    assert before is None or output.read_text() == before


def test_a_conversion_replaces_what_was_there(tmp_path: Path) -> None:
    source, output = official(tmp_path / "patch.pt"), tmp_path / "w.safetensors"
    output.write_text("old")
    assert CliRunner().invoke(convert, [str(source), str(output), "--num-kv-heads", "2"]).exit_code == 0
    assert WeightFile.inspect(str(output)).num_kv_heads == 2
    assert {file.name for file in tmp_path.iterdir()} == {"patch.pt", "w.safetensors"}


def test_a_conversion_into_no_folder_is_told(tmp_path: Path) -> None:
    source, output = official(tmp_path / "patch.pt"), tmp_path / "no" / "w.safetensors"
    result = CliRunner().invoke(convert, [str(source), str(output), "--num-kv-heads", "2"])
    assert isinstance(result.exception, SystemExit)
    assert f"{output} cannot be written, for there is no folder {output.parent}" in result.output
