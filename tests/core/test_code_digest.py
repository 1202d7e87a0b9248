"""What identifies code: a class's own folder with its data, and what it imports from its own package."""

import ast
import hashlib
import importlib
import os
import shutil
import sys

import pytest

from sparse_hub_core.code_digest import code_digest
from sparse_hub_core.errors import UsageError

FILES = {
    "digested/__init__.py": "",
    "digested/shared/__init__.py": "",
    "digested/shared/metric.py": "from digested.shared import words\n",
    "digested/shared/words.py": "WORDS = 1\n",
    "digested/shared/unused.py": "UNUSED = 1\n",
    "digested/shared/unused.txt": "unused",
    "digested/mine/__init__.py": "",
    "digested/mine/benchmark.py": "from digested.shared.metric import words\n\n\nclass Mine:\n    pass\n",
    "digested/mine/helper.py": "",
    "digested/mine/words.txt": "words",
    "digested/mine/templates/chat.jinja": "{{ text }}",
    "digested/mine/__pycache__/helper.txt": "compiled",
    "digested/mine/helper.pyc": "compiled",
    "digested/mine/.helper.py.swp": "hidden",
    "digested/mine/.checkpoints/helper.py": "hidden",
    "digested_alone.py": "import digested_neighbour\n\n\nclass Alone:\n    pass\n",
    "digested_neighbour.py": "",
}


@pytest.fixture
def package(tmp_path, monkeypatch):
    root = tmp_path / "here"
    for place, text in FILES.items():
        (root / place).parent.mkdir(parents=True, exist_ok=True)
        (root / place).write_text(text)
    monkeypatch.syspath_prepend(str(root))
    yield root
    forget()


def forget():
    for name in [name for name in sys.modules if name.startswith("digested")]:
        del sys.modules[name]


def mine():
    return importlib.import_module("digested.mine.benchmark").Mine


def alone():
    return importlib.import_module("digested_alone").Alone


@pytest.mark.parametrize(
    ("load", "place", "changes"),
    [
        (mine, "digested/mine/benchmark.py", True),
        (mine, "digested/mine/helper.py", True),
        (mine, "digested/shared/metric.py", True),
        (mine, "digested/shared/words.py", True),
        (mine, "digested/shared/unused.py", False),
        (mine, "digested/shared/unused.txt", False),
        (mine, "digested/mine/words.txt", True),
        (mine, "digested/mine/templates/chat.jinja", True),
        (mine, "digested/mine/__pycache__/helper.txt", False),
        (mine, "digested/mine/helper.pyc", False),
        (mine, "digested/mine/.helper.py.swp", False),
        (mine, "digested/mine/.checkpoints/helper.py", False),
        (alone, "digested_alone.py", True),
        (alone, "digested_neighbour.py", False),
        (alone, "digested/mine/helper.py", False),
    ],
)
def test_an_edit_changes_the_digest_only_where_the_file_is_used(package, load, place, changes):
    thing = load()
    before = code_digest(thing)
    with (package / place).open("a") as file:
        file.write("# edited\n")
    assert (code_digest(thing) != before) is changes


@pytest.mark.parametrize("place", ["digested/shared/words.py", "digested/mine/words.txt"])
def test_an_edit_that_keeps_the_size_changes_the_digest(package, place):
    path = package / place
    before = code_digest(mine())
    modified = path.stat().st_mtime_ns
    path.write_text(path.read_text().swapcase())
    # Clocks of file systems are coarse; a person's edit comes later than that.
    os.utime(path, ns=(modified, modified + 10**9))
    assert code_digest(mine()) != before


def test_a_data_file_that_goes_to_another_folder_changes_the_digest(package):
    before = code_digest(mine())
    (package / "digested/mine/words.txt").rename(package / "digested/mine/templates/words.txt")
    assert code_digest(mine()) != before


def test_a_data_file_that_comes_or_goes_changes_the_digest(package):
    before = code_digest(mine())
    (package / "digested/mine/more.txt").write_text("")
    more = code_digest(mine())
    (package / "digested/mine/more.txt").unlink()
    assert more != before
    assert code_digest(mine()) == before


def test_the_digest_is_the_same_wherever_the_package_lies(package, monkeypatch):
    before = code_digest(mine())
    there = shutil.copytree(package, package.parent / "there")
    shutil.rmtree(package)
    forget()
    monkeypatch.syspath_prepend(str(there))
    assert code_digest(mine()) == before


def test_a_file_is_parsed_and_hashed_again_only_after_an_edit(package, monkeypatch):
    work = []
    parse, sha256 = ast.parse, hashlib.sha256
    monkeypatch.setattr(ast, "parse", lambda *given: work.append("parse") or parse(*given))
    monkeypatch.setattr(hashlib, "sha256", lambda *given: work.append("hash") or sha256(*given))
    code_digest(mine())
    assert {"parse", "hash"} <= set(work)

    work.clear()
    code_digest(mine())
    assert work == []

    with (package / "digested/shared/words.py").open("a") as file:
        file.write("# edited\n")
    code_digest(mine())
    assert sorted(work) == ["hash", "hash", "parse"]  # The file, and the digest of all of them.


def test_a_class_without_a_file_has_the_digest_of_its_source_or_none(package, monkeypatch):
    monkeypatch.syspath_prepend(shutil.make_archive(str(package.parent / "zipped"), "zip", package))
    assert code_digest(mine()) != code_digest(alone())
    monkeypatch.setattr(sys.modules["digested_alone"], "__file__", "<stdin>")
    with pytest.raises(UsageError, match="The source of Alone cannot be found"):
        code_digest(alone())


@pytest.mark.parametrize(
    "statement", ["from ..shared.metric import words", "from ..shared import metric", "from .. import shared"]
)
def test_relative_imports_count_too(package, statement):
    (package / "digested/mine/benchmark.py").write_text(f"{statement}\n\n\nclass Mine:\n    pass\n")
    edited = "__init__.py" if statement.endswith("import shared") else "metric.py"
    mine = importlib.import_module("digested.mine.benchmark").Mine
    before = code_digest(mine)
    with (package / "digested/shared" / edited).open("a") as file:
        file.write("# edited\n")
    assert code_digest(mine) != before


def test_a_file_that_is_no_program_of_ours_still_counts(package):
    data = package / "digested/mine/old.py"
    data.write_text("print 'of another language'\n")
    mine = importlib.import_module("digested.mine.benchmark").Mine
    before = code_digest(mine)
    data.write_text("print 'edited'\n")
    assert code_digest(mine) != before
