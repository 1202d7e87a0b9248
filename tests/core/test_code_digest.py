"""What identifies code: a class's own folder, and what it imports from its own package."""

import importlib
import sys

import pytest

from sparse_hub_core.code_digest import code_digest

FILES = {
    "digested/__init__.py": "",
    "digested/shared/__init__.py": "",
    "digested/shared/metric.py": "from digested.shared import words\n",
    "digested/shared/words.py": "WORDS = 1\n",
    "digested/shared/unused.py": "UNUSED = 1\n",
    "digested/mine/__init__.py": "",
    "digested/mine/benchmark.py": "from digested.shared.metric import words\n\n\nclass Mine:\n    pass\n",
    "digested/mine/helper.py": "",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    for place, text in FILES.items():
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(text)
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.partition(".")[0] == "digested"]:
        del sys.modules[name]


@pytest.mark.parametrize(
    ("place", "changes"),
    [
        ("digested/mine/benchmark.py", True),
        ("digested/mine/helper.py", True),
        ("digested/shared/metric.py", True),
        ("digested/shared/words.py", True),
        ("digested/shared/unused.py", False),
    ],
)
def test_an_edit_changes_the_digest_only_where_the_code_is_used(package, place, changes):
    mine = importlib.import_module("digested.mine.benchmark").Mine
    before = code_digest(mine)
    with (package / place).open("a") as file:
        file.write("# edited\n")
    assert (code_digest(mine) != before) is changes
