"""Write every generated page below ``docs/reference``."""

from __future__ import annotations

from pathlib import Path

from docs_generator.pages import FOLDER, generated_pages

if __name__ == "__main__":
    folder = Path(__file__).parent.parent / "docs" / FOLDER
    folder.mkdir(exist_ok=True)
    for name, text in generated_pages().items():
        (folder / name).write_text(text, encoding="utf-8")
