"""Checks of the config itself: what it refuses, and that nothing changes it."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from pathlib import Path
from tempfile import TemporaryDirectory

from sparse_hub_core.attention.sparse_attention import SparseAttention
from sparse_hub_core.errors import ConfigError, SparseHubError
from sparse_hub_core.results.files import content_hash
from sparse_hub_core.testing.check import check, require, require_reasons
from sparse_hub_core.testing.maskers.conditions import has_files, names_files
from sparse_hub_core.testing.maskers.subject import Subject
from sparse_hub_core.testing.maskers.tensors import attend, draw

NO_FIELD = "no_such_field_anywhere"
NO_FILE = str(Path("/no/such/folder/no_such_file.safetensors"))


@check()
def unknown_keys_raise(subject: Subject) -> None:
    """Parameters that are not fields raise ConfigError, which names them."""
    try:
        subject.config_class.from_parameters({**subject.config.parameters(), NO_FIELD: 1})
    except ConfigError as error:
        require(NO_FIELD in str(error), f"the error does not name the unknown key: {error}")
        return
    raise AssertionError(f"from_parameters takes the unknown key {NO_FIELD!r} without a word")


@check()
def fields_are_frozen(subject: Subject) -> None:
    """The config is a frozen dataclass that can be compared and hashed."""
    # The decorator's own parameters stand in an attribute that the typing of dataclasses leaves out.
    frozen = getattr(subject.config_class, "__dataclass_params__").frozen  # noqa: B009
    require(frozen, f"{subject.config_class.__name__} is no frozen dataclass")
    twin = dataclasses.replace(subject.config)
    require(twin == subject.config, "two configs of the same fields are not equal")
    try:
        same = hash(twin) == hash(subject.config)
    except TypeError as error:
        raise AssertionError(f"it cannot be hashed: {error}") from None
    require(same, "two configs of the same fields have different hashes")


@check()
def copies_are_equal(subject: Subject) -> None:
    """Pickle and deepcopy give an equal config whose masker works."""
    # What is unpickled was pickled one line before.
    pickled = pickle.loads(pickle.dumps(subject.small))  # noqa: S301
    for how, twin in (("pickle", pickled), ("deepcopy", copy.deepcopy(subject.small))):
        require(twin == subject.small, f"a config is not equal to its {how}: {twin!r} instead of {subject.small!r}")
        attend(subject, SparseAttention(subject.behind(twin)), draw(subject, 0, subject.length))


@check()
def running_leaves_the_config(subject: Subject) -> None:
    """A run changes neither the fields nor the identity of the config."""
    config = copy.deepcopy(subject.small)
    before, identity = copy.deepcopy(config.parameters()), content_hash(config.identity())
    attend(subject, SparseAttention(subject.behind(config)), draw(subject, 0, subject.length))
    require(config.parameters() == before, f"a run changed the config from {before} to {config.parameters()}")
    require(content_hash(config.identity()) == identity, "a run changed the identity of the config")


@check(names_files)
def missing_files_are_named(subject: Subject) -> None:
    """A file that is not there is refused when the config is made, and named."""
    for name in subject.config_class.file_fields:
        require(name in subject.fields, f"file_fields names {name!r}, which is no field")
        try:
            dataclasses.replace(subject.config, **{name: NO_FILE})
        except SparseHubError as error:
            require(NO_FILE in str(error), f"the error of a missing {name} does not name its path: {error}")
        except Exception as error:
            # Whatever else a config may raise is what this check is about.
            raise AssertionError(f"a missing {name} raises {type(error).__name__}, not a ConfigError") from error
        else:
            raise AssertionError(f"{name} takes a path that is not there; a run would fail only later")


@check(has_files)
def files_are_identified_by_content(subject: Subject) -> None:
    """A copy of a file gives the same identity, and a file of other content another one, or is refused."""
    identity = content_hash(subject.config.identity())
    for name, path in subject.files.items():
        with TemporaryDirectory() as folder:
            copied, longer = Path(folder, f"copied{path.suffix}"), Path(folder, f"longer{path.suffix}")
            copied.write_bytes(path.read_bytes())
            longer.write_bytes(path.read_bytes() + b"\n")
            twin = dataclasses.replace(subject.config, **{name: str(copied)})
            require(content_hash(twin.identity()) == identity, f"a copy of {name} elsewhere has another identity")
            try:
                other = dataclasses.replace(subject.config, **{name: str(longer)})
            except ConfigError:
                continue
            require(content_hash(other.identity()) != identity, f"a {name} of other content has the same identity")


@check()
def known_failures_have_reasons(subject: Subject) -> None:
    """What known_failures names are checks, each with a reason."""
    require_reasons(subject)
