"""The harness itself, on a notebook of two cells: what the other browser tests rely on."""

import urllib.request
from pathlib import Path

import nbformat
import psutil
import pytest
from jupyter_page import LabPage, jupyterlab_server

SLIDER = """\
import ipywidgets as widgets

slider = widgets.FloatSlider(value=1.0, min=0.0, max=4.0, step=0.1, description="learning rate")
label = widgets.Label("not moved yet")
slider.observe(lambda change: setattr(label, "value", f"moved to {change.new:.1f}"), "value")
widgets.VBox([slider, label])
"""
BACKGROUND = """\
import threading, time

print("begins")
threading.Thread(target=time.sleep, args=(30,), daemon=True).start()
"""


def write_notebook(path: Path, *sources: str) -> str:
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    kernel = {"name": "python3", "display_name": "Python 3"}  # without one JupyterLab asks for it
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    return path.name


@pytest.fixture
def tiny_notebook(notebooks_folder: Path) -> str:
    return write_notebook(notebooks_folder / "tiny.ipynb", SLIDER, BACKGROUND)


def test_a_slider_moved_by_keyboard_reaches_kernel_and_page(lab_page: LabPage, tiny_notebook: str) -> None:
    lab_page.open_notebook(tiny_notebook)
    lab_page.run_all()
    lab_page.wait_until_all_ran(timeout=30)

    lab_page.focus_slider("learning rate")
    lab_page.press("ArrowRight", times=3)

    lab_page.notebook.get_by_text("moved to 1.3").wait_for(timeout=60_000)
    assert lab_page.widget_text(".widget-vbox > .widget-label") == "moved to 1.3"
    answer = lab_page.execute_in_new_cell("print(round(slider.value, 1))\nlabel.value")
    assert answer.output == "1.3\n'moved to 1.3'"
    assert answer.seconds > 0
    assert lab_page.screenshot("harness").stat().st_size > 10_000


def test_a_cell_can_be_run_again_by_its_text(lab_page: LabPage, tiny_notebook: str) -> None:
    lab_page.open_notebook(tiny_notebook)
    assert lab_page.run_cell_containing("threading").output == "begins\n"
    with pytest.raises(AssertionError, match="no code cell contains 'nowhere'"):
        lab_page.run_cell_containing("nowhere")


def test_a_cell_that_raises_is_told(lab_page: LabPage, notebooks_folder: Path) -> None:
    lab_page.open_notebook(write_notebook(notebooks_folder / "raises.ipynb", "1", "{}['lost']", "2"))
    lab_page.run_all()
    with pytest.raises(AssertionError, match="KeyError"):
        lab_page.wait_until_all_ran(timeout=30)


def test_a_server_that_ends_leaves_no_process(tmp_path: Path) -> None:
    (tmp_path / "notebooks").mkdir()
    before = set(psutil.Process().children(recursive=True))
    with jupyterlab_server(tmp_path / "notebooks", tmp_path / "home") as server:
        new_kernel = urllib.request.Request(f"{server.url}api/kernels?token={server.token}", method="POST")
        urllib.request.urlopen(new_kernel).close()
        started = set(psutil.Process().children(recursive=True)) - before
    assert len(started) >= 2, "the server and its kernel"
    assert not [process for process in started if process.is_running()]
