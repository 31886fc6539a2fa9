"""The guard catches each thing it is there for, and lets clean tests pass."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


PRELUDE = """
import tempfile, threading
import pytest, pytest_twisted
from twisted.internet import defer, protocol, reactor, task, threads
from twisted.logger import Logger
from twisted.python.failure import Failure

"""


@pytest.fixture
def guarded(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> pytest.Pytester:
    """A place for test modules that run under the guard, in another process."""
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("TXMULTIPART_TEST_TIME_LIMIT", "0.2")
    monkeypatch.setenv("COLUMNS", "1000")  # So that the summary is not cut off.
    pytester.makeconftest('pytest_plugins = ("tests.guard",)')
    return pytester


BAD = {
    "lost_failure": (
        "def test_it(): defer.fail(ZeroDivisionError())",
        "*logged error: *ZeroDivisionError*",
    ),
    "lost_failure_in_a_cycle": (
        """
def test_it():
    d = defer.fail(ZeroDivisionError())
    d.itself = d
""",
        "*logged error: *ZeroDivisionError*",
    ),
    "logged_failure": (
        "def test_it(): Logger().failure('so', Failure(KeyError()))",
        "*logged error: so*KeyError*",
    ),
    "logged_error": (
        "def test_it(): Logger().error('oh dear')",
        "*logged error: oh dear*",
    ),
    "error_nobody_expected": (
        """
def test_it(logged_errors):
    Logger().error('oh dear')
    defer.fail(ZeroDivisionError())
    assert logged_errors.flush(ZeroDivisionError)
""",
        "*logged error: oh dear*",
    ),
    "delayed_call": (
        "def test_it(): reactor.callLater(60, print)",
        "*left behind: delayed call*print*",
    ),
    "port": (
        "def test_it(): reactor.listenTCP(0, protocol.Factory())",
        "*left behind: selectable*Factory*",
    ),
    "connection": (
        """
@pytest_twisted.ensureDeferred
async def test_it():
    factory = protocol.Factory.forProtocol(protocol.Protocol)
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    creator = protocol.ClientCreator(reactor, protocol.Protocol)
    await creator.connectTCP("127.0.0.1", port.getHost().port)
    await port.stopListening()
""",
        "*left behind: selectable*",
    ),
    "thread": (
        """
def test_it():
    threading.Thread(target=threading.Event().wait, daemon=True, name="lost").start()
""",
        "*left behind: thread*lost*",
    ),
    "temporary_file": (
        "def test_it(): tempfile.mkstemp(prefix='.txmultipart-')",
        "*left behind: temporary file*.txmultipart-*",
    ),
    "test_that_waits": (
        """
@pytest_twisted.ensureDeferred
async def test_it():
    await defer.Deferred()  # here
""",
        "*TimeoutError: waited for more than*",
    ),
    "unmarked_test_that_waits": (
        "async def test_it(): await defer.Deferred()",
        "*TimeoutError: waited for more than*",
    ),
    "fixture_that_waits": (
        """
@pytest_twisted.async_fixture
async def endless():
    await defer.Deferred()

def test_it(endless): pass
""",
        "*TimeoutError: waited for more than*",
    ),
    "coroutine_that_nobody_awaits": (
        """
def test_it():
    async def forgotten(): pass
    forgotten()
""",
        "*PytestUnraisable*coroutine*forgotten*",
    ),
    "unclosed_file": (
        "def test_it(): open(__file__)",
        "*PytestUnraisable*FileIO*",
    ),
}


def test_the_guard_catches_each_and_blames_no_other(guarded: pytest.Pytester) -> None:
    guarded.makepyfile(**{f"test_{k}": PRELUDE + s for k, (s, _) in BAD.items()})
    result = guarded.runpytest_subprocess("-Werror")
    for kind, (_, trouble) in BAD.items():
        result.stdout.fnmatch_lines_random([f"* test_{kind}.py::test_it - {trouble}"])
    result.stdout.fnmatch_lines(["*await defer.Deferred()  # here"])
    outcomes = result.parseoutcomes()
    assert outcomes.get("failed", 0) + outcomes.get("errors", 0) == len(BAD)


GOOD = """
from hypothesis import given, strategies

def test_nothing(): pass

def test_expected_errors(logged_errors):
    Logger().error('oh dear')
    defer.fail(ZeroDivisionError())
    assert logged_errors.flush_text('dear') == ['oh dear']
    assert len(logged_errors.flush(ZeroDivisionError)) == 1

def test_every_error(logged_errors):
    defer.fail(ZeroDivisionError())
    Logger().failure('so', Failure(KeyError()))
    assert {type(e) for e in logged_errors.flush()} == {ZeroDivisionError, KeyError}

@pytest_twisted.ensureDeferred
async def test_waiting():
    await task.deferLater(reactor, 0.001)

async def test_the_pool_keeps_its_threads():
    await threads.deferToThread(int)

@given(strategies.binary())
def test_hypothesis(data): pass

async def test_a_connection_that_closes_by_itself():
    factory = protocol.Factory.forProtocol(protocol.Protocol)
    port = reactor.listenTCP(0, factory, interface="127.0.0.1")
    creator = protocol.ClientCreator(reactor, protocol.Protocol)
    client = await creator.connectTCP("127.0.0.1", port.getHost().port)
    client.transport.loseConnection()
    await port.stopListening()

def test_a_thread_that_ends():
    threading.Timer(0.05, int).start()

def test_a_temporary_file_that_goes():
    with tempfile.NamedTemporaryFile(prefix='txmultipart-'): pass

async def test_a_process():
    from twisted.internet.utils import getProcessOutput
    assert await getProcessOutput('/bin/echo', [b'hello']) == b'hello\\n'
"""


@pytest.mark.parametrize("reactor", ["default", "asyncio"])
def test_the_guard_lets_pass(reactor: str, guarded: pytest.Pytester) -> None:
    guarded.makepyfile(PRELUDE + GOOD)
    result = guarded.runpytest_subprocess("-Werror", f"--reactor={reactor}")
    result.assert_outcomes(passed=GOOD.count("def test_"))
