"""Texts by name or path: the story comes with the library, The Time Machine is downloaded once."""

import codecs
import difflib
import hashlib
import http.client
import os
import sys
import tempfile
import urllib.request
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from rnnlib.files import write_atomically

MOST_BYTES = 100_000_000
MARKS = {  # the longer ones first
    codecs.BOM_UTF32_LE: "utf-32", codecs.BOM_UTF32_BE: "utf-32", codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16",
}  # fmt: skip
NAMES = ("story", "time machine")
TIME_MACHINE_FILE = "timemachine.txt"
TIME_MACHINE_URL = "https://d2l-data.s3-accelerate.amazonaws.com/timemachine.txt"
TIME_MACHINE_SHA256 = "8424dbd9532ac81f7e5f0b6add90e6952baea29158309d7d1bf3884f4e12c516"


def read_text(name: str | Path = "story") -> str:
    """The text called `name` ("story", "time machine"), or the text file at the path `name`.

    `find` says where named texts are.
    Files are UTF-8, or UTF-16 or UTF-32 with a mark at their beginning; every kind of line end becomes a newline.
    Raises FileNotFoundError for an unknown name or path and for a download that is not possible, OSError for one that
    cannot be kept and for a file that may not be read, ValueError for a file that is empty, not text, larger than
    100 MB or not the text of its name, and for what is no name.
    """
    if not isinstance(name, str | Path):
        raise ValueError(f"a text is named by a str or a Path; this is a {type(name).__name__}.")
    path = find(str(name)) if str(name) in NAMES else Path(name)
    if isinstance(path, Path) and not os.path.isfile(path):  # Path.is_file raises for a path that cannot be
        nearest = difflib.get_close_matches(str(name), NAMES, n=1, cutoff=0.0)[0]
        shown, kind = str(name) if len(str(name)) < 200 else f"{str(name)[:200]}...", "file"
        if os.path.isdir(path):
            kind = "text file, but a folder,"
        raise FileNotFoundError(
            f"there is no text named {shown!r} and no {kind} at that path; the nearest known name is {nearest!r}."
        )
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise OSError(f"{path} could not be read ({error.strerror or error}).") from None
    if len(content) > MOST_BYTES:
        raise ValueError(f"{path} has more than {MOST_BYTES // 10**6} MB, the most that is read; use a part of it.")
    if str(name) == "time machine" and hashlib.sha256(content).hexdigest() != TIME_MACHINE_SHA256:
        raise ValueError(
            f"{path} is not The Time Machine as this course reads it: it is cut off, changed or another edition. "
            f"Remove it, and it is downloaded anew, or read it as a text of your own: {str(path)!r}."
        )
    text = _decoded(content, path)
    if not text.strip():
        raise ValueError(f"{path} is empty; a text with some thousand characters is needed.")
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _decoded(content: bytes, path: Path | Traversable) -> str:
    """The text that a file's bytes are.  A mark at their beginning (BOM) says which Unicode encoding it is."""
    marked = next((encoding for mark, encoding in MARKS.items() if content.startswith(mark)), None)
    try:
        text = content.decode(marked or "utf-8")
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{path} is not a {(marked or 'UTF-8').upper()} text file (byte {error.start} cannot be read); open it in "
            "an editor that shows it as it should be, and save it as UTF-8. If it is Latin-1: "
            'Path("new.txt").write_text(Path("old.txt").read_text("latin-1"), "utf-8").'
        ) from None
    if "\0" in text:
        raise ValueError(f"{path} is a binary file, or UTF-16 without a mark at its beginning; save a text as UTF-8.")
    return text


def find(name: str) -> Path | Traversable:
    """The file of a text in NAMES.

    "time machine" is looked for in the folder in the environment variable RNNLIB_DATA, then in the user's cache folder;
    if it is in neither, it is downloaded into the first of these two.
    Raises FileNotFoundError if it cannot be downloaded, OSError if it cannot be kept.
    """
    if name == "story":
        return resources.files("rnnlib") / "data" / "story.txt"
    folders = [cache_folder()]
    if named := os.environ.get("RNNLIB_DATA"):
        folders.insert(0, Path(os.path.expanduser(named)))
    for folder in folders:
        if os.path.isfile(folder / TIME_MACHINE_FILE):  # Path.is_file raises in a folder that may not be entered
            return folder / TIME_MACHINE_FILE
    return _download_time_machine(folders[0] / TIME_MACHINE_FILE)


def cache_folder() -> Path:
    """The folder of this library where the user's programs keep what can be had again; it need not be there yet.

    Who has no home, as a number without a name in a container, has that for temporary files.
    """
    try:
        home = Path.home()
    except RuntimeError:
        home = Path(tempfile.gettempdir())
    if sys.platform == "win32":
        caches = Path(os.environ.get("LOCALAPPDATA") or home / "AppData" / "Local")
    elif sys.platform == "darwin":
        caches = home / "Library" / "Caches"
    else:
        caches = Path(os.environ.get("XDG_CACHE_HOME") or home / ".cache")
    return caches / "rnnlib"


def _download_time_machine(path: Path) -> Path:
    advice = f"put a copy of {TIME_MACHINE_URL} at {path}."
    try:
        with urllib.request.urlopen(TIME_MACHINE_URL, timeout=20) as response:
            content = response.read()
    except (OSError, http.client.HTTPException) as error:
        raise FileNotFoundError(f"The Time Machine could not be downloaded ({error}); {advice}") from None
    if hashlib.sha256(content).hexdigest() != TIME_MACHINE_SHA256:
        raise FileNotFoundError(f"The download of The Time Machine has the wrong checksum and was dropped; {advice}")
    try:
        write_atomically(path, content)
    except OSError as error:
        raise OSError(f"set RNNLIB_DATA to a folder where The Time Machine can be kept: {error}") from None
    return path
