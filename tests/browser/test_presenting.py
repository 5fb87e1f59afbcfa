"""The lab in front of people: on a slide, in dark and light, in large type, for a screen reader; also in Notebook 7."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from accessible import serious_faults
from jupyter_page import SCREENSHOTS, LabPage, Server
from lab_in_page import LabInPage
from test_harness import write_notebook

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext

LAB = """\
from rnnlib.widgets import TrainingLab
lab = TrainingLab(name="presented", hidden_size=32)
lab.session.fork("a first network")
lab.session.fork("another network")
lab.session.run(60)
lab"""
SIZES = [(1280, 720), (1920, 1080)]
# Names that have no room, and names of curves and titles of panels in letters of another size than the first title.
CUT_OR_UNEVEN = """lab => {
    const size = (each) => getComputedStyle(each).fontSize, wide = (each) => each.scrollWidth > each.clientWidth + 1;
    const cut = [...lab.querySelectorAll('.lab-knobs .widget-label')].filter(name => name.offsetParent && wide(name));
    const titles = [...lab.querySelectorAll('.live-plot-title')], heads = [...lab.querySelectorAll('.live-plot-head')];
    const uneven = heads.filter(head => wide(head) || [...head.children].some(name => size(name) !== size(titles[0])));
    return [...cut, ...uneven].map(element => element.textContent);
}"""


@pytest.fixture(scope="module")
def lab(browser: "BrowserContext", server: Server, notebooks_folder: Path) -> Iterator[LabInPage]:
    """A lab with a short past, the only cell of its notebook."""
    page = LabPage(browser.new_page(), server)
    page.open_notebook(write_notebook(notebooks_folder / "presented.ipynb", LAB))
    page.run_all()
    page.wait_until_all_ran(timeout=120)
    lab = LabInPage(page)
    lab.wait_for_picture(lambda now: now["last_step"] == 60)
    yield lab
    page.end_kernels()
    page.page.close()


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("mode", ["normal", "compact", "lecture"])
def test_knobs_picture_and_text_fit_a_slide_together(lab: LabInPage, size: tuple[int, int], mode: str) -> None:
    page = lab.page.page
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.evaluate("() => { jupyterapp.shell.collapseLeft(); }")
    lab.root.locator("select").nth(1).select_option(mode)
    lab.page.wait_until(lambda: mode == "normal" or lab.root.evaluate(f"lab => lab.matches('.training-lab-{mode}')"))
    lab.show()
    lab.page.screenshot(f"lab_{size[0]}_{mode}")
    height = lab.root.bounding_box()["height"]
    head = page.locator(".jp-NotebookPanel-toolbar").bounding_box()
    assert height <= size[1] - head["height"] - 90  # JupyterLab's own bars, which a slide does not have
    for panel in lab.picture()["panels"]:
        assert mode == "compact" or panel["bottom"] - panel["top"] > 70
    assert lab.root.evaluate(CUT_OR_UNEVEN) == []
    lab.root.locator("select").nth(1).select_option("normal")


def test_in_the_dark_the_picture_is_light(lab: LabInPage) -> None:
    page = lab.page.page
    page.set_viewport_size({"width": 1400, "height": 1000})
    ink = "root => getComputedStyle(root).color"
    light = lab.plot.first.evaluate(ink)
    page.evaluate("() => { jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Dark'}); }")
    lab.page.wait_until(lambda: lab.plot.first.evaluate(ink) != light)
    blue = "root => root.plot.panels[0].names.find(({line}) => line.series === 'training').button.dataset.color"
    lab.page.wait_until(lambda: lab.plot.first.evaluate(blue) == "#56B4E9")
    lab.show()
    lab.page.screenshot("lab_dark")
    page.evaluate("() => { jupyterapp.commands.execute('apputils:change-theme', {theme: 'JupyterLab Light'}); }")
    lab.page.wait_until(lambda: lab.plot.first.evaluate(blue) == "#0072B2")


def test_who_wants_less_motion_sees_axes_jump(lab: LabInPage) -> None:
    page = lab.page.page
    page.emulate_media(reduced_motion="reduce")
    lab.plot.first.get_by_role("group", name="perplexity").focus()
    lab.page.press("+")
    zoomed = lab.wait_for_picture(lambda now: now["zoom"])
    lab.wait_for_picture(lambda now: now["panels"][0]["limits"]["x"] == now["zoom"])
    before = lab.picture()["pictures"]
    assert lab.picture()["pictures"] == before and zoomed["zoom"]  # nothing moves on
    lab.page.press("0")
    page.emulate_media(reduced_motion="no-preference")


def test_names_of_curves_keep_their_colours_where_a_reader_has_colours_of_his_own(lab: LabInPage) -> None:
    page = lab.page.page
    page.emulate_media(forced_colors="active")
    lab.wait_for_picture(lambda now: now["pictures"])
    name = lab.plot.first.get_by_role("button", name="training")
    lab.page.wait_until(lambda: name.evaluate("name => matchMedia('(forced-colors: active)').matches"))
    colors = name.evaluate("name => [getComputedStyle(name).color, name.style.color]")
    assert colors[0] == colors[1] == "rgb(0, 114, 178)"
    lab.page.screenshot("lab_forced_colors")
    page.emulate_media(forced_colors="none")


@pytest.mark.parametrize(("scheme", "paper"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(0, 0, 0)")])
def test_controls_are_seen_where_a_reader_has_colours_of_his_own(lab: LabInPage, scheme: str, paper: str) -> None:
    page = lab.page.page
    page.emulate_media(forced_colors="active", color_scheme=scheme)
    lab.page.wait_until(lambda: page.evaluate("() => getComputedStyle(document.body).backgroundColor") == paper)
    track = "lab => getComputedStyle(lab.querySelector('.noUi-target')).backgroundColor"
    border = "lab => getComputedStyle(lab.querySelector('.jupyter-button')).borderTopWidth"
    seen = lab.root.evaluate(track), lab.root.evaluate(border)
    lab.page.screenshot(f"lab_forced_colors_{scheme}")
    page.emulate_media(forced_colors="none", color_scheme="light")
    assert seen[0] != paper and seen[1] == "1px"


def test_axe_finds_nothing_serious(lab: LabInPage) -> None:
    assert not serious_faults(lab.page, ".training-lab")


def test_every_control_is_reached_by_the_tab_key_and_has_a_name(lab: LabInPage) -> None:
    names = lab.root.evaluate("""lab => [...lab.querySelectorAll('button, select, input, [tabindex="0"]')]
        .filter(each => each.offsetParent && each.tabIndex >= 0)
        .map(each => each.textContent.trim() || each.getAttribute('aria-label') || each.title || each.placeholder
            || each.closest('.widget-inline-hbox')?.querySelector('.widget-label')?.textContent || '')""")
    assert len(names) > 25 and all(names), names


def test_the_lab_works_in_notebook_7(browser: "BrowserContext", server: Server, notebooks_folder: Path) -> None:
    name = write_notebook(notebooks_folder / "seven.ipynb", LAB.replace("presented", "seven"))
    page = browser.new_page()
    page.goto(f"{server.url}notebooks/{name}?token={server.token}")
    page.locator(".jp-Notebook-ExecutionIndicator[data-status=idle]").wait_for(timeout=60_000)
    page.locator(".jp-KernelName").get_by_text("Python 3").wait_for(timeout=60_000)
    page.get_by_role("menuitem", name="Run").first.click()
    page.locator(".lm-Menu").get_by_text("Run All Cells", exact=True).click()
    plot = page.locator(".training-lab .live-plot")
    plot.wait_for(timeout=120_000)
    page.wait_for_function("() => document.querySelector('.live-plot').plot.lastStep === 60")
    page.get_by_role("button", name="Start", exact=True).click()
    page.wait_for_function("() => document.querySelector('.live-plot').plot.lastStep > 200")
    plot.get_by_role("slider", name="Clipping threshold").focus()
    page.keyboard.press("ArrowDown")
    page.wait_for_function("() => document.querySelector('.live-plot').plot.store.lists.marks.length === 3")
    page.screenshot(path=SCREENSHOTS / "lab_in_notebook_7.png")
    page.close()
