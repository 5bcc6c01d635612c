"""Collect the texts that can be translated into `resources/locale/ctworkbench.pot`.

Texts are those given to `_()` of `ctworkbench.core.translation`, and the titles of the region schemes. To translate:

    python scripts/extract_texts.py
    msginit --input resources/locale/ctworkbench.pot --locale de --output de.po     (edit de.po)
    mkdir -p resources/locale/de/LC_MESSAGES
    msgfmt de.po --output-file resources/locale/de/LC_MESSAGES/ctworkbench.mo

The last two commands are GNU gettext's. A program started under that language (LANGUAGE=de) then uses it.
"""

import ast
from pathlib import Path

from ctworkbench.core import schemes
from ctworkbench.core.settings import resource

ROOT = Path(__file__).resolve().parent.parent
HEADER = 'msgid ""\nmsgstr ""\n"Project-Id-Version: CT Workbench\\n"\n"Content-Type: text/plain; charset=UTF-8\\n"\n'


def texts() -> dict[str, list[str]]:
    """Every text, with the files that it stands in."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "ctworkbench").rglob("*.py")):
        place = path.relative_to(ROOT).as_posix()
        tree = ast.parse(path.read_text(encoding="utf-8"))
        constants = dict(filter(None, map(_constant, tree.body)))
        for node in ast.walk(tree):
            text = _translated(node, constants)
            if text is not None:
                found.setdefault(text, []).append(place)
    for name in schemes.names():
        for region in schemes.load(name).regions:
            found.setdefault(region.title, []).append(f"resources/schemes/{name}.toml")
        for right, _left in schemes.load(name).pairs:
            title = right.name.removeprefix("right_").capitalize()
            found.setdefault(title, []).append(f"resources/schemes/{name}.toml")
    return {text: list(dict.fromkeys(places)) for text, places in found.items()}


def _constant(node: ast.stmt) -> tuple[str, str] | None:
    """Name and value of a text that a module defines."""
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant) and isinstance(node.targets[0], ast.Name):
        value = node.value.value
        return (node.targets[0].id, value) if isinstance(value, str) else None
    return None


def _translated(node: ast.AST, constants: dict[str, str]) -> str | None:
    """The text that a call of `_` is given, itself or by the name of a constant."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "_" and node.args):
        return None
    first = node.args[0]
    if isinstance(first, ast.Constant) and isinstance(first.value, str):
        return first.value
    return constants.get(first.id) if isinstance(first, ast.Name) else None


def catalogue() -> str:
    """The template of a catalogue, in the format of GNU gettext."""
    lines = [HEADER]
    for text, places in sorted(texts().items()):
        lines.append(f'#: {" ".join(places)}\nmsgid {_quoted(text)}\nmsgstr ""\n')
    return "\n".join(lines)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


if __name__ == "__main__":
    (resource("locale") / "ctworkbench.pot").write_text(catalogue(), encoding="utf-8")
