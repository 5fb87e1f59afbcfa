"""What was found, as one CSV file and one page.

Before: exercises.py.  Next: notebooks.py.
"""

import csv
import html
import io
from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from rnnlib.files import write_atomically

STYLE = """body{font:16px/1.4 sans-serif;margin:2em;max-width:75em}table{border-collapse:collapse;width:100%}
td,th{border-bottom:1px solid #999;padding:.3em .6em;text-align:left;vertical-align:top}
.passed td:nth-child(4){font-weight:bold}.broken td:nth-child(4){text-decoration:underline}"""


@dataclass(frozen=True)
class Row:
    """One exercise of one file.

    verdict: "passed", "wrong", "open" (nothing filled in), "missing" (not in the file) or "broken" (could not be run).
    tries: as the file itself says, 0 if it does not.  seconds: what the whole file took.
    """

    file: str
    notebook: str
    exercise: str
    verdict: str
    sentence: str
    tries: int
    seconds: float


def write(rows: Sequence[Row], folder: Path) -> list[Path]:
    """grades.csv and grades.html, each whole or not at all -> their paths."""
    paths = [folder / "grades.csv", folder / "grades.html"]
    for path, text in zip(paths, (_csv(rows), _page(rows)), strict=True):
        write_atomically(path, text.encode("utf-8", "replace"))
    return paths


def _csv(rows: Sequence[Row]) -> str:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([field.name for field in fields(Row)])
    writer.writerows([_no_formula(value) for value in astuple(row)] for row in rows)
    return text.getvalue()


def _no_formula(value: object) -> object:
    """A spreadsheet computes what begins with one of these."""
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value


def _page(rows: Sequence[Row]) -> str:
    files = list(dict.fromkeys(row.file for row in rows))
    parts = ["<!doctype html><html lang='en'><meta charset='utf-8'><title>Grades</title>", f"<style>{STYLE}</style>"]
    parts.append(f"<h1>Grades</h1><p>{len(files)} files, {len(rows)} exercises.</p>")
    for file in files:
        mine = [row for row in rows if row.file == file]
        passed = sum(row.verdict == "passed" for row in mine)
        parts.append(f"<h2>{html.escape(file)}: {passed} of {len(mine)} passed</h2><table><tr>")
        parts += [f"<th scope='col'>{field.name}</th>" for field in fields(Row)[1:]]
        for row in mine:
            cells = "".join(f"<td>{html.escape(str(value))}</td>" for value in astuple(row)[1:])
            parts.append(f"</tr><tr class='{row.verdict}'>{cells}")
        parts.append("</tr></table>")
    return "\n".join([*parts, "</html>\n"])
