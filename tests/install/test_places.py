"""Where the library has to run: without a network, in folders that cannot be written, under a strict umask.

Each test is a process of its own over a copy of rnnlib that has never run there.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import jupytext
import pytest

ROOT = Path(__file__).parents[2]
TRAIN = """
from rnnlib import models, text, training
corpus = text.load_corpus("story")
model = models.LanguageModel("rnn", vocab_size=len(corpus.vocab), hidden_size=4)
trainer = training.Trainer(model, text.SequentialBatches(corpus.train, batch_size=2, num_steps=5))
trainer.run(2)
print(trainer.steps_made)
"""
# Who is root may write everywhere: take that away from the process.
WITHOUT_POWERS = ["setpriv", "--bounding-set=-dac_override,-dac_read_search,-fowner,-chown", "--"]


@pytest.fixture
def course(tmp_path: Path) -> Path:
    """A folder with rnnlib, as it is copied for a course, and nothing that ran before."""
    folder = tmp_path / "course"
    shutil.copytree(ROOT / "rnnlib", folder / "rnnlib", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "home").mkdir()
    return folder


def run(course: Path, code: str, powers: bool = True, umask: int = -1, **variables: str) -> str:
    """What a Python process prints that finds rnnlib in `course` and works in a folder beside it."""
    home = course.parent / "home"
    known = {name: value for name, value in os.environ.items() if not name.startswith(("RNNLIB_", "XDG_", "NUMBA_"))}
    environment = known | {"PYTHONPATH": str(course), "HOME": str(home), "OMP_NUM_THREADS": "1", "MPLCONFIGDIR": ""}
    environment |= variables
    command = [] if powers or os.geteuid() else WITHOUT_POWERS
    if command and shutil.which("setpriv") is None:
        pytest.skip("root may write everywhere, and there is no setpriv here to take that away")
    done = subprocess.run(
        [*command, sys.executable, "-c", code],
        cwd=course.parent,
        env=environment,
        capture_output=True,
        text=True,
        umask=umask,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def write_protect(folder: Path) -> None:
    for path in (folder, *folder.rglob("*")):
        path.chmod(path.stat().st_mode & ~0o222)


def test_it_trains_from_a_course_folder_that_cannot_be_written(course: Path) -> None:
    write_protect(course)
    assert run(course, TRAIN, powers=False) == "2\n"
    assert not list(course.rglob("__pycache__"))


def test_it_trains_for_somebody_whose_home_cannot_be_written(course: Path) -> None:
    write_protect(course.parent / "home")
    assert run(course, TRAIN, powers=False) == "2\n"
    assert not list((course.parent / "home").iterdir())


COMPILED = "from rnnlib.engine import loops; print(sum(loops.rnn_backward.stats.cache_hits.values()))"


@pytest.mark.parametrize("home_can_be_written", [True, False])
def test_who_cannot_write_to_the_course_finds_what_its_owner_has_compiled(
    course: Path, home_can_be_written: bool
) -> None:
    assert run(course, TRAIN + COMPILED) == "2\n0\n"
    write_protect(course)
    if not home_can_be_written:
        write_protect(course.parent / "home")
    assert run(course, TRAIN + COMPILED, powers=False) == "2\n1\n"
    assert not list((course.parent / "home").rglob("*.nbi"))


def test_where_nothing_can_be_written_it_trains_all_the_same(course: Path) -> None:
    write_protect(course)
    write_protect(course.parent / "home")
    assert run(course, TRAIN, powers=False) == "2\n"


def test_where_neither_can_be_written_a_folder_that_is_named_keeps_the_machine_code(course: Path) -> None:
    write_protect(course)
    write_protect(course.parent / "home")
    cache = course.parent / "cache"
    cache.mkdir()
    assert run(course, TRAIN, powers=False, NUMBA_CACHE_DIR=str(cache)) == "2\n"
    assert list(cache.rglob("*.nbi"))


def test_a_course_that_is_moved_after_its_installation_finds_itself(tmp_path: Path) -> None:
    """The Makefile's own lines, without what pip does."""
    course, stick = tmp_path / "course", tmp_path / "a stick" / "课"
    (course / "rnnlib").mkdir(parents=True)
    (course / "rnnlib/__init__.py").touch()
    (course / "rnnlib/engine.py").write_text("def compile_loops(): pass\n")
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, course)
    make = ["make", ".venv/lab-installed", "PIP_INSTALL=true", f"PYTHON={sys.executable}"]
    subprocess.run(make, cwd=course, check=True, capture_output=True)
    stick.parent.mkdir()
    course.rename(stick)
    code = "import rnnlib; print(rnnlib.__file__)"
    told = subprocess.run([stick / ".venv/bin/python", "-I", "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert Path(told.stdout.strip()) == stick / "rnnlib/__init__.py", told.stderr


def test_it_trains_where_every_connection_is_refused(course: Path) -> None:
    refused = """
import socket
def refuse(*arguments, **named):
    raise OSError("there is no network here")
socket.socket.connect = socket.socket.connect_ex = socket.getaddrinfo = socket.create_connection = refuse
"""
    assert run(course, refused + TRAIN) == "2\n"


def test_under_umask_077_its_files_can_be_read_by_who_wrote_them_and_nobody_else(course: Path) -> None:
    save = """
from rnnlib.live import recordings
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Settings
session = Session(Settings(hidden_size=4, batch_size=2, num_steps=5, device="cpu"))
session.run(2)
recordings.save(session, "mine.session")
print(recordings.load("mine.session").steps_made)
"""
    assert run(course, save, powers=False, umask=0o077) == "2\n"
    written = [course.parent / "mine.session", *course.rglob("*.nbi")]
    assert len(written) > 1
    assert {path.stat().st_mode & 0o777 for path in written} <= {0o600, 0o700}


def test_notebooks_begin_in_any_folder(course: Path) -> None:
    """The imports of every notebook, and its corpus, in a folder in which nothing else lies."""
    begins = []
    for source in sorted((ROOT / "notebooks/src").glob("*.py")):
        cells = [cell.source for cell in jupytext.read(source, fmt="py:percent").cells if cell.cell_type == "code"]
        (imports,) = [cell for cell in cells if re.search(r"^from rnnlib", cell, re.M)]
        begins.append(f"exec({imports!r}, {{'__name__': {source.stem!r}}})")
    begins.append("from rnnlib import text; print(len(text.load_corpus('story').vocab))")
    assert run(course, "\n".join(begins)) == "28\n"
