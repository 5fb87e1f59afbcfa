"""What is compiled is kept, and compiled anew where what was kept is empty, cut, changed or cannot be written."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rnnlib.engine import compiling

COMPILING = Path(compiling.__file__)
LOOP = f"""
import importlib.util
spec = importlib.util.spec_from_file_location("compiling", {str(COMPILING)!r})  # without the rest, which needs torch
compiling = importlib.util.module_from_spec(spec)
spec.loader.exec_module(compiling)

@compiling.compiled
def add_up(numbers):
    total = 0.0
    for number in numbers:
        total += number
    return total
"""
CALL = """
import numpy as np
from loop import add_up
print(add_up(np.arange(5.0)), sum(add_up.stats.cache_hits.values()))
"""


def call(folder: Path, before: str = "", **environment: str) -> str:
    """The sum, and how many functions were found in the cache."""
    paths = os.pathsep.join([str(folder), *sys.path])
    if not (folder / "loop.py").exists():  # else its time would change
        (folder / "loop.py").write_text(LOOP)
    done = subprocess.run(
        [sys.executable, "-c", before + CALL],
        env={**os.environ, "PYTHONPATH": paths, "NUMBA_CACHE_DIR": str(folder / "cache"), **environment},
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def kept(folder: Path, kind: str) -> list[Path]:
    return sorted((folder / "cache").rglob(f"*.{kind}"))


def empty(path: Path) -> None:
    path.write_bytes(b"")


def halve(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def change(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 64
    path.write_bytes(content)


def put_a_folder_there(path: Path) -> None:
    path.unlink()
    path.mkdir()


def test_what_was_compiled_is_found_by_the_next_process(tmp_path: Path) -> None:
    assert call(tmp_path) == "10.0 0"
    assert call(tmp_path) == "10.0 1"


@pytest.mark.parametrize("kind", ["nbi", "nbc"])
@pytest.mark.parametrize("damage", [empty, halve, change, Path.unlink])
def test_what_is_damaged_is_compiled_anew_and_kept(tmp_path: Path, kind: str, damage: Callable[[Path], None]) -> None:
    call(tmp_path)
    (path,) = kept(tmp_path, kind)
    damage(path)
    assert call(tmp_path).startswith("10.0")
    assert call(tmp_path) == "10.0 1"


OTHER_TYPES = "import numpy as np\nfrom loop import add_up\nadd_up(np.arange(5, dtype=np.int64))\n"


def test_machine_code_of_other_types_is_not_believed_whatever_the_index_tells(tmp_path: Path) -> None:
    assert call(tmp_path, OTHER_TYPES) == "10.0 0"
    ints, floats = kept(tmp_path, "nbc")
    floats.write_bytes(ints.read_bytes())  # as two processes do that compile at once
    assert call(tmp_path) == "10.0 0"
    assert call(tmp_path) == "10.0 1"


def test_a_folder_in_the_way_of_the_cache_is_no_obstacle(tmp_path: Path) -> None:
    call(tmp_path)
    for path in (*kept(tmp_path, "nbi"), *kept(tmp_path, "nbc")):
        put_a_folder_there(path)
    assert call(tmp_path) == "10.0 0"


def test_without_any_place_for_a_cache_it_is_compiled_in_every_process(tmp_path: Path) -> None:
    nowhere = "from numba.core.caching import FunctionCache; FunctionCache._impl_class._locator_classes = []\n"
    assert call(tmp_path, nowhere) == "10.0 0"
    assert kept(tmp_path, "nbi") == []


def test_a_full_disk_is_no_obstacle(tmp_path: Path) -> None:
    full = (
        "from numba.core.caching import IndexDataCacheFile\n"
        "def full(*arguments): raise OSError(28, 'No space left on device')\n"
        "IndexDataCacheFile._save_index = full\n"
    )
    assert call(tmp_path, full) == "10.0 0"
