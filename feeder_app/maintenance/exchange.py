"""Two directories change places in one step, so that no reader ever finds neither or both."""

import ctypes
import errno
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from feeder_app.errors import FeederError

_AT_FDCWD: Final = -100
_EXCHANGE: Final = 2
_UNSUPPORTED: Final = {errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EXDEV}


class ExchangeUnsupportedError(FeederError):
    """The file system cannot do it. Nothing was changed."""


def exchange(first: Path, second: Path) -> None:
    """Linux's renameat2 with RENAME_EXCHANGE, or macOS's renamex_np with RENAME_SWAP.

    Raises ExchangeUnsupportedError; OSError. After either nothing was changed.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    names = os.fsencode(first), os.fsencode(second)
    try:
        if sys.platform == "darwin":
            failed = libc.renamex_np(*names, _EXCHANGE)
        else:
            failed = libc.renameat2(_AT_FDCWD, names[0], _AT_FDCWD, names[1], _EXCHANGE)
    except AttributeError as error:
        raise ExchangeUnsupportedError("This system's C library has no renameat2().") from error
    if not failed:
        return
    code = ctypes.get_errno()
    if code in _UNSUPPORTED:
        raise ExchangeUnsupportedError(
            f"{first.parent} and {second.parent}: their file system cannot exchange two directories in one step. "
            "Nothing was changed. ext4, xfs, btrfs, tmpfs and APFS can; `data` and `state` have to be on the same one."
        )
    raise OSError(code, os.strerror(code), str(first))


def try_exchange(directory: Path) -> None:
    """Find out before any work is done whether directories there can be exchanged. Raises as `exchange` does."""
    with TemporaryDirectory(prefix="try-", dir=directory) as place:
        first, second = Path(place, "first"), Path(place, "second")
        first.mkdir()
        second.mkdir()
        exchange(first, second)
