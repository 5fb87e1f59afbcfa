"""What keeps a reader with a keyboard or a screen reader out of a part of a page: axe-core looks for it."""

from axe_playwright_python.sync_playwright import Axe
from jupyter_page import LabPage


def serious_faults(page: LabPage, selector: str) -> list[tuple[str, list[str]]]:
    """What axe calls serious or critical there: the rule, and the beginnings of the elements."""
    found = Axe().run(page.page, context=selector).response["violations"]
    serious = [each for each in found if each["impact"] in ("serious", "critical")]
    return [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in serious]
