"""Where traces are kept, and what is said where they cannot be."""

from __future__ import annotations

from pathlib import Path

import pytest

from sparse_hub_core import UsageError
from sparse_hub_core.traces.place import require_writable, trace_dir


def test_what_is_chosen_goes_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPARSE_HUB_TRACE_DIR", str(tmp_path / "environment"))
    assert trace_dir(str(tmp_path / "chosen")) == tmp_path / "chosen"
    assert trace_dir(None) == tmp_path / "environment"
    monkeypatch.delenv("SPARSE_HUB_TRACE_DIR")
    assert "sparse-hub" in trace_dir(None).parts


def test_a_folder_is_made_where_it_can_be(tmp_path: Path) -> None:
    require_writable(str(tmp_path / "new" / "folder"))
    assert list((tmp_path / "new" / "folder").iterdir()) == []


def test_a_folder_that_cannot_be_made_is_named_with_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"file/traces: Not a directory; name another folder with --trace-dir"):
        require_writable(str(tmp_path / "file" / "traces"))
