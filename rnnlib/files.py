"""Files that are written whole or not at all, whatever happens meanwhile."""

import contextlib
import errno
import glob
import os
import shutil
import time
import uuid
from collections.abc import Iterable
from pathlib import Path

Bytes = bytes | memoryview
SECONDS_A_WRITE_MAY_TAKE = 3600.0


def write_atomically(path: Path, content: Bytes | Iterable[Bytes]) -> None:
    """Write a file whole or not at all: into a temporary file beside it, which then takes its name.

    content: all of it, or its parts one after another.  Folders on the way are made.  A file that is there keeps its
    permissions, and a link keeps leading to it; a new file gets the usual permissions (umask).  Raises OSError with one
    sentence (no place left, no permission, a folder in the way); then the file is as it was, and no temporary file is
    left.
    """
    try:
        path = Path(os.path.realpath(path))
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, "there is a folder of that name")
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_what_was_left(path)
        temporary = path.with_name(f".{path.name[:100]}.{uuid.uuid4().hex}.tmp")
        try:
            with open(temporary, "xb") as file:
                file.writelines([content] if isinstance(content, Bytes) else content)
                file.flush()
                os.fsync(file.fileno())  # else a power cut could leave the new name with no content
            with contextlib.suppress(FileNotFoundError):  # a new file has no permissions to keep
                shutil.copymode(path, temporary)
            os.replace(temporary, path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise OSError(f"{path} could not be written ({error.strerror or error}); it is left as it was.") from None


def _remove_what_was_left(path: Path) -> None:
    """The temporary files of processes that were killed while they wrote this file."""
    for left in path.parent.glob(f".{glob.escape(path.name[:100])}.*.tmp"):
        with contextlib.suppress(OSError):  # another process may be quicker
            if time.time() - left.stat().st_mtime > SECONDS_A_WRITE_MAY_TAKE:
                left.unlink()
