"""The guard: no test leaves anything behind, hides an error, or waits for ever.

A pytest plugin; ``tests/conftest.py`` loads it for every test. After each test it
looks for what was not there before:

- errors in the log, the unhandled errors of Deferreds among them,
- calls the reactor still has to make,
- sockets, ports and pipes the reactor still watches,
- threads, other than those of the reactor's pool,
- files in the temporary folder, which is one of this run's own.

A test that means to cause logged errors asks for ``logged_errors`` and takes them::

    def test_it(logged_errors):
        cause_trouble()
        assert len(logged_errors.flush(ZeroDivisionError)) == 1

A test that waits longer than ``TIME_LIMIT`` is cancelled where it waits, so that its
traceback shows the place. One that never lets the reactor run is beyond that: pytest's
``faulthandler_timeout`` ends it.
"""

import gc
import os
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import pytest_twisted
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IDelayedCall
from twisted.internet.task import deferLater
from twisted.logger import (
    ILogObserver,
    LogEvent,
    LogLevel,
    formatEvent,
    globalLogPublisher,
)
from twisted.python.failure import Failure
from zope.interface import implementer

#: Seconds a test, or the set-up of an async fixture, may wait for its Deferred.
TIME_LIMIT = float(os.environ.get("TXMULTIPART_TEST_TIME_LIMIT", "60"))

#: Turns of the reactor in which closing things may go. The first are immediate;
#: the rest take a moment each, since threads and processes need one to end.
QUICK_TURNS, SLOW_TURNS, MOMENT = 20, 50, 0.01


#: Logged by itself before the failure of a Deferred that nobody handled.
_HEADLINE = "Unhandled error in Deferred:"


@implementer(ILogObserver)
class LoggedErrors:
    """The errors that Twisted logged since the test began, until they are taken."""

    def __init__(self) -> None:
        self._events: list[LogEvent] = []

    def __call__(self, event: LogEvent) -> None:
        """Keep ``event`` if it is an error: this object is a log observer."""
        severe = event.get("log_level") in (LogLevel.error, LogLevel.critical)
        if severe and event.get("log_format") != _HEADLINE:
            self._events.append(event)

    def flush(self, *kinds: type[BaseException]) -> list[BaseException]:
        """Take the logged exceptions of these kinds, or of every kind."""
        gc.collect()  # A Deferred tells of its unhandled error when it is deleted.
        wanted = kinds or (BaseException,)
        taken = self._take(lambda event: isinstance(_exception(event), wanted))
        return [error for error in map(_exception, taken) if error is not None]

    def flush_text(self, fragment: str) -> list[str]:
        """Take the errors whose message holds ``fragment``; return the messages."""
        return [_text(e) for e in self._take(lambda event: fragment in _text(event))]

    def describe(self) -> Iterator[str]:
        """Yield a line about each error that nobody took."""
        for event in self._events:
            yield f"logged error: {_text(event)} {_exception(event)!r}"

    def _take(self, wanted: Callable[[LogEvent], bool]) -> list[LogEvent]:
        taken = [event for event in self._events if wanted(event)]
        self._events = [event for event in self._events if event not in taken]
        return taken


def _exception(event: LogEvent) -> BaseException | None:
    failure: Failure | None = event.get("log_failure")
    return failure.value if failure is not None else None


def _text(event: LogEvent) -> str:
    return formatEvent(event).strip()


def _delayed_calls() -> set[IDelayedCall]:
    return {call for call in _reactor().getDelayedCalls() if call.active()}


def _selectables() -> set[Any]:
    return {*_reactor().getReaders(), *_reactor().getWriters()}


def _threads() -> set[threading.Thread]:
    # The pool keeps its threads for the next caller; it ends with the reactor.
    pool = _reactor().threadpool
    return set(threading.enumerate()) - set(pool.threads if pool else ())


def _temporary_files() -> set[Path]:
    return set(Path(tempfile.gettempdir()).iterdir())


