"""Where The Time Machine is looked for, and what happens when it cannot be had; nothing here touches the network."""

import errno
import hashlib
import http.client
import io
import os
import sys
import tempfile
import urllib.error
from pathlib import Path

import pytest

from rnnlib import files, named_texts
from rnnlib.named_texts import cache_folder, find
from rnnlib.text import read_text

BOOK = b"The Time Traveller (for so it will be convenient to speak of him)\n"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch) -> Path:
    """The user's cache folder, which is not there yet; the network answers nothing."""
    monkeypatch.delenv("RNNLIB_DATA", raising=False)
    monkeypatch.setattr(named_texts, "cache_folder", lambda: tmp_path / "cache" / "rnnlib")
    monkeypatch.setattr(named_texts.urllib.request, "urlopen", raises(AssertionError("asked the network")))
    return tmp_path / "cache" / "rnnlib"


def raises(error: BaseException):
    def function(*args: object, **kwargs: object) -> None:
        raise error

    return function


@pytest.fixture
def asked(monkeypatch) -> list[str]:
    """The network answers with the book; the addresses that it was asked for."""
    addresses: list[str] = []

    def urlopen(address: str, timeout: float) -> io.BytesIO:
        addresses.append(address)
        return io.BytesIO(BOOK)

    monkeypatch.setattr(named_texts.urllib.request, "urlopen", urlopen)
    monkeypatch.setattr(named_texts, "TIME_MACHINE_SHA256", hashlib.sha256(BOOK).hexdigest())
    return addresses


def test_it_is_downloaded_over_a_secure_connection_once_and_kept_in_the_cache(cache: Path, asked: list[str]) -> None:
    assert read_text("time machine") == read_text("time machine") == BOOK.decode()
    assert asked == ["https://d2l-data.s3-accelerate.amazonaws.com/timemachine.txt"]
    assert [path.name for path in cache.iterdir()] == ["timemachine.txt"]
    assert (cache / "timemachine.txt").read_bytes() == BOOK


