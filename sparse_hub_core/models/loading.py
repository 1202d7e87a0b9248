"""Load a model and its tokenizer onto a device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer

from sparse_hub_core.data.hub_errors import Repository, explain, first_line
from sparse_hub_core.data.hub_files import resolve
from sparse_hub_core.data.quiet import quiet
from sparse_hub_core.errors import ModelError, UsageError
from sparse_hub_core.models.source import resolve_model
from sparse_hub_core.plugins import load_registry

if TYPE_CHECKING:
    from sparse_hub_core.models.source import ModelSource
    from sparse_hub_core.registry import Registry

FOLDER_ADVICE = "check that the folder holds config.json, safetensors weights and the tokenizer"
DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}


@dataclass(frozen=True)
class LoadedModel:
    """A model ready to run, with its tokenizer."""

    name: str
    model: Any
    tokenizer: Any
    device: torch.device

    @property
    def stop_tokens(self) -> frozenset[int]:
        """The tokens that end a generation."""
        configured = self.model.generation_config.eos_token_id
        ends = configured if isinstance(configured, list) else [configured]
        return frozenset(token for token in [*ends, self.tokenizer.eos_token_id] if token is not None)


def choose_device(device: str) -> str:
    """Return the device that ``auto`` stands for, CUDA where there is one.

    Raises:
        UsageError: CUDA is asked for and is not there.
    """
    available = torch.cuda.is_available()
    if device == "auto":
        return "cuda" if available else "cpu"
    if device == "cuda" and not available:
        raise UsageError(
            f"The device {device!r} was asked for, but this machine shows no CUDA device; use --device cpu."
        )
    return device


def choose_dtype(dtype: str, device: str) -> str:
    """Return the precision that ``auto`` stands for: bfloat16 on CUDA, float32 elsewhere."""
    if dtype != "auto":
        return dtype
    return "bfloat16" if device == "cuda" else "float32"


def find_commit(source: ModelSource) -> str | None:
    """Return the commit of the hub that a model is loaded at, None for one of this machine.

    Asked for before anything else, because a hub that cannot be reached is noticed at once here, and only after half
    a minute by the libraries that load from it.

    Raises:
        ModelError: The hub does not have the model, or cannot be reached.
    """
    if source.is_local:
        return None
    try:
        checkout = resolve(Repository("model", source.location, source.revision), first_file="config.json")
    except Exception as error:
        raise ModelError(loading_sentence("model", source, error)) from error
    if not (checkout.folder / "config.json").exists():
        raise ModelError(loading_sentence("model", source, OSError("it has no config.json")))
    return checkout.commit


def load_tokenizer(source: ModelSource) -> Any:
    """Load the tokenizer of a model.

    Raises:
        ModelError: It cannot be loaded.
    """
    # Prompts longer than the model knows are warned about once, by the run, and not at every call.
    transformers.logging.set_verbosity_error()
    commit = find_commit(source)
    try:
        with quiet():
            return AutoTokenizer.from_pretrained(source.location, revision=commit, trust_remote_code=False)
    except Exception as error:
        raise ModelError(loading_sentence("tokenizer", source, error)) from error


def load_model(source: ModelSource, device: str = "auto", dtype: str = "auto") -> LoadedModel:
    """Load a model and its tokenizer.

    Raises:
        ModelError: They cannot be loaded, or the device is not there.
    """
    device = choose_device(device)
    tokenizer = load_tokenizer(source)
    commit = find_commit(source)
    transformers.utils.logging.disable_progress_bar()
    try:
        with quiet():
            model = AutoModelForCausalLM.from_pretrained(
                source.location,
                revision=commit,
                dtype=DTYPES[choose_dtype(dtype, device)],
                trust_remote_code=False,
                use_safetensors=True,
            )
    except Exception as error:
        raise ModelError(loading_sentence("model", source, error)) from error
    return LoadedModel(source.name, model.to(device).eval(), tokenizer, torch.device(device))


def get_model(name: str, device: str = "auto", dtype: str = "auto", registry: Registry | None = None) -> LoadedModel:
    """Load the model behind a registered name, a local folder, or a hub id with an optional ``@revision``.

    Raises:
        UsageError: There is no such model, or the device is not there.
        ModelError: It cannot be loaded.
    """
    return load_model(resolve_model(registry or load_registry(), name), device, dtype)


def known_length(source: ModelSource) -> int | None:
    """Return the longest sequence the model says it knows, from its registration or its config.

    Raises:
        UsageError: There is no such model, or it cannot be reached.
    """
    if source.max_context_length is not None:
        return source.max_context_length
    try:
        commit = find_commit(source)
        with quiet():
            config = transformers.AutoConfig.from_pretrained(source.location, revision=commit, trust_remote_code=False)
    except ModelError as error:
        raise UsageError(str(error)) from error
    except Exception as error:
        raise UsageError(loading_sentence("config", source, error)) from error
    length = getattr(config.get_text_config(decoder=True), "max_position_embeddings", None)
    return None if length is None else int(length)


def loading_sentence(what: str, source: ModelSource, error: BaseException) -> str:
    """Return what cannot be loaded, from where, why, and what to do."""
    where = source.location + (f" at revision {source.revision}" if source.revision else "")
    failure = explain(error, Repository("model", source.location, source.revision))
    if source.is_local:
        damaged = failure is not None and failure.cause == "damaged"
        reason = failure.reason if failure and damaged else first_line(error)
        advice = "copy or download it again" if damaged else FOLDER_ADVICE
    elif failure is None:
        reason, advice = first_line(error), "check the id, and that it holds config.json, safetensors and the tokenizer"
    else:
        reason, advice = failure.reason, failure.advice
        if failure.elsewhere_helps:
            advice += " and name that folder as the model"
    return f"The {what} of {source.name!r} cannot be loaded from {where}: {reason}; {advice}."
