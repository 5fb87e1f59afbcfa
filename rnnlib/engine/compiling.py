"""Compiles loops over numbers with Numba, and keeps the machine code where it finds room for it.

Numba believes what it finds in its cache: an empty file, left by a full disk or a power cut, ends the import, and a
changed bit would be executed.  Here what is broken, or cannot be written, is compiled anew.  And Numba reads only where
it can write: of twenty students each would compile what the owner of the library has compiled beside its files.
"""

import contextlib
import hashlib
import pickle
from collections.abc import Callable
from typing import Any

import numba
from numba.core.caching import CompileResultCacheImpl, FunctionCache, IndexDataCacheFile, InTreeCacheLocator

LENGTH_OF_CHECKSUM = hashlib.sha256().digest_size


def compiled(function: Callable[..., Any]) -> Any:
    """The function as machine code, compiled when it is called for the first time with arguments of these types."""
    # contract: a * b + c may be rounded once instead of twice, as processors do it.
    dispatcher = numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})(function)
    with contextlib.suppress(RuntimeError, OSError):  # there is no file, and no folder, of this function
        dispatcher._cache = _Cache(function)
    return dispatcher


class _Files(IndexDataCacheFile):
    """Machine code after its checksum, and with what it was compiled for.

    Two processes that compile at once may give one name to two functions, and the index tells of one of them.
    """

    def save(self, key: Any, data: Any) -> None:
        super().save(key, (self._source_stamp, key, data))

    def load(self, key: Any) -> Any:
        kept = super().load(key)
        if kept is None:
            return None
        *compiled_for, data = kept
        if compiled_for != [self._source_stamp, key]:
            raise ValueError(f"{self._index_name} tells of other machine code")
        return data

    def _save_data(self, name: str, data: Any) -> None:
        code = self._dump(data)
        super()._save_data(name, hashlib.sha256(code).digest() + code)

    def _load_data(self, name: str) -> Any:
        kept = super()._load_data(name)
        checksum, code = kept[:LENGTH_OF_CHECKSUM], kept[LENGTH_OF_CHECKSUM:]
        if hashlib.sha256(code).digest() != checksum:
            raise ValueError(f"{name} is damaged")
        return pickle.loads(code)


class _BesideTheSource(InTreeCacheLocator):
    """The folder of the library's owner, whether it can be written or not."""

    def ensure_cache_path(self) -> None:
        """It need not be there."""


class _Places(CompileResultCacheImpl):
    """As Numba's own; where nothing can be written something may be read."""

    _locator_classes = [*CompileResultCacheImpl._locator_classes, _BesideTheSource]


class _Cache(FunctionCache):
    """As Numba's own; the owner's is read, too, and what cannot be read or written is compiled anew."""

    _impl_class = _Places

    def __init__(self, function: Callable[..., Any]):
        super().__init__(function)
        stamp, owners = self._impl.locator.get_source_stamp(), _BesideTheSource(function, function.__code__.co_filename)
        self._mine, self._owners = (
            _Files(path, self._impl.filename_base, stamp) for path in (self._cache_path, owners.get_cache_path())
        )
        self._cache_file = self._mine

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What was kept for these types, or None."""
        found = self._load_from(self._mine, sig, target_context)
        return self._load_from(self._owners, sig, target_context) if found is None else found

    def _load_from(self, files: _Files, sig: Any, target_context: Any) -> Any:
        self._cache_file = files
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # whatever a broken pickle raises
            with contextlib.suppress(Exception):
                self.flush()  # else nothing could be added to a broken index
            return None
        finally:
            self._cache_file = self._mine

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep it, if that is possible."""
        with contextlib.suppress(Exception):  # a full disk, say: it is compiled anew the next time
            super().save_overload(sig, data)
