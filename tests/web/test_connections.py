"""The connections of a site: how many there may be, and how they end in peace."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorCore
from twisted.internet.task import Clock
from twisted.web.resource import Resource
from zope.interface import directlyProvides

from tests.http2.client import Client
from tests.http2.resources import Echo, Taker, Writer
from tests.web.wire import CHUNKED, Transport, Wire, chunks, head, request_bytes
from txmultipart import StreamingSite
from txmultipart.web.connections import Connections


class Connection:
    """Keeps what it is told, and leaves if it is ``kind``."""

    def __init__(self, connections: Connections, *, kind: bool = True) -> None:
        self.connections, self.kind = connections, kind
        self.told: list[str] = []
        connections.add(self)

    def leave(self) -> None:
        self.told.append("leave")
        if self.kind:
            self.connections.remove(self)

    def give_up(self) -> None:
        self.told.append("give up")
        self.connections.remove(self)


class TestDraining:
    """Without any network."""

    def test_nobody_is_there(self) -> None:
        clock = Clock()
        connections = Connections(clock)
        assert connections.drain(5).called
        assert clock.getDelayedCalls() == []
        assert not connections.has_room
        connections.reopen()
        assert connections.has_room

    def test_all_leave(self) -> None:
        connections = Connections(Clock())
        made = [Connection(connections) for _ in range(3)]
        assert connections.drain(5).called
        assert [each.told for each in made] == [["leave"]] * 3

    def test_time_is_up(self) -> None:
        clock = Clock()
        connections = Connections(clock)
        slow = Connection(connections, kind=False)
        drained = [connections.drain(5), connections.drain(3)]
        clock.advance(2)
        assert not drained[0].called
        clock.advance(1)
        assert slow.told == ["leave", "leave", "give up"]
        assert all(each.called for each in drained)
        assert clock.getDelayedCalls() == []

    def test_whoever_comes_after_that_is_not_thrown_out(self) -> None:
        clock = Clock()
        connections = Connections(clock)
        slow = Connection(connections, kind=False)
        drained = connections.drain(5)
        connections.reopen()
        late = Connection(connections, kind=False)
        clock.advance(5)
        assert slow.told == ["leave", "give up"]
        assert late.told == []
        assert drained.called
        again = connections.drain(5)
        assert not again.called
        connections.remove(late)
        assert again.called
        assert clock.getDelayedCalls() == []

    def test_no_time_runs_when_all_have_gone(self) -> None:
        clock = Clock()
        connections = Connections(clock)
        slow = Connection(connections, kind=False)
        drained = connections.drain(5)
        drained.addErrback(lambda failure: None)
        drained.cancel()
        connections.remove(slow)
        assert clock.getDelayedCalls() == []

    def test_whoever_waits_no_more_is_not_told(self) -> None:
        clock = Clock()
        connections = Connections(clock)
        slow = Connection(connections, kind=False)
        drained = connections.drain(5)
        drained.addErrback(lambda failure: None)
        drained.cancel()
        clock.advance(5)
        assert slow.told == ["leave", "give up"]
        connections.remove(slow)


@pytest.mark.parametrize("closed", [True, False])
@pytest.mark.parametrize("event", ["drain", "reopen"])
def test_every_state_meets_every_event(closed: bool, event: str) -> None:
    connections = Connections(Clock())
    if closed:
        connections.drain(1)
    assert connections.has_room is not closed
    there = Connection(connections, kind=False)
    if event == "drain":
        waiting = connections.drain(1)
        assert there.told == ["leave"]
    else:
        connections.reopen()
        assert there.told == []
    assert connections.has_room is (event == "reopen")
    connections.remove(there)
    assert event == "reopen" or waiting.called


#: What is said on a connection, and what becomes of it: closed, aborted, or goes on.
ENDS = {
    ("nothing", "leave"): "closed",
    ("nothing", "give_up"): "aborted",
    ("HTTP/1.1", "leave"): "goes on",
    ("HTTP/1.1", "give_up"): "aborted",
    ("HTTP/2", "leave"): "goes on",
    ("HTTP/2", "give_up"): "closed",
}


@pytest.mark.parametrize(("said", "event"), ENDS)
def test_every_connection_meets_both_ends(said: str, event: str) -> None:
    client = Client(Writer(), greet=said == "HTTP/2")
    if said == "HTTP/2":
        client.request()
    elif said == "HTTP/1.1":
        client.protocol.dataReceived(request_bytes())
    getattr(client.protocol, event)()
    found = "closed" if client.is_closed else "goes on"
    assert ("aborted" if client.transport.aborting else found) == ENDS[said, event]
    client.lose()


@pytest.mark.parametrize("most", [None, 0, 2])
def test_so_many_and_no_more(most: int | None) -> None:
    site: Any = StreamingSite(Echo(), reactor=Clock(), max_connections=most)
    wires = []
    for _ in range(3):
        transport = Transport()
        aborted: list[bool] = []
        transport.abortConnection = lambda aborted=aborted: aborted.append(True)  # type: ignore[method-assign, misc]
        protocol = site.buildProtocol(transport.getPeer())
        protocol.makeConnection(transport)
        wires.append((protocol, aborted))
    assert [bool(a) for _, a in wires].count(False) == (3 if most is None else most)
    assert len(site.connections) == (3 if most is None else most)
    for protocol, aborted in wires:
        if not aborted:
            protocol.connectionLost(None)
    assert len(site.connections) == 0
    assert site.connections.has_room is (most != 0)


class TestHTTP1:
    """A request under way is answered, and the connection is closed then."""

    def test_idle(self) -> None:
        wire = Wire(Echo())
        drained = wire.site.drain()  # type: ignore[attr-defined]
        assert wire.is_closed()
        assert not drained.called
        wire.lose()
        assert drained.called

    def test_between_two_requests(self) -> None:
        wire = Wire(Echo()).send(request_bytes())
        wire.site.drain()  # type: ignore[attr-defined]
        assert wire.is_closed()
        wire.lose()

    @pytest.mark.parametrize("lead", [b"", b"P", b"PRI * HTTP/2"])
    def test_before_it_is_known_what_is_spoken(self, lead: bytes) -> None:
        wire = Wire(Echo()).send(lead)
        wire.site.drain()  # type: ignore[attr-defined]
        assert wire.is_closed()
        wire.lose()

    def test_an_answer_under_way(self) -> None:
        writer = Writer()
        wire = Wire(writer).send(request_bytes() + request_bytes())
        wire.site.drain()  # type: ignore[attr-defined]
        assert not wire.is_closed()
        writer.requests[0].write(b"abc")
        writer.requests[0].finish()
        assert wire.answer.headers["connection"] == "close"
        assert wire.answer.body == b"abc"
        assert wire.is_closed()
        assert len(writer.requests) == 1
        wire.lose()

    def test_an_answer_that_has_begun(self) -> None:
        writer = Writer()
        wire = Wire(writer).send(request_bytes())
        writer.requests[0].write(b"abc")
        wire.site.drain()  # type: ignore[attr-defined]
        writer.requests[0].finish()
        assert wire.answer.body == b"abc"
        assert wire.is_closed()
        wire.lose()

    def test_a_body_under_way(self) -> None:
        taker = Taker()
        wire = Wire(taker).send(head("PUT", "/", CHUNKED) + chunks(b"abc")[:4])
        pieces = taker.take()
        wire.site.drain()  # type: ignore[attr-defined]
        wire.send(chunks(b"abc")[4:])
        assert b"".join(pieces) == b"abc"
        taker.answer()
        assert wire.answer.headers["connection"] == "close"
        assert wire.is_closed()
        wire.lose()

    def test_a_head_under_way(self) -> None:
        sent = request_bytes()
        wire = Wire(Echo()).send(sent[:30])
        wire.site.drain()  # type: ignore[attr-defined]
        wire.send(sent[30:])
        assert wire.answer.headers["connection"] == "close"
        assert wire.is_closed()
        wire.lose()

    def test_time_is_up(self) -> None:
        taker = Taker()
        wire = Wire(taker, timeout=None)
        transport: Any = wire.transport
        transport.abortConnection = lambda: wire.lose()
        wire.send(head("PUT", "/", "Content-Length: 10") + b"abc")
        taker.take()
        drained = wire.site.drain(7)  # type: ignore[attr-defined]
        wire.clock.advance(6)
        assert not drained.called
        wire.clock.advance(1)
        assert drained.called
        assert len(taker.sink.failures) == 1
        assert wire.clock.getDelayedCalls() == []


class TestHTTP2:
    """GOAWAY; a request under way is answered."""

    def test_a_request_under_way(self) -> None:
        writer = Writer()
        client = Client(writer)
        stream_id = client.request()
        drained: Deferred[None] = client.site.drain()
        assert len(client.read().goaways) == 1
        client.advance(2)
        assert not client.is_closed
        writer.requests[0].finish()
        assert client.read().answers[stream_id].ended
        assert client.is_closed
        client.lose()
        assert drained.called
        assert client.clock.getDelayedCalls() == []

    def test_time_is_up(self) -> None:
        taker = Taker()
        client = Client(taker)
        client.request("PUT", "/", end=False)
        taker.take()
        drained: Deferred[None] = client.site.drain()
        client.advance(10)
        assert client.is_closed
        assert client.code == 0
        assert len(taker.sink.failures) == 1
        client.advance(2)
        assert client.transport.aborting
        client.lose()
        assert drained.called


class Reactor(Clock):
    """A clock that has triggers, as far as they are needed here."""

    def __init__(self) -> None:
        super().__init__()
        directlyProvides(self, IReactorCore)
        self.triggers: list[Any] = []

    def addSystemEventTrigger(self, *trigger: Any) -> Any:
        self.triggers.append(trigger)
        return trigger

    def removeSystemEventTrigger(self, trigger: Any) -> None:
        self.triggers.remove(trigger)


class TestSite:
    """The reactor stops, or the last port closes."""

    def start(self, root: Any = None) -> tuple[Any, Any, Wire]:
        reactor: Any = Reactor()
        wire = Wire(root or Resource(), clock=reactor)
        wire.site.doStart()
        return reactor, wire.site, wire

    def test_the_reactor_stops(self) -> None:
        writer = Writer()
        reactor, site, wire = self.start(writer)
        wire.send(request_bytes())
        ((when, what, stopping),) = reactor.triggers
        assert (when, what) == ("before", "shutdown")
        stopped = stopping()
        assert not stopped.called
        writer.requests[0].finish()
        wire.lose()
        assert stopped.called
        site.doStop()

    def test_the_last_port_closes(self) -> None:
        reactor, site, wire = self.start()
        site.doStart()
        site.doStop()
        assert not wire.is_closed()
        site.doStop()
        assert reactor.triggers == []
        assert wire.is_closed()
        assert site._logFile is not None
        wire.lose()
        assert site._logFile is None

    def test_another_port_opens(self) -> None:
        reactor, site, wire = self.start()
        site.doStop()
        assert not site.connections.has_room
        site.doStart()
        assert site.connections.has_room
        assert len(reactor.triggers) == 1
        wire.lose()
        assert site._logFile is not None
        site.doStop()
        assert site._logFile is None

    def test_a_clock_that_is_no_reactor(self) -> None:
        site = Wire(Resource()).site
        site.doStart()
        site.doStop()
