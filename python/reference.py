#!/usr/bin/env python3
"""Makes docs/reference-python.md from the docstrings. It reads the source and imports nothing.

    python/reference.py           prints the page
    python/reference.py --write   writes it
"""

from __future__ import annotations

import ast
import pathlib
import re
import sys
import textwrap
from typing import Iterator, List, Union

HERE = pathlib.Path(__file__).resolve().parent
PAGE = HERE.parent / "docs" / "reference-python.md"
SOURCE = HERE / "src"

MODULES = [
    ("crewline", "crewline/__init__.py", ["_blocking.py", "_events.py", "_handle.py", "_errors.py"]),
    ("crewline.aio", "crewline/aio.py", []),
    ("crewline.twisted", "crewline/twisted.py", []),
    ("peek_plugin_chat.server.ChatApiABC", "peek_plugin_chat/server/ChatApiABC.py", []),
]

HEAD = """# Python

<!-- Made from the docstrings by python/reference.py: change those, and run make docs. -->

The packages `crewline` and `peek_plugin_chat`. [Your first integration in Python](howto-python.md) shows how to use them.
"""

Named = Union[ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef]


def page() -> str:
    parts = [HEAD]
    for name, first, others in MODULES:
        tree = parse(first)
        parts.append(f"## {name}\n\n{prose(ast.get_docstring(tree) or '')}\n")
        files = [tree] + [parse(str(pathlib.Path(first).parent / other)) for other in others]
        found = {one.name: one for file in files for one in file.body if isinstance(one, (ast.ClassDef, ast.FunctionDef))}
        for wanted in public(tree) or [one for one in found if not one.startswith("_")]:
            parts.extend(thing(found[wanted]))
    return "\n".join(parts)


def parse(path: str) -> ast.Module:
    return ast.parse((SOURCE / path).read_text(encoding="utf-8"))


def public(tree: ast.Module) -> List[str]:
    """The names of `__all__`, functions first."""
    for one in tree.body:
        if isinstance(one, ast.Assign) and getattr(one.targets[0], "id", "") == "__all__":
            names: List[str] = ast.literal_eval(one.value)
            return sorted(names, key=lambda name: (name[0].isupper(), name))
    return []


def thing(one: Named) -> Iterator[str]:
    if isinstance(one, ast.ClassDef):
        bases = ", ".join(ast.unparse(base) for base in one.bases if not ast.unparse(base).startswith("_"))
        yield f"### {one.name}\n\n```python\nclass {one.name}{f'({bases})' if bases else ''}\n```\n"
        yield prose(ast.get_docstring(one) or "") + "\n"
        attributes = list(attribute_lines(one))
        if attributes:
            yield "\n".join(attributes) + "\n"
        for member in one.body:
            if isinstance(member, (ast.FunctionDef, ast.AsyncFunctionDef)) and is_told(member):
                yield f"#### {one.name}.{member.name}\n\n{signature(member)}\n{prose(ast.get_docstring(member) or '')}\n"
    else:
        yield f"### {one.name}\n\n{signature(one)}\n{prose(ast.get_docstring(one) or '')}\n"


def is_told(member: Union[ast.FunctionDef, ast.AsyncFunctionDef]) -> bool:
    return not member.name.startswith("_") or (member.name == "__init__" and bool(ast.get_docstring(member)))


def attribute_lines(one: ast.ClassDef) -> Iterator[str]:
    """Names of a class, each with the text below it."""
    for member, text in zip(one.body, one.body[1:]):
        if isinstance(member, ast.AnnAssign):
            name = f"{ast.unparse(member.target)}: {ast.unparse(member.annotation)}"
        elif isinstance(member, ast.Assign):
            name = ast.unparse(member)
        else:
            continue
        if isinstance(text, ast.Expr) and isinstance(text.value, ast.Constant):
            yield f"- `{name}`: {' '.join(marks(str(text.value.value)).split())}"


def signature(one: Union[ast.FunctionDef, ast.AsyncFunctionDef]) -> str:
    arguments = ast.unparse(one.args)
    arguments = re.sub(r"^self(, )?", "", arguments)
    word = "async def" if isinstance(one, ast.AsyncFunctionDef) else "def"
    returns = f" -> {ast.unparse(one.returns)}" if one.returns is not None else ""
    line = f"{word} {one.name}({arguments}){returns}".replace("'", '"')
    line = re.sub(r'"([A-Z][\w.\[\]]*|defer[\w.\[\]]*|_Opening\[ChatApi\])"', r"\1", line)
    if len(line) > 100:
        parts = re.split(r", (?=(?:\*|\w+:))", arguments.replace("'", '"'))
        line = f"{word} {one.name}(\n    " + ",\n    ".join(parts) + f",\n){returns}"
    return f"```python\n{line}\n```\n"


def marks(text: str) -> str:
    """From the marks of docstrings to those of Markdown."""
    text = re.sub(r":(?:class|func|meth|mod):`~?([^`]+)`", r"`\1`", text)
    return text.replace("``", "`")


def prose(text: str) -> str:
    lines = marks(textwrap.dedent(text)).splitlines()
    return re.sub(
        r"(?m)^:(param|return|raises)s? ?([\w.]*):",
        lambda found: f"- `{found[2]}`:" if found[2] else "- returns:",
        "\n".join(re.sub(r"^    ", "  ", line) for line in lines),
    ).rstrip()


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(page(), encoding="utf-8")
        print(f"wrote {PAGE}")
    else:
        print(page(), end="")
