"""One JupyterLab and one Chromium for all browser tests; a page for each notebook."""

import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import pytest
from jupyter_page import LabPage, Server, jupyterlab_server

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
# Chromium's own errands on the network: a closed network refuses them many at a time.
FEWER_CONNECTIONS = ["--disable-quic", "--disable-sync", "--disable-background-networking"]


def missing(what: str) -> NoReturn:
    """Skip on a reader's machine; in CI, where nobody reads the skips, fail."""
    if os.environ.get("CI"):
        pytest.fail(what, pytrace=False)
    pytest.skip(what)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say once, not once per test, why they were skipped."""
    for reason in {report.longrepr[2] for report in terminalreporter.getreports("skipped")}:
        terminalreporter.write_line(reason)


@pytest.fixture(scope="session")
def notebooks_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of notebooks/: what a test runs or saves changes nothing in the project."""
    folder = tmp_path_factory.mktemp("course") / "notebooks"
    shutil.copytree(NOTEBOOKS, folder, ignore=shutil.ignore_patterns("src", "saved", ".ipynb_checkpoints"))
    return folder


@pytest.fixture(scope="session")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator["BrowserContext"]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        missing("browser tests need Playwright: pip install playwright")
    with sync_playwright() as playwright:
        chromium = shutil.which("chromium") or playwright.chromium.executable_path
        if not Path(chromium).exists():
            missing("browser tests need Chromium: apt-get install chromium, or .venv/bin/playwright install chromium")
        context = playwright.chromium.launch_persistent_context(
            tmp_path_factory.mktemp("chromium"),
            executable_path=chromium,
            args=["--disable-gpu", *FEWER_CONNECTIONS],
            viewport={"width": 1400, "height": 1000},
        )
        yield context
        context.close()


@pytest.fixture(scope="session")
def server(
    browser: "BrowserContext", notebooks_folder: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """JupyterLab.  It asks for the browser first: without one there is no need to start it."""
    with jupyterlab_server(notebooks_folder, tmp_path_factory.mktemp("jupyter")) as server:
        yield server


@pytest.fixture
def lab_page(browser: "BrowserContext", server: Server) -> Iterator[LabPage]:
    """A fresh JupyterLab page; its kernels end with the test."""
    lab_page = LabPage(browser.new_page(), server)
    yield lab_page
    lab_page.end_kernels()
    lab_page.page.close()


@pytest.fixture(scope="module")
def opened(browser: "BrowserContext", server: Server) -> Iterator[Callable[[str], LabPage]]:
    """Opens a notebook and runs it from the top, once for a file of tests; the one before it is closed."""
    pages: dict[str, LabPage] = {}

    def close_all() -> None:
        for page in pages.values():
            page.end_kernels()
            page.page.close()
        pages.clear()

    def open_and_run(notebook: str) -> LabPage:
        if notebook not in pages:
            close_all()
            pages[notebook] = page = LabPage(browser.new_page(), server)
            page.open_notebook(notebook)
            started = time.monotonic()
            page.run_all()
            page.wait_until_all_ran(timeout=600)
            print(f"\nRun All of {notebook}: {time.monotonic() - started:.0f} s")
        return pages[notebook]

    yield open_and_run
    close_all()