def test_it_is_downloaded_into_the_folder_in_rnnlib_data(cache: Path, asked: list[str], tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("RNNLIB_DATA", str(tmp_path / "texts"))
    read_text("time machine")
    assert (tmp_path / "texts" / "timemachine.txt").read_bytes() == BOOK
    assert not cache.exists()


def test_the_folder_in_rnnlib_data_comes_before_the_cache(cache: Path, tmp_path, monkeypatch) -> None:
    cache.mkdir(parents=True)
    (cache / "timemachine.txt").write_bytes(BOOK)
    monkeypatch.setenv("RNNLIB_DATA", str(tmp_path))
    assert find("time machine") == cache / "timemachine.txt"
    (tmp_path / "timemachine.txt").write_bytes(BOOK)
    assert find("time machine") == tmp_path / "timemachine.txt"


def test_a_copy_that_is_cut_off_or_another_edition_is_told_and_not_read(cache: Path, asked: list[str]) -> None:
    read_text("time machine")
    (cache / "timemachine.txt").write_bytes(BOOK[:-1])
    with pytest.raises(ValueError, match="timemachine.txt is not The Time Machine as this course reads it") as told:
        read_text("time machine")
    assert "\n" not in str(told.value) and read_text(cache / "timemachine.txt") == BOOK[:-1].decode()


def test_an_empty_rnnlib_data_is_none(cache: Path, asked: list[str], tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RNNLIB_DATA", "")
    read_text("time machine")
    assert (cache / "timemachine.txt").exists()


def test_a_tilde_in_rnnlib_data_is_the_home_folder(asked: list[str], tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    monkeypatch.setenv("RNNLIB_DATA", "~/texts")
    read_text("time machine")
    assert (tmp_path / "texts" / "timemachine.txt").exists()


@pytest.mark.parametrize(
    "error",
    [
        urllib.error.URLError("no network"),
        TimeoutError("no network"),
        http.client.BadStatusLine("no network"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_offline_says_in_one_sentence_where_to_put_the_file(cache: Path, monkeypatch, error: Exception) -> None:
    monkeypatch.setattr(named_texts.urllib.request, "urlopen", raises(error))
    with pytest.raises(
        FileNotFoundError, match=r"could not be downloaded \(.*no network.*\); put a copy of https"
    ) as told:
        read_text("time machine")
    assert str(told.value).endswith(f" at {cache / 'timemachine.txt'}.")
    assert not cache.exists()


def test_a_connection_that_breaks_off_is_told_the_same(monkeypatch) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise http.client.IncompleteRead(b"The Time")

    monkeypatch.setattr(named_texts.urllib.request, "urlopen", lambda *args, **kwargs: Broken())
    with pytest.raises(FileNotFoundError, match=r"could not be downloaded \(IncompleteRead.*put a copy of https"):
        read_text("time machine")


def test_a_download_with_the_wrong_checksum_leaves_nothing_behind(cache: Path, monkeypatch) -> None:
    monkeypatch.setattr(named_texts.urllib.request, "urlopen", lambda *args, **kwargs: io.BytesIO(b"not the book"))
    with pytest.raises(FileNotFoundError, match="wrong checksum and was dropped; put a copy of https"):
        read_text("time machine")
    assert not cache.exists()


def test_a_folder_that_cannot_be_written_to_is_told_in_one_sentence(cache: Path, asked: list[str], monkeypatch) -> None:
    monkeypatch.setattr(files.os, "fsync", raises(OSError(errno.EROFS, os.strerror(errno.EROFS))))
    with pytest.raises(
        OSError, match=r"^set RNNLIB_DATA to a folder .* could not be written \(Read-only file system\)"
    ):
        read_text("time machine")
    assert list(cache.iterdir()) == []


def test_a_file_where_the_cache_folder_should_be_is_told_in_one_sentence(cache: Path, asked: list[str]) -> None:
    cache.parent.write_text("no folder")
    with pytest.raises(OSError, match="^set RNNLIB_DATA to a folder where The Time Machine can be kept: "):
        read_text("time machine")


def test_the_story_is_always_the_library_s_own(tmp_path, monkeypatch) -> None:
    (tmp_path / "story.txt").write_text("another story")
    monkeypatch.setenv("RNNLIB_DATA", str(tmp_path))
    assert read_text("story") == (Path(named_texts.__file__).parent / "data/story.txt").read_text()


class TestTheCacheFolder:
    """Where each system keeps what can be had again."""

    @pytest.fixture(autouse=True)
    def home(self, monkeypatch) -> None:
        monkeypatch.setattr(Path, "home", lambda: Path("home"))
        monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
        monkeypatch.delenv("LOCALAPPDATA", raising=False)

    def test_is_that_for_temporary_files_where_nobody_has_a_home(self, monkeypatch) -> None:
        monkeypatch.setattr(Path, "home", raises(RuntimeError("Could not determine home directory.")))
        assert cache_folder() == Path(tempfile.gettempdir()) / ".cache" / "rnnlib"

    @pytest.mark.parametrize(
        ("system", "folder"),
        [
            ("linux", "home/.cache/rnnlib"),
            ("darwin", "home/Library/Caches/rnnlib"),
            ("win32", "home/AppData/Local/rnnlib"),
        ],
    )
    def test_lies_where_the_system_has_it(self, monkeypatch, system: str, folder: str) -> None:
        monkeypatch.setattr(sys, "platform", system)
        assert cache_folder() == Path(folder)

    @pytest.mark.parametrize(("system", "variable"), [("linux", "XDG_CACHE_HOME"), ("win32", "LOCALAPPDATA")])
    def test_lies_where_the_user_has_it(self, monkeypatch, system: str, variable: str) -> None:
        monkeypatch.setattr(sys, "platform", system)
        monkeypatch.setenv(variable, "elsewhere")
        assert cache_folder() == Path("elsewhere/rnnlib")
