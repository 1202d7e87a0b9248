"""What the files of a new package are called, for each kind of thing that it can offer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias, get_args

Kind: TypeAlias = Literal["masker", "benchmark"]
KINDS: tuple[Kind, ...] = get_args(Kind)


@dataclass(frozen=True)
class NewPackage:
    """A package that offers one masker or one benchmark."""

    kind: Kind
    name: str
    """The registered name, which is also the module's."""

    @property
    def distribution(self) -> str:
        """What pip calls it."""
        return f"sparse-hub-{self.name.replace('_', '-')}"

    @property
    def package(self) -> str:
        """What is imported."""
        return f"sparse_hub_{self.name}"

    @property
    def module(self) -> str:
        """The file that an author puts their own in."""
        return f"{self.package}/{self.name}.py"

    @property
    def class_name(self) -> str:
        """The class of the benchmark or masker; a masker's config has ``Config`` behind it."""
        return "".join(word[:1].upper() + word[1:] for word in self.name.split("_"))

    @property
    def classes(self) -> set[str]:
        """The classes that the module defines."""
        return {self.class_name, f"{self.class_name}Config"} if self.kind == "masker" else {self.class_name}

    @property
    def files(self) -> dict[str, str]:
        """Each file and its template; a file without one is empty."""
        files = {
            "pyproject.toml": "pyproject.toml.j2",
            "README.md": "README.md.j2",
            f"{self.package}/__init__.py": "__init__.py.j2",
            self.module: f"{self.kind}.py.j2",
            f"{self.package}/py.typed": "",
            f"tests/test_{self.name}.py": "test.py.j2",
        }
        if self.kind == "benchmark":
            files[f"{self.package}/sample/lookup.jsonl"] = "lookup.jsonl"
        return files
