"""A recorded run of every view that trains on a slide, so that nothing on stage depends on luck.

python -m tools.films        record all of them anew, into docs/teaching/recorded
python -m tools.films 04     those of notebook 04

A view is made by the lines of its notebook that make it, and a script below does what the lesson plan does with it.
tools/slides.py puts each recorded run below the slide of its view.  Before: rnnlib/widgets/recorded_run.py.
"""

import ast
import itertools
import math
import re
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from rnnlib import widgets
from rnnlib.live import films
from rnnlib.widgets.live_view import LiveView
from rnnlib.widgets.recorded_run import moment_of
from rnnlib.widgets.session_view import SessionView
from tools.notebooks import NOTEBOOKS, code_cells, read_source
from tools.slides import NOT_PRESENTED, RECORDED

TRAINS = {"run", "start", "wait"}  # methods of views and sessions
LIVE_VIEWS = {
    name
    for name in widgets.__all__
    if issubclass(view := getattr(widgets, name), LiveView) and view is not widgets.RecordedRun
}


class Demonstration(NamedTuple):
    """A view that trains.  name: of its film, its notebook's number and its variable; code: what makes it."""

    name: str
    section: str
    code: str

    @property
    def path(self) -> Path:
        """Where its film is."""
        return RECORDED / f"{self.name}.film"

    def make(self) -> Any:
        """The view, fresh."""
        names: dict[str, Any] = {}
        exec(self.code, names)
        return names[self.name.partition("_")[2]]


# -------------------------------------------------------------------------- what a notebook demonstrates


def demonstrations(source: Path) -> list[Demonstration]:
    """The views that train in the sections of a notebook that are presented, in their order."""
    notebook, found, section = read_source(source), list[Demonstration](), ""
    cells = [cell.source for cell in code_cells(notebook)]
    before = 0  # code cells
    for cell in notebook.cells:
        if cell.cell_type != "code":
            headings = re.findall(r"^##? (.+)$", cell.source, re.M)
            section = headings[-1] if headings else section
            continue
        before += 1
        for place, statement in enumerate(ast.parse(cell.source).body):
            if (made := view_made_by(statement)) and not NOT_PRESENTED.match(section):
                code = lines_that_make(cells[:before], place)
                found.append(Demonstration(f"{source.stem[:2]}_{made}", section, code))
    return found


def view_made_by(statement: ast.stmt) -> str | None:
    """The variable to which a statement gives a view that trains."""
    match statement:
        case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id=kind))) if kind in LIVE_VIEWS:
            return name
    return None


def lines_that_make(cells: list[str], place: int) -> str:
    """The last cell from its statement `place` on until something trains, and what that needs of all before."""
    earlier = [statement for cell in cells[:-1] for statement in ast.parse(cell).body]
    last = ast.parse(cells[-1]).body
    kept = list(itertools.takewhile(lambda statement: not trains(statement), last[place:]))
    needed = set[str]().union(*map(names_read, kept))
    for statement in reversed(earlier + last[:place]):
        if (bound := names_bound(statement)) & needed or sets_the_process(statement):
            kept.insert(0, statement)
            needed = needed - bound | names_read(statement)
    return "\n".join(map(ast.unparse, kept))


def trains(statement: ast.stmt) -> bool:
    return any(isinstance(node, ast.Attribute) and node.attr in TRAINS for node in ast.walk(statement))


def sets_the_process(statement: ast.stmt) -> bool:
    """torch.manual_seed(0), say."""
    return ast.unparse(statement).startswith("torch.manual_seed(")


def names_read(statement: ast.stmt) -> set[str]:
    names = (node for node in ast.walk(statement) if isinstance(node, ast.Name))
    return {node.id for node in names if isinstance(node.ctx, ast.Load)}


def names_bound(statement: ast.stmt) -> set[str]:
    match statement:
        case ast.Import(names=imported) | ast.ImportFrom(names=imported):
            return {alias.asname or alias.name for alias in imported}
        case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
            return {name}
    names = (node for node in ast.walk(statement) if isinstance(node, ast.Name))
    return {node.id for node in names if isinstance(node.ctx, ast.Store)}


# --------------------------------------------------------------------------------------------- scripts


def train(view: SessionView, steps: Iterable[int]) -> Iterator[None]:
    """Train to each of these steps, and let the network be evaluated there."""
    session = view.session
    for step in steps:
        if step > session.steps_made:
            session.run(step - session.steps_made)
        session.evaluate_now()
        session.wait()
        yield


