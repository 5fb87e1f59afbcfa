"""A file is written whole or not at all, and why not is told in one sentence."""

import errno
import os
import stat
from pathlib import Path

import pytest

from rnnlib import files
from rnnlib.files import write_atomically


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def fail_with(number: int):
    def fail(*args: object) -> None:
        raise OSError(number, os.strerror(number))

    return fail


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with something in it, alone in its folder."""
    path = tmp_path / "file"
    path.write_bytes(b"before")
    return path


def test_a_new_file_is_made_with_the_folders_on_its_way(tmp_path: Path) -> None:
    write_atomically(tmp_path / "some" / "folder" / "file", b"content")
    assert (tmp_path / "some" / "folder" / "file").read_bytes() == b"content"
    assert [path.name for path in (tmp_path / "some" / "folder").iterdir()] == ["file"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
def test_a_full_disk_leaves_the_file_as_it_was_and_nothing_beside_it(file: Path, monkeypatch, step: str) -> None:
    monkeypatch.setattr(files.os, step, fail_with(errno.ENOSPC))
    with pytest.raises(
        OSError, match=r"^\S+file could not be written \(No space left on device\); it is left as it was"
    ):
        write_atomically(file, b"after")
    assert file.read_bytes() == b"before"
    assert list(file.parent.iterdir()) == [file]


def test_an_interrupt_leaves_the_file_as_it_was_and_nothing_beside_it(file: Path, monkeypatch) -> None:
    def interrupt(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(files.os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(file, b"after")
    assert file.read_bytes() == b"before"
    assert list(file.parent.iterdir()) == [file]


def test_the_content_is_on_the_disk_before_the_file_takes_its_name(file: Path, monkeypatch) -> None:
    seen = []
    monkeypatch.setattr(files.os, "fsync", lambda handle: seen.append((os.fstat(handle).st_size, file.read_bytes())))
    write_atomically(file, b"much longer")
    assert seen == [(11, b"before")]


def test_a_folder_in_the_way_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").mkdir()
    with pytest.raises(OSError, match=r"file could not be written \(there is a folder of that name\)"):
        write_atomically(tmp_path / "file", b"content")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_file_where_a_folder_should_be_is_told(file: Path) -> None:
    with pytest.raises(OSError, match=r"below could not be written \("):
        write_atomically(file / "below", b"content")
    assert file.read_bytes() == b"before"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
class TestPermissions:
    @pytest.mark.parametrize("permissions", [0o600, 0o664, 0o755])
    def test_a_file_keeps_its_own(self, file: Path, permissions: int) -> None:
        file.chmod(permissions)
        write_atomically(file, b"after")
        assert file.read_bytes() == b"after"
        assert mode(file) == permissions

    @pytest.mark.parametrize("umask", [0o022, 0o077, 0o002])
    def test_a_new_file_gets_what_the_umask_leaves(self, tmp_path: Path, umask: int) -> None:
        before = os.umask(umask)
        try:
            write_atomically(tmp_path / "new", b"content")
        finally:
            os.umask(before)
        assert mode(tmp_path / "new") == 0o666 & ~umask

    def test_a_link_goes_on_leading_to_its_file(self, file: Path) -> None:
        link = file.with_name("link")
        link.symlink_to(file)
        write_atomically(link, b"after")
        assert link.is_symlink()
        assert file.read_bytes() == b"after"
