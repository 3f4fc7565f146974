"""All orders in which clients, lines and the archive can take their steps, each state visited once.

Breadth first, so that the way to a state that must not be is told by the shortest trace there is. No kept library was
found that runs real code against a model and remembers states: hypothesis draws runs at random and cannot say that it
has seen all; frontrun and detangle schedule the threads or tasks of one program, without states; for apalache,
stateright and the checkers of Petri nets the client would have to be written once more, in their language.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.transfer.model import archive
from tests.transfer.model.archive import OVER, PART, WHOLE, Disk, Face, Request
from tests.transfer.model.clients import Answered, Ask, Client, Lost, Observation, Put, Report, Runner


@dataclass(frozen=True)
class Scenario:
    """Who acts, on what, and how much may go wrong.

    Parameters
    ----------
    disk : Disk
        What lies there at the beginning.
    clients : tuple of Client
        They act at the same time.
    face : Face
        How the archive does it.
    faults : int
        How often a line may break, an answer be lost, a proxy repeat a request, the archive break a request off, or a
        question stay without answer, in all together.
    rerun : Client or None
        What is run after the first client has been killed, at any moment, once.
    patient : bool
        Each request ends while its sender waits for it; else it may outlast any patience, and then the archive does not
        break it off any more, since nobody could know.
    repeats : bool
        A proxy may send a request a second time.
    breaks_off : bool
        The archive may break a request off.
    unanswered : bool
        Questions may stay without an answer.
    notices : bool
        The archive notices a line that breaks in a body before its client sends anything again.
    fragile : int or None
        The only client whose lines break, and whose requests are broken off; None if all may suffer.
    """

    disk: Disk
    clients: tuple[Client, ...]
    face: Face
    faults: int = 2
    rerun: Client | None = None
    patient: bool = False
    repeats: bool = False
    breaks_off: bool = True
    unanswered: bool = True
    notices: bool = False
    fragile: int | None = None


class Running(NamedTuple):
    """One client: what it has seen, as a node of the runner's tree, and the number of its request on the way."""

    node: int
    sent: int = -1
    rerun: bool = False


class State(NamedTuple):
    disk: Disk
    clients: tuple[Running, ...]
    faults: int
    requests: int = 0


@dataclass
class Explored:
    """What an exploration has come across."""

    states: int = 0
    ends: int = 0
    replaced_unseen: int = 0
    statuses: set[str] = field(default_factory=set)
    trace: tuple[str, ...] = ()


