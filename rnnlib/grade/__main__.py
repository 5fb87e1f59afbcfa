"""python -m rnnlib.grade FOLDER: every notebook and every session file in it, one table."""

import argparse
import sys
from pathlib import Path

from rnnlib.grade import notebooks, sessions, table

ALL_RAN, SOME_BROKEN, NOTHING_TO_GRADE = 0, 1, 2


def main(arguments: list[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(prog="python -m rnnlib.grade", description=__doc__)
    parser.add_argument(
        "folder", type=Path, help="of *.ipynb and *.session files, looked for in all folders below; or one file"
    )
    parser.add_argument("--to", type=Path, help="where grades.csv and grades.html are written; by default that folder")
    parser.add_argument("--seconds", type=float, default=600.0, help="for each file")
    parser.add_argument("--step-budget", type=int, default=1000, help="of a session file")
    options = parser.parse_args(arguments)
    one_file = options.folder.is_file()
    found = [options.folder] if one_file else sorted(options.folder.rglob("*"))
    paths = [
        path
        for path in found
        if path.suffix in (".ipynb", ".session") and path.is_file() and ".ipynb_checkpoints" not in path.parts
    ]
    if not paths:
        print(f"there is no notebook and no session file in {options.folder}.", file=sys.stderr)
        return NOTHING_TO_GRADE
    base = options.folder.parent if one_file else options.folder
    rows: list[table.Row] = []
    for path in paths:
        if path.suffix == ".session":
            mine = sessions.grade(path, seconds=options.seconds, step_budget=options.step_budget)
        else:
            mine = notebooks.grade(path, seconds=options.seconds)
        passed = sum(row.verdict == "passed" for row in mine)
        print(f"{path.relative_to(base)}: {passed} of {len(mine)} passed", flush=True)
        rows += [table.Row(str(path.relative_to(base)), *list(vars(row).values())[1:]) for row in mine]
    for written in table.write(rows, options.to or base):
        print(written)
    return SOME_BROKEN if any(row.verdict == "broken" for row in rows) else ALL_RAN


if __name__ == "__main__":
    sys.exit(main())
