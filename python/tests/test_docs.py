"""The pages of the book about Python say what is so."""

from __future__ import annotations

import importlib.util
import pathlib
import re
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).resolve().parent
DOCS = HERE.parent.parent / "docs"


def test_the_reference_is_the_one_that_the_docstrings_make() -> None:
    spec = importlib.util.spec_from_file_location("reference", HERE.parent / "reference.py")
    assert spec is not None and spec.loader is not None
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    lags = "docs/reference-python.md lags behind the docstrings: run python/reference.py --write"
    assert reference.PAGE.read_text(encoding="utf-8") == reference.page(), lags


def test_the_code_of_the_how_to_runs(tmp_path: pathlib.Path) -> None:
    page = (DOCS / "howto-python.md").read_text(encoding="utf-8")
    program = "\n".join(re.findall(r"```python\n(.*?)```", page, re.S))
    assert program.count("api.") > 4
    # The answer and the payloads come by themselves; the page shows no waiting.
    wait = "import time\nwhile len(answers) + len(payloads) < 3: time.sleep(0.01)\napi.close()"
    program = program.replace("api.close()", wait)
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, timeout=60, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("operator", ["map", "filter", "do_action", "distinct_until_changed", "flat_map", "scan", "buffer_with_time", "debounce"])
def test_the_operators_of_the_table_are_there(operator: str) -> None:
    import reactivex
    from reactivex import operators

    assert callable(getattr(operators, operator)) and callable(reactivex.merge)