class Explorer:
    """Explores one scenario."""

    def __init__(self, scenario: Scenario, runner: Runner) -> None:
        self._scenario = scenario
        self._runner = runner

    def all(self) -> Explored:
        """Visit every state once; stop at the first that must not be, and tell the way there."""
        start = self._start()
        came_from: dict[State, tuple[State, str] | None] = {start: None}
        waiting = deque([start])
        found = Explored()
        while waiting:
            state = waiting.popleft()
            at_rest = True
            for said, after in self._steps(state):
                at_rest = False
                if after not in came_from:
                    came_from[after] = state, said
                    waiting.append(after)
            if at_rest:
                found.ends += 1
                self._note(state, found)
            wrong = self._wrong(state, at_rest=at_rest)
            if wrong:
                found.trace = (*_way(came_from, state), wrong)
                break
        found.states = len(came_from)
        return found

    def walk(self, rng: random.Random) -> Explored:
        """Take steps at random until everything has come to rest."""
        state, trace = self._start(), []
        while steps := list(self._steps(state)):
            said, state = rng.choice(steps)
            trace.append(said)
        found = Explored(states=len(trace), ends=1)
        self._note(state, found)
        wrong = self._wrong(state, at_rest=True)
        if wrong:
            found.trace = (*trace, wrong)
        return found

    def _start(self) -> State:
        scenario = self._scenario
        return State(
            scenario.disk, tuple(Running(self._runner.begin(client)) for client in scenario.clients), scenario.faults
        )

    def _steps(self, state: State) -> Iterator[tuple[str, State]]:
        for request in state.disk.requests:
            yield from self._steps_of_request(state, request)
        for number, running in enumerate(state.clients):
            yield from self._steps_of_client(state, number, running)

    def _steps_of_request(self, state: State, request: Request) -> Iterator[tuple[str, State]]:
        name = f"request {request.number}"
        advanced = archive.advanced(state.disk, request, self._scenario.face)
        if advanced is not None:
            yield f"{name} {advanced[0]}", state._replace(disk=advanced[1])
        if request.step != OVER and request.connected and request.received < WHOLE:
            # A part of a form is as good as nothing: it goes no further before all of it is there.
            arrived = request._replace(received=WHOLE if request.form else request.received + 1)
            said = "a part" if arrived.received == PART else "all"
            yield f"{said} of {name} has arrived", _with(state, request, arrived)
        breakable = self._scenario.breaks_off and state.faults and archive.READ < request.step < OVER
        if breakable and self._may_be_broken_off(state, request):
            broken = state._replace(disk=archive.broken_off(state.disk, request), faults=state.faults - 1)
            yield f"{name} is broken off by the archive", broken

    def _may_be_broken_off(self, state: State, request: Request) -> bool:
        """What nobody waits for any more may not be: that is what cannot be promised."""
        if request.sender != self._scenario.fragile is not None:
            return False
        if self._scenario.rerun is not None and not state.clients[0].rerun:
            return False  # nobody is left who could tell, if the client dies as well
        if request.sender >= len(state.clients) or not (request.connected or self._scenario.patient):
            return False
        return not isinstance(self._action(state.clients[request.sender]), Report)

    def _steps_of_client(self, state: State, number: int, running: Running) -> Iterator[tuple[str, State]]:
        name = "AB"[number]
        action = self._action(running)
        rerun = self._scenario.rerun
        if rerun is not None and number == 0 and not running.rerun and not isinstance(action, Report):
            disk = archive.abandoned(state.disk, number, now=number + len(state.clients))
            clients = _put(state.clients, number, Running(self._runner.begin(rerun), rerun=True))
            yield f"{name} is killed, and runs again", state._replace(disk=disk, clients=clients)
        if isinstance(action, Put):
            if running.sent < 0:
                if self._scenario.notices and self._is_at_work_on_parts(state, number):
                    return
                yield from self._sends(state, number, running, action)
            else:
                yield from self._waits(state, number, running)
        elif isinstance(action, Ask) and self._may_ask(state, action):
            disk, answer = self._answer(state.disk, action)
            yield f"{name}: {action}{_shown(action, answer)}", self._seen(state._replace(disk=disk), number, answer)
            if self._may_suffer(state, number) and self._scenario.unanswered and action.what != "pause":
                lost = state._replace(faults=state.faults - 1)
                yield f"{name}: {action}, without an answer", self._seen(lost, number, Lost.LOST)

    def _is_at_work_on_parts(self, state: State, number: int) -> bool:
        return any(
            each.sender == number and not each.connected and each.received < WHOLE for each in state.disk.requests
        )

    def _may_suffer(self, state: State, number: int) -> bool:
        return state.faults > 0 and self._scenario.fragile in (None, number)

    def _may_ask(self, state: State, action: Ask) -> bool:
        """In a patient scenario a pause lasts until everything that was sent has ended."""
        busy = any(archive.advanced(state.disk, request, self._scenario.face) for request in state.disk.requests)
        return not (self._scenario.patient and action.what == "pause" and busy)

    def _sends(self, state: State, number: int, running: Running, put: Put) -> Iterator[tuple[str, State]]:
        sent = state.requests + 1
        request = Request(
            sent, number, put.form, put.extracts, put.overwrite, self._client(state, number).exist_ok, put.files
        )
        disk = state.disk._replace(requests=(*state.disk.requests, request))
        clients = _put(state.clients, number, running._replace(sent=sent))
        yield (
            f"{'AB'[number]} sends request {sent}: {put}",
            state._replace(disk=disk, clients=clients, requests=sent),
        )

    def _waits(self, state: State, number: int, running: Running) -> Iterator[tuple[str, State]]:
        name = f"{'AB'[number]}: request {running.sent}"
        request = next(each for each in state.disk.requests if each.number == running.sent)
        if request.step == OVER:
            gone = state._replace(disk=archive.without(state.disk, request))
            answer = Answered(request.refused, request.failed)
            said = request.failed or (f"refused {', '.join(request.refused)}" if request.refused else "200")
            yield f"{name} is answered: {said}", self._seen(gone, number, answer)
        if not self._may_suffer(state, number):
            return
        hung_up = state._replace(disk=archive.hung_up(state.disk, request), faults=state.faults - 1)
        if request.received < WHOLE:
            yield f"{name} loses its line, early", self._seen(hung_up, number, Answered(wrong="line", left=False))
        yield f"{name} loses its line, its body having left", self._seen(hung_up, number, Answered(wrong="line"))
        if self._scenario.repeats and request.received == WHOLE:
            twin = request._replace(number=state.requests + 1, step=archive.READ, position=0, inode=-1, stale=False)
            twin = twin._replace(written=(), refused=(), taken=(), read=(), failed="")
            disk = archive.hung_up(state.disk, request)
            disk = disk._replace(requests=(*disk.requests, twin))
            clients = _put(state.clients, number, running._replace(sent=twin.number))
            yield (
                f"{name} is repeated by a proxy, as request {twin.number}",
                State(disk, clients, state.faults - 1, twin.number),
            )

    def _answer(self, disk: Disk, action: Ask) -> tuple[Disk, Observation]:
        face = self._scenario.face
        if action.what == "listing":
            return disk, tuple(sorted(archive.listing(disk, face).items()))
        if action.what == "refresh":
            return archive.refreshed(disk, face), None
        content = disk.content(action.name) if disk.entry(action.name) is not None else None
        if action.what == "size":
            return disk, None if content is None else len(content)
        if action.what == "bytes":
            return disk, None if content is None else archive.md5_of(content)
        return disk, None

    def _seen(self, state: State, number: int, observation: Observation) -> State:
        running = state.clients[number]
        after = running._replace(node=self._runner.after(running.node, observation), sent=-1)
        return state._replace(clients=_put(state.clients, number, after))

    def _client(self, state: State, number: int) -> Client:
        return self._runner.client(state.clients[number].node)

    def _action(self, running: Running) -> Put | Ask | Report:
        return self._runner.actions[running.node]

    def _note(self, state: State, found: Explored) -> None:
        found.replaced_unseen += bool(state.disk.replaced)
        for running in state.clients:
            action = self._action(running)
            assert isinstance(action, Report), action
            found.statuses.update(status for _, status in action.statuses)

    def _wrong(self, state: State, *, at_rest: bool) -> str:
        for number, running in enumerate(state.clients):
            action = self._action(running)
            if isinstance(action, Put) and action.overwrite and not self._client(state, number).exist_ok:
                for name, content in action.files:
                    listed = self._runner.last_listing(running.node).get(name)
                    if listed is not None and listed.md5 != archive.md5_of(content):
                        return f"{'AB'[number]} sends {name} over a file that it has seen listed, and must not"
        return self._false_report(state) if at_rest else ""

    def _false_report(self, state: State) -> str:
        reports = [self._action(running) for running in state.clients]
        for number, report in enumerate(reports):
            assert isinstance(report, Report)
            for name, status in report.statuses:
                content = dict(self._client(state, number).content)[name]
                right = {content}
                told = False
                for other, theirs in enumerate(reports):
                    assert isinstance(theirs, Report)
                    failed = dict(theirs.statuses)[name] not in ("stored", "skipped", "unproven")
                    if other != number:
                        told |= failed  # two at the same moment: the loser says so
                        if self._client(state, other).exist_ok:
                            right.add(dict(self._client(state, other).content)[name])
                if state.disk.replaced == name:
                    continue  # by one that had looked before it was listed: see docs/promises.md
                there = state.disk.content(name) if state.disk.entry(name) is not None else None
                if status == "unproven":
                    true = there is not None and len(there) == len(content)
                else:
                    true = status not in ("stored", "skipped") or there in right
                if not true and not told:
                    return f"{'AB'[number]} was told {status} for {name}, and at rest there is {there!r}"
        return ""


def _way(came_from: dict[State, tuple[State, str] | None], state: State) -> list[str]:
    steps: list[str] = []
    while before := came_from[state]:
        state, said = before
        steps.append(said)
    return steps[::-1]


def _with(state: State, request: Request, after: Request) -> State:
    requests = tuple(after if each is request else each for each in state.disk.requests)
    return state._replace(disk=state.disk._replace(requests=requests))


def _put(clients: tuple[Running, ...], number: int, running: Running) -> tuple[Running, ...]:
    return (*clients[:number], running, *clients[number + 1 :])


def _shown(action: Ask, answer: Observation) -> str:
    if action.what != "listing":
        return "" if answer is None else f" is {answer}"
    assert isinstance(answer, tuple)
    assert not isinstance(answer, Answered)
    listed = ", ".join(f"{name} ({file.size_bytes} bytes, MD5 {file.md5[:4]}…)" for name, file in answer)
    return f" shows {listed or 'nothing'}"
