"""A real JupyterLab and what a reader does in it: the server, and the page as a test moves about in it."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import psutil

if TYPE_CHECKING:  # conftest.py skips these tests where Playwright is missing
    from playwright.sync_api import Locator, Page

SCREENSHOTS = Path(__file__).parent / "screenshots"
NO_NEWS = {"fetchNews": "false", "checkForUpdates": False}
SERVER_START_SECONDS = 60


class Server(NamedTuple):
    url: str  # ends with a slash
    token: str


@contextmanager
def jupyterlab_server(notebooks: Path, home: Path) -> Iterator[Server]:
    """JupyterLab over the folder `notebooks`, with every setting and file of its own in `home`.

    Nothing of the person who runs the tests is read or written, and no process is left behind.
    """
    folders = {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in ["CONFIG", "DATA", "RUNTIME"]}
    folders |= {f"JUPYTERLAB_{name}_DIR": str(home / name.lower()) for name in ["SETTINGS", "WORKSPACES"]}
    folders["IPYTHONDIR"] = str(home / "ipython")
    news = home / "settings/@jupyterlab/apputils-extension/notification.jupyterlab-settings"
    news.parent.mkdir(parents=True)
    news.write_text(json.dumps(NO_NEWS))

    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--expose-app-in-browser"]
    command += ["--ServerApp.port=0", f"--ServerApp.root_dir={notebooks}"]
    with open(home / "server.log", "w") as log:
        process = subprocess.Popen(command, env=os.environ | folders, stdout=log, stderr=log)
        try:
            yield _wait_for_server(process, home)
        finally:
            _end_with_children(process)


def _wait_for_server(process: subprocess.Popen, home: Path) -> Server:
    """The server writes its address into its runtime folder, and listens soon after."""
    address = home / f"runtime/jpserver-{process.pid}.json"
    for _ in range(SERVER_START_SECONDS * 10):
        if address.exists() and (text := address.read_text()):
            said = json.loads(text)
            with socket.socket() as attempt:
                if attempt.connect_ex(("localhost", said["port"])) == 0:
                    return Server(said["url"], said["token"])
        if process.poll() is not None:
            break
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start. It said:\n{(home / 'server.log').read_text()}")


def _end_with_children(process: subprocess.Popen) -> None:
    """Ask the server to stop, which stops its kernels, and kill what is still there after ten seconds."""
    family = psutil.Process(process.pid).children(recursive=True) if process.poll() is None else []
    process.terminate()
    try:
        process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    for survivor in psutil.wait_procs(family, timeout=2)[1]:
        survivor.kill()


class Answer(NamedTuple):
    output: str
    seconds: float


# Run the active cell as Ctrl+Enter does; resolves when the kernel has answered.
RUN_ACTIVE_CELL = """
async () => {
    const cell = jupyterapp.shell.currentWidget.content.activeCell;
    const start = performance.now();
    await jupyterapp.commands.execute('notebook:run-cell');
    const seconds = (performance.now() - start) / 1000;
    const lines = text => Array.isArray(text) ? text.join('') : text ?? '';
    const output = cell.model.outputs.toJSON().map(output =>
        output.output_type == 'error' ? `${output.ename}: ${output.evalue}`
        : lines(output.text ?? output.data['text/plain']));
    return {output: output.join(''), seconds};
}"""
ACTIVATE_CELL_CONTAINING = """
async text => {
    const notebook = jupyterapp.shell.currentWidget.content;
    const index = notebook.widgets.findIndex(
        cell => cell.model.type == 'code' && cell.model.sharedModel.source.includes(text));
    if (index < 0) return false;
    notebook.activeCellIndex = index;
    await notebook.scrollToCell(notebook.widgets[index]);  // far from what is seen, JupyterLab hides outputs
    return true;
}"""
INSERT_CELL = """
async code => {
    await jupyterapp.commands.execute('notebook:insert-cell-below');
    jupyterapp.shell.currentWidget.content.activeCell.model.sharedModel.source = code;
}"""
DELETE_ACTIVE_CELL = """
async () => {
    const notebook = jupyterapp.shell.currentWidget.content;
    const before = notebook.activeCellIndex - 1;
    await jupyterapp.commands.execute('notebook:delete-cell');
    notebook.activeCellIndex = before;
}"""
TWO_FRAMES = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
CLEAR_ALL_OUTPUTS = "async () => { await jupyterapp.commands.execute('notebook:clear-all-cell-outputs'); }"
ERRORS = """
() => jupyterapp.shell.currentWidget.content.widgets
    .flatMap(cell => cell.model.outputs?.toJSON() ?? [])
    .filter(output => output.output_type == 'error')
    .map(error => `${error.ename}: ${error.evalue}`)"""
NOTHING_RUNS = """
() => {
    const prompts = [...document.querySelectorAll('.jp-NotebookPanel:not(.lm-mod-hidden) .jp-InputArea-prompt')]
        .map(prompt => prompt.textContent);
    return !prompts.includes('[*]:') && prompts.some(prompt => /[0-9]/.test(prompt));
}"""


class LabPage:
    """JupyterLab in a browser.  `page` is Playwright's, for what is not here."""

    def __init__(self, page: "Page", server: Server):
        self.page = page
        self._server = server

    @property
    def notebook(self) -> "Locator":
        """The notebook in front."""
        return self.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden)")

    def open_notebook(self, name: str) -> None:
        """Open `name` ("05_concise_implementation.ipynb") and wait until its kernel is ready."""
        workspace = f"lab/workspaces/{time.time_ns()}"  # a new one, or the last test's notebooks come back
        self.page.goto(f"{self._server.url}{workspace}/tree/{name}?token={self._server.token}")
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until the kernel of the notebook in front is ready."""
        # The kernel's own indicator says idle before there is a kernel; the status bar does not.
        self.page.locator("#jp-main-statusbar").get_by_text("| Idle").wait_for(timeout=60_000)

    def save_notebook(self) -> None:
        """Save the notebook in front; JupyterLab may ask whether to write over a file that is newer than it knows."""
        self.page.evaluate("() => { jupyterapp.shell.currentWidget.context.save(); }")
        overwrite = self.page.locator(".jp-Dialog").get_by_role("button", name="Overwrite")

        def saved() -> bool:
            if overwrite.is_visible():
                overwrite.click()
            return not self.page.evaluate("() => jupyterapp.shell.currentWidget.context.model.dirty")

        self.wait_until(saved)

    def run_all(self) -> None:
        """Run > Run All Cells.  Outputs are cleared first, so that no stored number passes for a new one."""
        self.page.evaluate(CLEAR_ALL_OUTPUTS)
        self.page.locator("#jp-MainMenu").get_by_text("Run", exact=True).click()
        self.page.locator(".lm-Menu").get_by_text("Run All Cells", exact=True).click()

    def wait_until_all_ran(self, timeout: float = 120) -> None:
        """Wait (at most `timeout` seconds) until every code cell has a number; fail if one raised an exception."""
        deadline = time.monotonic() + timeout
        while not self.page.evaluate(NOTHING_RUNS):
            if time.monotonic() > deadline:
                raise TimeoutError(f"after {timeout} s: {self._prompts()}; see {self.screenshot('timeout')}")
            self.page.wait_for_timeout(100)  # milliseconds: asking at every frame would take time from what runs
        prompts = self._prompts()
        errors = self.page.evaluate(ERRORS)
        assert not errors, f"a cell raised an exception: {errors}"
        assert "[ ]:" not in prompts, f"a cell did not run: {prompts}"

    def _prompts(self) -> list[str]:
        return self.notebook.locator(".jp-InputArea-prompt").all_text_contents()

    def go_to_cell_containing(self, text: str) -> None:
        """Make the first code cell whose source contains `text` the active one, and scroll to it."""
        assert self.page.evaluate(ACTIVATE_CELL_CONTAINING, text), f"no code cell contains {text!r}"

    def run_cell_containing(self, text: str) -> Answer:
        """Run the first code cell whose source contains `text`, and wait for it."""
        self.go_to_cell_containing(text)
        return Answer(**self.page.evaluate(RUN_ACTIVE_CELL))

    def execute_in_new_cell(self, code: str) -> Answer:
        """Run `code` in a new cell below the active one: what it printed or showed, and how long that took.

        The cell is deleted again.
        """
        self.page.evaluate(INSERT_CELL, code)
        answer = Answer(**self.page.evaluate(RUN_ACTIVE_CELL))
        self.page.evaluate(DELETE_ACTIVE_CELL)
        return answer

    def focus_slider(self, label: str) -> None:
        """Give the keyboard to the slider whose description is `label`."""
        description = self.page.get_by_text(label, exact=True)
        self.notebook.locator(".widget-slider", has=description).locator(".noUi-handle").focus()

    def press(self, key: str, times: int = 1) -> None:
        """Press a key, named as Playwright does: "ArrowRight", "Enter", "PageUp"."""
        for _ in range(times):
            self.page.keyboard.press(key)

    def widget_text(self, selector: str) -> str:
        """The text a reader sees in the first element of the notebook that matches the CSS selector."""
        return self.notebook.locator(selector).first.inner_text()

    def wait_until(self, condition: Callable[[], object], seconds: float = 60.0) -> None:
        """Wait for a state; fail after a time that is long even on a slow, loaded machine."""
        ends = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < ends, f"this did not happen in time; see {self.screenshot('timeout')}"
            self.page.wait_for_timeout(50)

    def wait_for_kernel(self, expression: str, output: str) -> None:
        """Wait until an expression, asked in a cell of its own, has this output."""
        self.wait_until(lambda: self.execute_in_new_cell(expression).output == output)

    def screenshot(self, name: str) -> Path:
        """Save what the page shows, once it has drawn it, into tests/browser/screenshots/`name`.png."""
        self.page.evaluate(TWO_FRAMES)
        path = SCREENSHOTS / f"{name}.png"
        self.page.screenshot(path=path)
        return path

    def end_kernels(self) -> None:
        """End every kernel, so that the next test has the machine for itself."""
        self.page.evaluate("async () => { await jupyterapp.serviceManager.sessions.shutdownAll(); }")