def slowly_at_first(steps: int, moments: int = 60) -> list[int]:
    """From 0, more and more steps apart."""
    return sorted({0, *np.geomspace(1, steps, moments).round().astype(int).tolist()})


def first_lab(lab: Any) -> Iterator[None]:
    yield from train(lab, slowly_at_first(1500, 80))


def gradient_map(view: Any) -> Iterator[None]:
    yield from train(view, slowly_at_first(600))
    for every in (12, 6, 3):
        view.cut_every.value = every
        yield


def arriving(view: Any) -> Iterator[None]:
    yield
    for _ in range(60):
        view.run(10)
        yield


def printed_settings(lab: Any) -> Iterator[None]:
    yield from train(lab, range(0, 301, 6))
    lab.session.set(clip_threshold=math.inf)
    history, blind_guess = lab.session.trainers["main"].history, math.log(len(lab.session.corpus.vocab))
    while lab.session.steps_made < 3000 and history.columns(lab.session.steps_made - 1)["loss"][-1] < blind_guess:
        yield from train(lab, [lab.session.steps_made + 40])
    yield from train(lab, range(lab.session.steps_made + 20, lab.session.steps_made + 101, 20))


def race(view: Any) -> Iterator[None]:
    view.start()
    view.wait()
    curves, longest = view.curves, max(map(len, view.curves.values()))
    for tests in sorted({*range(min(30, longest)), *range(30, longest, 5), longest}):
        view.curves = {kind: curve[:tests] for kind, curve in curves.items()}
        yield


def turned_knobs(lab: Any) -> Iterator[None]:
    yield from train(lab, slowly_at_first(200, 30))
    step = 200
    for knob, value, steps in (
        ("learning_rate", 0.1, 150), ("learning_rate", 1.0, 100), ("hidden_size", 256, 150), ("hidden_size", 128, 100),
    ):  # fmt: skip
        lab.session.set(**{knob: value})
        yield from train(lab, range(step + 10, step + steps + 1, 10))
        step += steps


def epochs(view: Any) -> Iterator[None]:
    yield
    for _ in range(100):
        view.start(view.epochs // 100)
        view.wait()
        yield


def after_a_fork(lab: Any, begin: int, learning_rate: float) -> Iterator[None]:
    yield from train(lab, slowly_at_first(begin, 20))
    lab.session.fork()
    lab.session.set(learning_rate=learning_rate)
    yield from train(lab, range(begin + 2, begin + 21, 2))
    yield from train(lab, range(begin + 30, begin + 501, 10))


def learning_map(view: Any) -> Iterator[None]:
    view.start()
    view.wait()
    runs, view.runs = view.runs, {}
    yield
    for pair, found in runs.items():
        view.runs = {**view.runs, pair: found}
        view.learning_rate.value, view.clip_threshold.value = pair
        yield


SCRIPTS: dict[str, Callable[[Any], Iterator[None]]] = {
    "01_lab": first_lab,
    "03_gradient_map": gradient_map,
    "04_arriving": arriving,
    "04_decided": printed_settings,
    "04_race": race,
    "05_lab": turned_knobs,
    "05_long_run": epochs,
    "05_full_lab": lambda lab: after_a_fork(lab, 100, 5.0),
    "06_lab": lambda lab: after_a_fork(lab, 150, 0.2),
    "06_learning_map": learning_map,
}


def record(demonstration: Demonstration) -> Iterator[films.Moment]:
    """The moments of a demonstration, one after another while it runs."""
    view = demonstration.make()
    view.plot.watched = False  # who looks decides when a session is evaluated
    if isinstance(view, SessionView):
        view.session.keep_evaluating(0.0)
    for _ in SCRIPTS[demonstration.name](view):
        view.worker.running = True  # so that its words say so: it rests while it is filmed
        yield moment_of(view)
        view.worker.running = False
    yield moment_of(view)
    view.stop()


if __name__ == "__main__":
    wanted = tuple(sys.argv[1:] or [""])
    sources = [path for path in sorted((NOTEBOOKS / "src").glob("*.py")) if path.stem.startswith(wanted)]
    for demonstration in itertools.chain.from_iterable(map(demonstrations, sources)):
        started = time.perf_counter()
        films.save(record(demonstration), demonstration.path)
        print(
            f"{demonstration.path.name}: {demonstration.section}, {demonstration.path.stat().st_size / 1e3:.0f} kB, "
            f"recorded in {time.perf_counter() - started:.0f} s"
        )
