"""Every slide of every notebook, and every recorded run below one, as `make present` shows them on two projectors."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from jupyter_page import SCREENSHOTS

from rnnlib.figures.style import DOTS_AN_INCH
from tools.present import presentation
from tools.slides import NOTEBOOKS

if TYPE_CHECKING:
    from playwright.sync_api import BrowserContext, Page

NAMES = [path.stem for path in sorted(NOTEBOOKS.glob("*.ipynb"))]
SIZES = [(1280, 720), (1920, 1080)]
LEAST_TYPE = 18  # pixels
LEAST_TYPE_IN_PICTURES = 0.0175  # of the screen's height: 12.6 pixels of 720, 18.9 of 1080
TYPE_IN_PICTURES = 12 / 72 * DOTS_AN_INCH  # pixels of the file: the smallest type that rnnlib/figures draws
FIRST_CELLS = """
() => jupyterapp.shell.currentWidget.content.widgets
    .map((cell, number) => [cell.model.getMetadata('slideshow')?.slide_type, number])
    .filter(([type, _]) => type === 'slide' || type === 'subslide').map(([_, number]) => number)"""
GO = "number => { jupyterapp.shell.currentWidget.content.activeCellIndex = number; }"
ON_SCREEN = ".jp-Deck .jp-Cell.jp-deck-mod-visible"
PICTURES_ARE_THERE = f"""
() => [...document.querySelectorAll('{ON_SCREEN} img')].every(image => image.complete && image.naturalWidth)
    && !document.querySelector('{ON_SCREEN} .jp-OutputArea-output:not(:has(*))')"""
BARS_ARE_GONE = f"() => document.querySelector('{ON_SCREEN} h2')?.getBoundingClientRect().top < 0.08 * innerHeight"
LOOK = """
([onScreen, leastType, leastInPictures, typeInPictures]) => {
    const cells = [...document.querySelectorAll(onScreen)];
    const said = element => element.tagName + ' ' + element.textContent.trim().replace(/\\s+/g, ' ').slice(0, 40);
    const shown = element => element.checkVisibility({visibilityProperty: true}) && element.getClientRects().length;
    const inside = (selector) => cells.flatMap(cell => [...cell.querySelectorAll(selector)]).filter(shown);
    const faults = new Set();
    if (!inside('h2').length) faults.add('no title');
    if (inside('.jp-RenderedImage, .knob-view, .training-lab').length > 1) faults.add('two pictures');
    for (const element of inside('*')) {
        if (element.closest('.MathJax, mjx-container, sub, sup, .cm-cursorLayer, .cm-announced')) continue;
        const style = getComputedStyle(element), box = element.getBoundingClientRect();
        const hasText = [...element.childNodes].some(node => node.nodeType === 3 && node.textContent.trim());
        const isControl = element.matches('input:not([type=range]), select, button');
        if (!hasText && !isControl && !element.matches('img, canvas')) continue;
        if (box.bottom > innerHeight + 1 || box.right > innerWidth + 1 || box.left < -1)
            faults.add(`off the screen at ${Math.round(box.right)}, ${Math.round(box.bottom)}: ${said(element)}`);
        for (let outer = element.parentElement; !outer.matches(onScreen); outer = outer.parentElement) {
            const frame = outer.getBoundingClientRect();
            const cuts = getComputedStyle(outer).overflow !== 'visible' && outer.tagName !== 'SELECT';
            if (cuts && (box.bottom > frame.bottom + 2 || box.right > frame.right + 2))
                faults.add(`cut off by ${outer.className}: ${said(element)}`);
        }
        if (hasText && style.textOverflow === 'ellipsis' && element.scrollWidth > element.clientWidth + 1)
            faults.add(`shortened: ${said(element)}`);
        if ((hasText || isControl) && parseFloat(style.fontSize) < leastType)
            faults.add(`type of ${style.fontSize}: ${said(element)}`);
        if (element.tagName === 'IMG') {
            const scale = Math.min(box.width / element.naturalWidth, box.height / element.naturalHeight);
            const type = typeInPictures * scale;
            if (type < leastInPictures * innerHeight) faults.add(`type of ${Math.round(type)}px in a picture`);
        }
    }
    return [...faults];
}"""


@pytest.mark.timeout(900)  # it runs a whole notebook first
@pytest.mark.parametrize("name", NAMES)
def test_nothing_on_a_slide_is_cut_off_or_too_small(
    name: str, browser: "BrowserContext", monkeypatch: pytest.MonkeyPatch
) -> None:
    # For the kernel: threads that spin while they wait take time from each other.
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    with presentation(name, lambda done, of: None) as (address, _):
        page = browser.new_page()
        page.set_viewport_size({"width": SIZES[0][0], "height": SIZES[0][1]})
        page.goto(address)
        page.locator(ON_SCREEN).first.wait_for(timeout=60_000)
        page.wait_for_function(BARS_ARE_GONE)
        faults = [f"{size[0]} x {size[1]}, {fault}" for size in SIZES for fault in faults_at(page, size, name)]
        page.close()
    assert not faults, "\n" + "\n".join(faults)


def faults_at(page: "Page", size: tuple[int, int], name: str) -> Iterator[str]:
    from playwright.sync_api import TimeoutError

    page.set_viewport_size({"width": size[0], "height": size[1]})
    for number, cell in enumerate(page.evaluate(FIRST_CELLS), start=1):
        page.evaluate(GO, cell)
        try:
            page.wait_for_function(PICTURES_ARE_THERE)
        except TimeoutError:
            yield f"slide {number}: its picture does not come"
            continue
        seen: list[Any] = page.evaluate(LOOK, [ON_SCREEN, LEAST_TYPE, LEAST_TYPE_IN_PICTURES, TYPE_IN_PICTURES])
        if seen:
            page.screenshot(path=SCREENSHOTS / f"slide_{name}_{number}_{size[0]}.png")
        yield from (f"slide {number}: {fault}" for fault in seen)
