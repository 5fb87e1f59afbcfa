"""Text cells as they are written in notebooks/src, with what the build puts in and takes out.

    {{ reached:.2f }}                   a number of the run, evaluated after the last code cell before it
    <!-- claim: counting_is_quick -->   what this cell says of runs is tested by test_counting_is_quick in tests/claims
    <!-- given: 0.2, 628 -->            numbers of this cell that are set or calculated, not measured
    <!-- measured: bench/memory.py -->  the numbers of this cell were measured by another program, and are dated there

A note is a line of its own.  A number that is neither filled in, nor given, nor written in the notebook's code (or in
code that the cell shows) is a fault: somebody measured it once, and nobody would notice when it is no longer true.
"""

import ast
import re
from collections.abc import Iterable, Sequence
from typing import NamedTuple

FIELD = re.compile(r"\{\{\s*(.+?)\s*:\s*([^\s:{}]+)\s*\}\}")
NOTE = re.compile(r"^<!-- (claim|given|measured): (.+?) -->\n?", re.M)
NUMBER = re.compile(r"(?<![\w.])\d+(?:,\d{3})*(?:\.\d+)?(?:e[+-]?\d+)?(?![\w])")
FORMULA = re.compile(r"\$\$.+?\$\$|\$[^$\n]+\$", re.S)
SHOWN_CODE = re.compile(r"```.*?```|`[^`]*`", re.S)
# What no run decides: code, links, tags; names such as 4-gram; times to read, years and dates; what counts the parts.
NOT_MEASURED = re.compile(
    r"```.*?```|`[^`]*`|!?\[[^]]*\]\([^)]*\)|<[^>]+>"
    r"|\d+-gram|\d+ minutes?|\d+ for (?=\w+ (?:exercises?|challenges?))|\b(?:1[89]|20)\d\d(?:-\d\d-\d\d)?\b"
    r"|^#+ \d\d |\b[Nn]otebooks? \d\d(?:(?:,| to| and) \d\d)*|\b(?:Exercise|Challenge) \d+|\(\d\)|^\s*\d\. |32-bit",
    re.S | re.M,
)


class Field(NamedTuple):
    """A number to fill in: what is evaluated, and how it is written."""

    expression: str
    format: str


def fields(source: str) -> list[Field]:
    """The numbers that a text cell asks for, in their order."""
    return [Field(*match.groups()) for match in FIELD.finditer(source)]


def code_that_prints(wanted: Sequence[Field]) -> str:
    """Code that prints a list of what is to be filled in."""
    return f"print([{', '.join(f'format({expression}, {form!r})' for expression, form in wanted)}])"


def printed_values(text: str) -> list[str]:
    """What such code has printed."""
    values: list[str] = ast.literal_eval(text)
    return values


def filled_in(source: str, values: Iterable[str]) -> str:
    """The text with its numbers."""
    numbers = iter(values)
    return FIELD.sub(lambda _: next(numbers), source)


def is_filled_in(source: str, text: str) -> bool:
    """Whether a stored text is this source with something in place of each field."""
    parts = FIELD.sub("\0", source).split("\0")
    return re.fullmatch(".+?".join(map(re.escape, parts)), text, re.S) is not None


def without_notes(source: str) -> str:
    """The text as a reader gets it."""
    return NOTE.sub("", source).strip("\n")


def notes(source: str, kind: str) -> list[str]:
    """The contents of the notes of one kind; each may have several, after commas."""
    found = [content for name, content in NOTE.findall(source) if name == kind]
    return [each.strip() for content in found for each in re.split(r",\s", content)]


def typed_numbers(source: str, known: set[float]) -> list[str]:
    """The numbers in a text cell that somebody typed and that may have been measured.  known: those of the code."""
    if notes(source, "measured"):
        return []
    shown = [number for code in SHOWN_CODE.findall(source) for number in NUMBER.findall(code)]
    known = known | {value_of(number) for number in [*notes(source, "given"), *shown]}
    text = FIELD.sub(" ", without_notes(source))
    text = NOT_MEASURED.sub(" ", text)
    in_formulas = [number for formula in FORMULA.findall(text) for number in NUMBER.findall(formula) if "." in number]
    return [number for number in NUMBER.findall(FORMULA.sub(" ", text)) + in_formulas if value_of(number) not in known]


def numbers_in_code(cells: Iterable[str]) -> set[float]:
    """All numbers that are written in the code of some cells."""
    constants = [node.value for cell in cells for node in ast.walk(ast.parse(cell)) if isinstance(node, ast.Constant)]
    return {float(value) for value in constants if isinstance(value, (int, float))}


def value_of(number: str) -> float:
    """12,844 -> 12844.0"""
    return float(number.replace(",", ""))


# ----------------------------------------------------------------------------------- two runs compared

LEEWAY = 0.1  # as a share of a number: how far two machines may be apart, whose sums are rounded differently


def agree(stored: str, fresh: str) -> bool:
    """Whether two texts have the same words, and numbers that differ by no more than two machines do."""
    if NUMBER.sub("#", stored) != NUMBER.sub("#", fresh):
        return False
    pairs = zip(NUMBER.findall(stored), NUMBER.findall(fresh), strict=True)
    return all(abs(value_of(one) - value_of(other)) <= leeway(one, other) for one, other in pairs)


def leeway(one: str, other: str) -> float:
    """A tenth of a number, and in any case one unit of its last place."""
    digits, _, exponent = one.partition("e")
    last_place = 10.0 ** (int(exponent or 0) - len(digits.partition(".")[2]))
    return LEEWAY * max(value_of(one), value_of(other)) + 1.001 * last_place
