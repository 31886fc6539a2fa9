"""BatchSink: what its subclasses have to bring; the rest is shown with them."""

from __future__ import annotations

import pytest
from twisted.python.failure import Failure

from txmultipart.body.batch_sink import BATCH, BatchSink


def test_a_batch_needs_somewhere_to_go() -> None:
    sink = BatchSink()
    sink.write(b"less than a batch")
    with pytest.raises(NotImplementedError):
        sink.write(bytes(BATCH))
    with pytest.raises(NotImplementedError):
        sink._broke(Failure(OSError()))
