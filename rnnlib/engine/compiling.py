"""Compiles loops over numbers with Numba, and keeps the machine code where it finds room for it.

Numba believes what it finds in its cache: an empty file, left by a full disk or a power cut, ends the import, and a
changed bit would be executed.  Here what is broken, or cannot be written, is compiled anew.
"""

import contextlib
import hashlib
import pickle
from collections.abc import Callable
from typing import Any

import numba
from numba.core.caching import FunctionCache, IndexDataCacheFile

LENGTH_OF_CHECKSUM = hashlib.sha256().digest_size


def compiled(function: Callable[..., Any]) -> Any:
    """The function as machine code, compiled when it is called for the first time with arguments of these types."""
    # contract: a * b + c may be rounded once instead of twice, as processors do it.
    dispatcher = numba.njit(nogil=True, error_model="numpy", fastmath={"contract"})(function)
    with contextlib.suppress(RuntimeError, OSError):  # there is no folder in which it could be kept
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


class _Cache(FunctionCache):
    """As Numba's own; what it cannot read or write is compiled anew."""

    def __init__(self, function: Callable[..., Any]):
        super().__init__(function)
        stamp = self._impl.locator.get_source_stamp()
        self._cache_file = _Files(self._cache_path, self._impl.filename_base, stamp)

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """What was kept for these types, or None."""
        try:
            return super().load_overload(sig, target_context)
        except Exception:  # whatever a broken pickle raises
            with contextlib.suppress(Exception):
                self.flush()  # else nothing could be added to a broken index
            return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """Keep it, if that is possible."""
        with contextlib.suppress(Exception):  # a full disk, say: it is compiled anew the next time
            super().save_overload(sig, data)