def _reactor() -> Any:
    # Imported late: pytest-twisted chooses which reactor it will be.
    from twisted.internet import reactor

    return reactor


PROBES: dict[str, Callable[[], set[Any]]] = {
    "delayed call": _delayed_calls,
    "selectable": _selectables,
    "thread": _threads,
    "temporary file": _temporary_files,
}


class Leftovers:
    """What is there now and was not when this was made."""

    def __init__(self) -> None:
        self._before = {kind: probe() for kind, probe in PROBES.items()}

    def find(self) -> dict[str, set[Any]]:
        """Return what is new, by kind; kinds of which nothing is new are left out."""
        new = {kind: probe() - self._before[kind] for kind, probe in PROBES.items()}
        return {kind: things for kind, things in new.items() if things}

    def settle(self) -> dict[str, set[Any]]:
        """Give what is closing some turns of the reactor; return what stays."""
        for pause in [0.0] * QUICK_TURNS + [MOMENT] * SLOW_TURNS:
            if not (new := self.find()):
                break
            pytest_twisted.blockon(deferLater(_reactor(), pause))
        return new

    def describe(self) -> Iterator[str]:
        """Yield a line about each thing that stays, and end what can be ended."""
        new = self.settle()
        for kind, things in new.items():
            yield from (f"left behind: {kind} {thing!s}" for thing in things)
        for call in new.get("delayed call", ()):
            call.cancel()  # It would go off in another test, which would be blamed.


@pytest.fixture
def logged_errors() -> Iterator[LoggedErrors]:
    """The errors logged during this test; take from it those that were meant."""
    errors = LoggedErrors()
    globalLogPublisher.addObserver(errors)
    yield errors
    globalLogPublisher.removeObserver(errors)


@pytest.fixture(scope="session", autouse=True)
def own_temporary_folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Let temporary files, also those of child processes, go to a folder of ours.

    So what another program leaves in the common one is not taken for a test's.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TMPDIR", str(tmp_path_factory.mktemp("temporary")))
        patch.setattr(tempfile, "tempdir", None)
        yield


@pytest.fixture(scope="session", autouse=True)
def running_reactor() -> None:
    """Start the reactor, so that the first test is not taken to task for its pipes."""
    pytest_twisted.blockon(deferLater(_reactor(), 0))


@pytest.fixture(autouse=True)
def no_leftovers(
    own_temporary_folder: None, running_reactor: None, logged_errors: LoggedErrors
) -> Iterator[None]:
    """Fail the test that leaves something behind or logs an error nobody took."""
    leftovers = Leftovers()
    yield
    gc.collect()  # For unhandled errors, and for warnings about unclosed things.
    trouble = [*leftovers.describe(), *logged_errors.describe()]
    if trouble:
        pytest.fail("\n".join(trouble), pytrace=False)


@pytest.hookimpl(trylast=True)
def pytest_collection_finish() -> None:
    """Take what was imported so far out of the collector's rounds.

    The guard collects after every test, and this makes that cheap.
    """
    gc.collect()
    gc.freeze()


def pytest_configure() -> None:
    """Give everything that pytest-twisted waits for a time limit; it has none."""
    _bound("_async_pytest_pyfunc_call")
    _bound("_async_pytest_fixture_setup")
    _bound("_tear_it_down")


def _waited_too_long(result: Any, limit: float) -> Any:
    if not isinstance(result, Failure) or not result.check(CancelledError):
        return result
    place = CancelledError().with_traceback(result.getTracebackObject())
    raise TimeoutError(f"waited for more than {limit} seconds") from place


def _bound(name: str) -> None:
    original = getattr(pytest_twisted, name)

    def bounded(*args: Any) -> Deferred[Any]:
        waiting: Deferred[Any] = original(*args)
        return waiting.addTimeout(TIME_LIMIT, _reactor(), _waited_too_long)

    setattr(pytest_twisted, name, bounded)
