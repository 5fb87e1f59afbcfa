"""A notebook as slides in JupyterLab, with everything on them run before the first is seen.

python -m tools.present 02    run notebook 02 (its progress is shown), then open its slides in the browser

JupyterLab runs in a temporary folder with settings of its own: what is typed or saved on stage changes nothing in the
course and nothing in the reader's Jupyter.  It ends with Ctrl+C.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
import webbrowser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.blocking.client import BlockingKernelClient
from nbformat import NotebookNode
from nbformat.sign import NotebookNotary

from tools.slides import deck, notes_page, path_of, slides

STYLE = Path(__file__).with_name("slides.css")
SETTINGS = {
    "jupyterlab-slideshow/plugin": {"active": True},
    "@jupyterlab/notebook-extension/tracker": {"codeCellConfig": {"lineWrap": True}},
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False},
}
SERVER_SECONDS, KERNEL_SECONDS = 120, 120


@contextmanager
def presentation(name: str, tell: Callable[[int, int], None]) -> Iterator[tuple[str, str]]:
    """The addresses of a notebook's slides, all of them run, and of the speaker's notes.  tell(done, of): cells run.

    Raises ValueError if `name` names no notebook, RuntimeError if JupyterLab does not start or a cell fails.
    """
    path = path_of(name)
    made = slides(nbformat.read(path, as_version=4), path.stem)
    notebook = deck(made)
    with tempfile.TemporaryDirectory(prefix="slides-", ignore_cleanup_errors=True) as folder:
        home, file = Path(folder), Path(folder) / "notebooks" / path.name
        set_up(home)
        nbformat.write(notebook, file)
        file.with_suffix(".html").write_text(notes_page(made), encoding="utf-8")
        with server(home) as (url, token):
            question = {"path": path.name, "name": path.name, "type": "notebook"}
            kernel = ask(f"{url}api/sessions", token, question)["kernel"]
            run(notebook, home / "runtime" / f"kernel-{kernel['id']}.json", tell)
            nbformat.write(notebook, file)
            NotebookNotary(data_dir=str(home / "data")).sign(notebook)  # no widget is shown that is not trusted
            yield f"{url}lab/tree/{path.name}?token={token}", f"{url}files/{path.stem}.html?token={token}"


def set_up(home: Path) -> None:
    """The settings and the style, where JupyterLab looks for them."""
    (home / "notebooks").mkdir()
    for plugin, settings in SETTINGS.items():
        path = home / "settings" / f"{plugin}.jupyterlab-settings"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(settings))
    (home / "config/custom").mkdir(parents=True)
    shutil.copy(STYLE, home / "config/custom/custom.css")


@contextmanager
def server(home: Path) -> Iterator[tuple[str, str]]:
    """JupyterLab over home/notebooks: its address, which ends with a slash, and its token."""
    folders = {f"JUPYTER_{each}_DIR": str(home / each.lower()) for each in ("CONFIG", "DATA", "RUNTIME")}
    folders |= {f"JUPYTERLAB_{each}_DIR": str(home / each.lower()) for each in ("SETTINGS", "WORKSPACES")}
    command = [sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", "--LabApp.custom_css=True"]
    command += ["--expose-app-in-browser", "--ServerApp.port=0", f"--ServerApp.root_dir={home / 'notebooks'}"]
    with open(home / "server.log", "w") as log:
        process = subprocess.Popen(command, env=os.environ | folders, stdout=log, stderr=log)
        try:
            said = home / f"runtime/jpserver-{process.pid}.json"
            ends = time.monotonic() + SERVER_SECONDS
            while not (said.exists() and said.read_text().endswith("}")):
                if process.poll() is not None or time.monotonic() > ends:
                    raise RuntimeError(f"JupyterLab did not start. It said:\n{(home / 'server.log').read_text()}")
                time.sleep(0.1)
            address = json.loads(said.read_text())
            yield address["url"], address["token"]
        finally:
            process.terminate()
            process.wait()


def ask(url: str, token: str, question: dict[str, Any]) -> dict[str, Any]:
    """What the server answers to a POST; it may not listen yet."""
    request = urllib.request.Request(
        url, json.dumps(question).encode(), {"Authorization": f"token {token}", "Content-Type": "application/json"}
    )
    for attempt in range(50):
        try:
            with urllib.request.urlopen(request) as answer:
                return dict(json.load(answer))
        except ConnectionRefusedError:
            pass
        except urllib.error.URLError as error:
            if not isinstance(error.reason, ConnectionRefusedError) or attempt == 49:
                raise
        time.sleep(0.1)
    raise RuntimeError(f"{url} does not answer.")


def run(notebook: NotebookNode, connection: Path, tell: Callable[[int, int], None]) -> None:
    """Run all code in the kernel that the browser will use; the outputs, with live widgets, come into the notebook."""
    client = BlockingKernelClient(connection_file=str(connection))
    client.load_connection_file()
    client.start_channels()
    wait_for(client)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    for number, cell in enumerate(cells, start=1):
        cell.outputs, cell.execution_count = [], number
        answer = client.execute_interactive(cell.source, output_hook=lambda message, cell=cell: take(message, cell))
        if answer["content"]["status"] != "ok":
            content = answer["content"]
            raise RuntimeError(f"code cell {number} raised {content.get('ename')}: {content.get('evalue')}")
        tell(number, len(cells))
    client.stop_channels()


def wait_for(client: BlockingKernelClient) -> None:
    """Wait until the kernel answers.  A client that did not start it takes a slow start for a death: it asks again."""
    ends = time.monotonic() + KERNEL_SECONDS
    while True:
        try:
            return client.wait_for_ready(timeout=10)
        except RuntimeError:
            if time.monotonic() > ends:
                raise


def take(message: dict[str, Any], cell: NotebookNode) -> None:
    """Put one message of the kernel where the notebook keeps outputs."""
    if message["msg_type"] == "clear_output":
        cell.outputs = []
    elif message["msg_type"] in ("stream", "display_data", "execute_result"):
        output = nbformat.v4.output_from_msg(message)
        last = cell.outputs[-1] if cell.outputs else None
        if last is not None and output.output_type == "stream" and last.get("name") == output.name:
            last.text += output.text
        else:
            cell.outputs.append(output)


def show_progress(done: int, of: int) -> None:
    print(f"\r[{'#' * (30 * done // of):30}] {done} of {of} cells have run", end="", flush=True)


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("Name a notebook: make present NOTEBOOK=02, or python -m tools.present 02")
    try:
        with presentation(sys.argv[1], show_progress) as (address, notes):
            print(f"\nslides: {address}\nnotes, for a screen of your own: {notes}")
            print("Click on a title; then left and right arrow turn the slides. Ctrl+C ends.")
            webbrowser.open(address)
            while True:
                time.sleep(3600)
    except KeyboardInterrupt:
        print("\nended")
    except (ValueError, RuntimeError) as error:
        sys.exit(str(error))
