"""What a file has to give: how much, if that can be known before it is read.

The sizes of most files are true. Not those of what a system makes up while it is read:
on Linux all of /proc has none, and each file of /sys has that of one page, whatever is in
it. Taken at its word, the one would be sent empty and the other not at all.

Nothing here waits for a disk longer than it takes to ask for the size: where there is no
content, none is read, and what is made up comes from memory.
"""

from __future__ import annotations

import io
import os
import select
import stat
from mmap import PAGESIZE
from typing import BinaryIO

from twisted.web.iweb import UNKNOWN_LENGTH

#: None where the system does not know it; nor does that make files up.
_read_at = getattr(os, "pread", None)

#: Files of the system. Others are not asked for theirs: to some, a SpooledTemporaryFile
#: for one, that is a reason to make it.
_PLAIN = (io.FileIO, io.BufferedReader, io.BufferedRandom)


def size_at(path: str, found: os.stat_result) -> int | str:
    """Bytes of the file at ``path``, of which ``found`` is told, or ``UNKNOWN_LENGTH``.

    That is for a device, and for what is made up while it is read.
    """
    if not stat.S_ISREG(found.st_mode):
        return UNKNOWN_LENGTH
    if found.st_size:
        return UNKNOWN_LENGTH if _is_attribute(found) else found.st_size
    try:
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0))
    except OSError:  # sending it tells what is wrong
        return UNKNOWN_LENGTH
    try:
        return 0 if _ends_at(descriptor, 0) else UNKNOWN_LENGTH
    finally:
        os.close(descriptor)


def extent(file: BinaryIO) -> tuple[int | None, int | str]:
    """Where ``file`` stands, if it can come back there, and how much it has from there.

    A device cannot: it does not give the same again.
    """
    try:
        start = file.tell()
        file.seek(start)
    except (OSError, AttributeError):
        return None, UNKNOWN_LENGTH
    found = _stat_of(file)
    if found is not None and stat.S_ISCHR(found.st_mode):
        return None, UNKNOWN_LENGTH
    if found is not None and not _is_told(file.fileno(), found, start):
        return start, UNKNOWN_LENGTH
    try:
        end = file.seek(0, os.SEEK_END)
        file.seek(start)
    except OSError:
        return start, UNKNOWN_LENGTH
    return start, max(0, end - start)


def _stat_of(file: BinaryIO) -> os.stat_result | None:
    if not isinstance(file, _PLAIN):
        return None
    try:
        return os.fstat(file.fileno())
    except OSError:  # it is of this type, and of no system
        return None


def _is_told(descriptor: int, found: os.stat_result, start: int) -> bool:
    """Whether a file has its end where its system says: a disk has, without a size."""
    if found.st_size or not stat.S_ISREG(found.st_mode):
        return not _is_attribute(found)
    return _ends_at(descriptor, start)


def _is_attribute(found: os.stat_result) -> bool:
    """Whether it may be one of /sys: a page long, and nowhere on a disk."""
    return found.st_size == PAGESIZE and getattr(found, "st_blocks", 1) == 0


def _ends_at(descriptor: int, start: int) -> bool:
    """Whether nothing can be read at ``start``. To ask must take no byte away, nor wait."""
    if _read_at is None:
        return True
    ready = select.poll()  # some give what happens, when it does: the kernel's log
    ready.register(descriptor, select.POLLIN)
    try:
        return bool(ready.poll(0)) and not _read_at(descriptor, 1, start)
    except OSError:
        return False
