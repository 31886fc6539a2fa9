"""Writing: what whoever was cancelled is told. The rest is in ``test_stream``."""

from __future__ import annotations

import pickle
from copy import copy, deepcopy
from typing import Any

from twisted.internet.defer import CancelledError
from twisted.python.failure import Failure

from txmultipart.body.writing import as_cancelled
from txmultipart.errors import MisuseError, UploadAborted


def test_an_abort_is_a_cancellation_and_can_be_copied() -> None:
    error: Any = as_cancelled(Failure(UploadAborted(7, ValueError("x")))).value
    assert isinstance(error, CancelledError)
    for copied in (copy(error), deepcopy(error), pickle.loads(pickle.dumps(error))):
        assert type(copied) is type(error)
        assert isinstance(copied, UploadAborted)
        assert str(copied) == "the peer went away after 7 bytes of its body"
        assert (copied.received, copied.offset, str(copied.reason)) == (7, 7, "x")


def test_anything_else_stays_what_it_is() -> None:
    failure = Failure(MisuseError("m"))
    assert as_cancelled(failure) is failure
