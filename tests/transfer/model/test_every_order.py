"""The transfer against a modelled archive, in every order of steps: what is called stored is stored when all rests.

Each scenario is explored whole: every state that clients, lines and the archive can come into, up to the number of
faults that it says. The staged cases that once ended in a false "stored" are among them: a slow request whose answer is
lost, and a second one that breaks on the way; a large file; a batch; a killed client that is run again.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.transfer.model.archive import FACES, Disk, Face, with_files, with_leftover
from tests.transfer.model.clients import Client, Runner
from tests.transfer.model.explorer import Explored, Explorer, Scenario

OURS = (("a", b"AAAA"),)
THEIRS = (("a", b"BBBB"),)
BATCH = (("a", b"AAAA"), ("b", b"aaaa"))
OLD = b"oooo"
XNAT_1_8 = FACES["1.8"]


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def holding_the_old(face: Face) -> Disk:
    return with_files(face, a=OLD)


def one(client: Client, disk: Disk = Disk(), face: Face = XNAT_1_8, **more: object) -> Scenario:  # noqa: B008
    return Scenario(disk, (client,), face, **more)  # type: ignore[arg-type]


NEW = Client(OURS)
REPLACING = Client(OURS, exist_ok=True)
AGAIN = Client(OURS, exist_ok=True, attempts=2)
ONCE = Client(OURS, exist_ok=True, attempts=1)
THEIRS_ONCE = Client(THEIRS, exist_ok=True, attempts=1)

# Up to three requests of one client, on an archive that may go on with each for as long as it likes.
OUTLASTING = {
    "a new file": one(NEW),
    "a large new file": one(replace(NEW, large=True)),
    "a new file, where replacing is allowed": one(REPLACING, faults=2),
    "a batch of new files": one(Client(BATCH)),
    "a file that replaces another": one(REPLACING, holding_the_old(XNAT_1_8), unanswered=False),
    "a leftover, where replacing is allowed": one(AGAIN, with_leftover(Disk(), "a", b"oo"), unanswered=False),
    "a new file, through a proxy that repeats": one(NEW, repeats=True, faults=1),
    "replaced, through a proxy that repeats": one(REPLACING, holding_the_old(XNAT_1_8), repeats=True, faults=1),
}
# The same where each request ends while its client waits for it, and may be broken off by the archive until then.
PATIENT = {
    f"{name}, patiently": replace(scenario, patient=True, faults=3, unanswered=True)
    for name, scenario in OUTLASTING.items()
    if "repeats" not in name
}
OTHER_FACES = {
    f"{name}, on {face}": replace(
        OUTLASTING[name],
        face=FACES[face],
        disk=holding_the_old(FACES[face]) if "replaces" in name else Disk(),
        # 1.6 loses entries without a word where two writers overlap: no promise for a request that outlasts us.
        patient=face == "1.6",
        notices=face == "1.6",
        unanswered=False,
    )
    for face in ("1.8 without checksums", "1.6", "1.10.2")
    for name in ("a new file", "a large new file", "a batch of new files", "a file that replaces another")
}
KILLED = {
    "killed with a new file": one(NEW, rerun=AGAIN, faults=1),
    "killed with a large new file": one(replace(NEW, large=True), rerun=replace(AGAIN, large=True), faults=1),
    "killed with a batch": one(
        Client(BATCH), rerun=Client(BATCH, exist_ok=True, attempts=1), faults=1, unanswered=False
    ),
    "killed while replacing": one(ONCE, holding_the_old(XNAT_1_8), rerun=AGAIN, faults=1, unanswered=False),
    "killed, and run again without being allowed to replace": one(NEW, rerun=Client(OURS, attempts=2), faults=1),
}
TWO = {
    "two clients, one new name": Scenario(Disk(), (NEW, Client(THEIRS)), XNAT_1_8, faults=0),
    "two clients, one may replace": Scenario(Disk(), (NEW, Client(THEIRS, exist_ok=True)), XNAT_1_8, faults=0),
    "two clients that may replace": Scenario(Disk(), (ONCE, THEIRS_ONCE), XNAT_1_8, faults=0),
    "two clients that replace": Scenario(holding_the_old(XNAT_1_8), (ONCE, THEIRS_ONCE), XNAT_1_8, faults=0),
    "two clients, one new name, one broken line": Scenario(
        Disk(),
        (Client(OURS, attempts=2), Client(THEIRS, attempts=2)),
        XNAT_1_8,
        faults=1,
        fragile=0,
        patient=True,
        unanswered=False,
        breaks_off=False,
    ),
    "two clients with the same bytes": Scenario(Disk(), (NEW, NEW), XNAT_1_8, faults=0),
}
SLOW = {
    "a new file, on a slow line": one(replace(NEW, slow=True)),
    "a large new file, on a slow line, patiently": one(
        replace(NEW, slow=True, large=True), patient=True, faults=3, unanswered=True
    ),
    "a batch, on a slow line": one(Client(BATCH, slow=True), unanswered=False),
    "a new file, on a slow line, on 1.6": one(
        replace(NEW, slow=True), face=FACES["1.6"], patient=True, notices=True, unanswered=False
    ),
    "killed on a slow line, and run again without being allowed to replace": one(
        replace(NEW, slow=True), rerun=Client(OURS, attempts=2, slow=True), faults=1
    ),
}
READ_BACK = {
    f"{name}, read back on {face}": replace(
        scenario, clients=tuple(replace(client, read_back=True) for client in scenario.clients), faults=1
    )
    for face in ("1.8 without checksums", "1.6")
    for name in ("a new file", "a large new file", "a batch of new files", "a file that replaces another")
    for scenario in [OTHER_FACES[f"{name}, on {face}"]]
}
ALL = {**OUTLASTING, **PATIENT, **OTHER_FACES, **KILLED, **TWO, **SLOW, **READ_BACK}


@pytest.mark.parametrize("name", ALL)
def test_in_every_order_of_steps_what_is_called_stored_is_stored(name: str, tmp_path: Path) -> None:
    found = Explorer(ALL[name], Runner(tmp_path, polls=1)).all()
    assert not found.trace, told(found)
    assert found.states > 100
    assert {"stored", "unproven"} & found.statuses, "nothing was ever stored"
    print(f"{name}: {found.states} states, {found.ends} ends")


@pytest.mark.parametrize("seed", range(20))
def test_on_random_ways_through_larger_cases_what_is_called_stored_is_stored(seed: int, tmp_path: Path) -> None:
    rng = random.Random(seed)
    names = tuple("abcdefghij")
    content = tuple((name, name.encode() * 4) for name in names)
    old = with_files(XNAT_1_8, **dict.fromkeys(names[:3], b"oooo"))
    for _ in range(10):
        face = FACES[rng.choice(list(FACES))]
        exist_ok = rng.random() < 0.5
        client = Client(content, exist_ok=exist_ok, large=rng.random() < 0.3, attempts=4, read_back=rng.random() < 0.5)
        scenario = Scenario(
            old if exist_ok else Disk(),
            (client,),
            face,
            faults=rng.randrange(1, 7),
            rerun=replace(client, exist_ok=True) if rng.random() < 0.3 else None,
            patient=face.sizes_on_disk or rng.random() < 0.3,
            notices=face.sizes_on_disk,
            repeats=rng.random() < 0.3,
        )
        found = Explorer(scenario, Runner(tmp_path, polls=2)).walk(rng)
        assert not found.trace, told(found)


def told(found: Explored) -> str:
    return "\n".join(["after this:", *(f"  {number:2d}. {said}" for number, said in enumerate(found.trace, 1))])
