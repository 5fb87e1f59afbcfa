"""Code that is read again, threads of a reader's, two notebooks in one folder, and nowhere to keep anything."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import rnnlib

HOUSE = Path(rnnlib.__file__).parent
BEGIN = """
import os, sys, threading, time
from rnnlib.live import recordings
from rnnlib.widgets import TrainingLab

SMALL = {"hidden_size": 16, "batch_size": 8, "num_steps": 10, "device": "cpu"}

def wait_until(condition):
    ends = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < ends, "this did not happen in time"
        time.sleep(0.005)

def use(lab):
    "Start, turn a knob, fork, save and go on: all that a reader does."
    lab.session.start()
    wait_until(lambda: lab.session.steps_made > 5)
    lab.knobs.learning_rate.value *= 0.9
    lab.buttons["Fork"].click()
    wait_until(lambda: [event.knob for event in lab.session.events] == ["learning_rate", "fork"])
    lab.session.pause()
    lab.session.wait()
    recordings.save(lab.session, "saved.session")
    other = recordings.load("saved.session", name="other")
    other.run(2)
    other.stop()
"""


def start(code: str, folder: Path, house: Path = HOUSE, **environment: str) -> "subprocess.Popen[str]":
    paths = os.pathsep.join([str(house.parent), *sys.path])
    return subprocess.Popen(
        [sys.executable, "-W", "ignore", "-c", BEGIN + code], cwd=folder, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, env={**os.environ, "PYTHONPATH": paths, **environment},
    )  # fmt: skip


def said_by(process: "subprocess.Popen[str]") -> str:
    said, errors = process.communicate(timeout=280)
    assert process.returncode == 0, errors[-2000:]
    return said.strip()


def copy_of_the_house(folder: Path) -> Path:
    return Path(shutil.copytree(HOUSE, folder / "rnnlib", ignore=shutil.ignore_patterns("__pycache__")))


def test_after_a_reload_of_all_modules_the_cell_replaces_the_lab_and_forks_stop_nobody(tmp_path: Path) -> None:
    code = """
import importlib
earlier = TrainingLab(name="lab", **SMALL)
earlier.session.start()
wait_until(lambda: earlier.session.steps_made > 5)
for name in [name for name in sys.modules if name.split(".")[0] == "rnnlib"]:
    importlib.reload(sys.modules[name])
from rnnlib.live import recordings
from rnnlib.widgets import TrainingLab
lab = TrainingLab(name="lab", **SMALL)
assert not earlier.session.alive and not earlier.session.running
use(lab)
lab.session.start()
for _ in range(3):
    child = os.fork()
    if not child:
        os._exit(0)
    os.waitpid(child, 0)
reached = lab.session.steps_made
wait_until(lambda: lab.session.steps_made > reached + 5)
print("trains")
"""
    assert said_by(start(code, tmp_path)) == "trains"


def test_with_autoreload_a_lab_goes_on_or_says_why_not_and_its_cell_makes_another(tmp_path: Path) -> None:
    house = copy_of_the_house(tmp_path)
    code = """
from IPython.core.interactiveshell import InteractiveShell
import rnnlib
shell = InteractiveShell.instance()
shell.user_ns.update(globals())
def run(cell):
    shell.run_cell(cell).raise_error()
run("%load_ext autoreload\\n%autoreload 2")
names = ["models", "training", *(f"live/{name}" for name in ["settings", "experiments", "sessions", "worker"]),
         "widgets/lab_chart", "widgets/training_lab"]
for number, name in enumerate(names):
    run("lab = TrainingLab(name='lab', **SMALL); lab.session.start(); wait_until(lambda: lab.session.steps_made > 5)")
    path = os.path.join(os.path.dirname(rnnlib.__file__), name + ".py")
    with open(path, "a") as file:
        file.write(f"\\nREAD_AGAIN = {number}\\n")
    later = time.time() + 100 * (number + 1)
    os.utime(path, (later, later))
    run("earlier, reached = lab, lab.session.steps_made")
    session = shell.user_ns["earlier"].session
    wait_until(lambda: session.steps_made > shell.user_ns["reached"] + 5 or session.error is not None)
    run("lab = TrainingLab(name='lab', **SMALL)")
    assert sys.modules["rnnlib." + name.replace("/", ".")].READ_AGAIN == number
    assert not session.alive and not session.running, name
    run("use(lab)")
    print(name)
"""
    said = said_by(start(code, tmp_path, house))
    assert said.split()[-1] == "widgets/training_lab", said


def test_sessions_in_four_threads_at_once_have_the_numbers_that_each_has_alone(tmp_path: Path) -> None:
    code = """
from concurrent.futures import ThreadPoolExecutor
from rnnlib.live.sessions import Session
from rnnlib.live.settings import Settings

def job(seed):
    session = Session(Settings(**{**SMALL, "cell": ["rnn", "gru", "lstm"][seed % 3]}, seed=seed), name=f"job {seed}")
    session.run(20)
    session.stop()
    return session.model.vector.detach().double().sum().item()

alone = [job(seed) for seed in range(8)]
with ThreadPoolExecutor(4) as threads:
    assert list(threads.map(job, range(8))) == alone
print("same")
"""
    assert said_by(start(code, tmp_path)) == "same"


def test_two_notebooks_share_a_folder_of_saved_files_and_a_cache_that_both_fill_at_once(tmp_path: Path) -> None:
    code = """
lab = TrainingLab(name="lab", **SMALL)
for _ in range(4):
    lab.session.run(2)
    lab.buttons["Save"].click()
    assert lab.message.startswith("Saved to"), lab.message
lab.saved.options = sorted(path.name for path in __import__("pathlib").Path("saved").glob("*.session"))
lab.saved.value = lab.saved.options[-1]
lab.buttons["Open"].click()
assert lab.message.startswith("Opened"), lab.message
lab.session.run(1)
from rnnlib.engine.loops import rnn_forward
print(sum(rnn_forward.stats.cache_hits.values()))
"""
    cache = {"NUMBA_CACHE_DIR": str(tmp_path / "cache")}
    both = [start(code, tmp_path, **cache) for _ in range(2)]
    for one in both:
        said_by(one)
    assert len(list((tmp_path / "saved").glob("*.session"))) == 8
    assert said_by(start(code, tmp_path, **cache)) == "1"


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has other places")
def test_where_nothing_can_be_kept_a_lab_trains_and_says_what_it_could_not_save(tmp_path: Path) -> None:
    house = copy_of_the_house(tmp_path / "course")
    for folder in (house, *(path for path in house.rglob("*") if path.is_dir())):
        (folder / "__pycache__").write_text("in the way, of root too")
    (tmp_path / "saved").write_text("in the way")
    code = """
lab = TrainingLab(name="lab", **SMALL)
lab.session.run(3)
lab.buttons["Save"].click()
assert "could not be written (" in lab.news and lab.news.endswith("it is left as it was."), lab.news
lab.session.run(3)
assert lab.session.error is None and lab._repr_mimebundle_()["image/png"]
print(lab.session.steps_made)
"""
    nowhere = dict.fromkeys(["HOME", "XDG_CACHE_HOME", "NUMBA_CACHE_DIR"], "/proc/nowhere")
    assert said_by(start(code, tmp_path, house, **nowhere)) == "6"
