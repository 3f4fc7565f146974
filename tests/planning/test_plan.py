"""What will be done is decided from listings alone, and each file travels exactly once."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xnat_upload import Accession, Plan, Resource, Scan, TransferSettings
from xnat_upload.archive.listing import Listing, StoredFile
from xnat_upload.local.file import Fingerprint, Identity, LocalFile
from xnat_upload.local.root import Root
from xnat_upload.local.source import AnyFile
from xnat_upload.planning.decide import divide, make_plan
from xnat_upload.planning.step import Action, Form, Shipment, Step
from xnat_upload.planning.treatment import ExistOk, Treatment

RESOURCE = Resource(Scan(Accession("hub-1", "P1", "S1", "E1", "FAK1", "xnat:mrSessionData"), "4"), "NIFTI")
MD5 = "900150983cd24fb0d6963f7d28e17f72"
OTHER_MD5 = "f" * 32


def local_file(name: str, size_bytes: int = 3) -> LocalFile:
    return LocalFile(name, Root(Path("/data"), Path("/data")), name, name, size_bytes, Identity(1, 2, 3, 3).packed())


def plan(
    files: Sequence[LocalFile],
    *,
    listed: Listing | None = None,
    exist_ok: ExistOk = True,
    md5: str = MD5,
    read: Callable[[AnyFile], Fingerprint] | None = None,
    settings: TransferSettings = TransferSettings(),  # noqa: B008  frozen
) -> Plan:
    listed = listed or {}
    return make_plan(
        RESOURCE,
        files,
        listed=listed,
        read=read or (lambda file: Fingerprint(file.size_bytes, md5, 0)),
        treatment=Treatment(exist_ok=exist_ok),
        new_scan_type=None,
        settings=settings,
    )


@pytest.mark.parametrize(
    ("stored", "exist_ok", "action", "reason"),
    [
        (None, False, Action.SEND, "not in the resource"),
        (None, True, Action.SEND, "not in the resource"),
        (StoredFile(3, MD5), False, Action.REFUSE, "in the resource already, and replacing was not asked for"),
        (StoredFile(4, OTHER_MD5), False, Action.REFUSE, "in the resource already, and replacing was not asked for"),
        (StoredFile(3, MD5), True, Action.SKIP, "stored already, same size and MD5"),
        (StoredFile(3, MD5.upper()), True, Action.SKIP, "stored already, same size and MD5"),
        (StoredFile(3, OTHER_MD5), True, Action.REPLACE, "stored with the same size but another MD5"),
        (StoredFile(4, MD5), True, Action.REPLACE, "stored with 4 bytes"),
        (StoredFile(0, MD5), True, Action.REPLACE, "stored with 0 bytes"),
        (StoredFile(3, ""), True, Action.REPLACE, "stored without MD5, and equal size proves nothing"),
        (StoredFile(None, MD5), True, Action.REPLACE, "stored with None bytes"),
    ],
)
def test_each_file_has_an_action_and_a_reason(
    stored: StoredFile | None, exist_ok: bool, action: Action, reason: str
) -> None:
    made = plan([local_file("a")], listed={"a": stored} if stored else {}, exist_ok=exist_ok)
    (step,) = made.steps
    assert (step.action, step.reason) == (action, reason)
    travels = action in (Action.SEND, Action.REPLACE)
    assert made.bytes_to_send == (3 if travels else 0)
    assert made.refused == (("a",) if action is Action.REFUSE else ())
    assert [each.file.name for shipment in made.shipments for each in shipment.steps] == (["a"] if travels else [])


@pytest.mark.parametrize(
    ("stored", "exist_ok", "read"),
    [
        (None, True, False),
        (StoredFile(3, MD5), False, False),
        (StoredFile(3, ""), True, False),
        (StoredFile(4, MD5), True, False),
        (StoredFile(None, MD5), True, False),
        (StoredFile(3, MD5), True, True),
    ],
)
def test_a_file_is_read_only_where_its_bytes_can_decide(stored: StoredFile | None, exist_ok: bool, read: bool) -> None:
    asked: list[str] = []

    def fingerprint(file: AnyFile) -> Fingerprint:
        asked.append(file.name)
        return Fingerprint(file.size_bytes, MD5, 0)

    plan([local_file("a")], listed={"a": stored} if stored else {}, exist_ok=exist_ok, read=fingerprint)
    assert asked == (["a"] if read else [])


def test_a_file_that_differs_only_in_the_case_of_its_name_is_another_file() -> None:
    made = plan([local_file("a"), local_file("A")], listed={"a": StoredFile(3, MD5)}, exist_ok=False)
    assert [step.action for step in made.steps] == [Action.REFUSE, Action.SEND]


SIZES = st.lists(st.integers(0, 120), max_size=40)
LIMITS = st.builds(
    TransferSettings,
    batch_bytes=st.integers(1, 200),
    batch_files=st.integers(1, 7),
    large_file_bytes=st.integers(1, 100),
)


@given(SIZES, LIMITS, st.sets(st.integers(0, 39)))
def test_every_file_travels_once_and_every_request_keeps_its_limits(
    sizes: list[int], limits: TransferSettings, replaced: set[int]
) -> None:
    steps = [
        Step(local_file(f"{number}.dcm", size), Action.REPLACE if number in replaced else Action.SEND, "a test")
        for number, size in enumerate(sizes)
    ]
    shipments = divide(steps, settings=limits)
    travelled = [step for shipment in shipments for step in shipment.steps]
    assert sorted(travelled, key=steps.index) == steps
    for shipment in shipments:
        assert shipment.steps
        assert len({step.action for step in shipment.steps}) == 1
        assert [steps.index(step) for step in shipment.steps] == sorted(steps.index(step) for step in shipment.steps)
        assert len(shipment.steps) <= limits.batch_files
        if len(shipment.steps) > 1:
            assert shipment.size_bytes <= limits.batch_bytes
            assert all(step.file.size_bytes <= limits.large_file_bytes for step in shipment.steps)
        if shipment.steps[0].action is Action.REPLACE:
            assert shipment.form is Form.ZIP_IN_FORM
        else:
            assert shipment.form is not Form.ZIP_IN_FORM
    actions = [shipment.steps[0].action for shipment in shipments]
    assert actions == sorted(actions, key=[Action.SEND, Action.REPLACE].index), "new files first"


@given(SIZES, LIMITS)
def test_no_two_neighbouring_batches_would_have_fitted_into_one(sizes: list[int], limits: TransferSettings) -> None:
    steps = [Step(local_file(f"{number}.dcm", size), Action.SEND, "") for number, size in enumerate(sizes)]
    batches = [
        shipment
        for shipment in divide(steps, settings=limits)
        if shipment.steps[0].file.size_bytes <= limits.large_file_bytes
    ]
    for one, next_one in itertools.pairwise(batches):
        full = len(next_one.steps) == limits.batch_files
        assert full or next_one.size_bytes + one.steps[-1].file.size_bytes > limits.batch_bytes, "the first is the rest"


@pytest.mark.parametrize(
    ("name", "action", "form"),
    [
        ("CT.1.2-3_a/b.dcm", Action.SEND, Form.PLAIN),
        ("a b.nii", Action.SEND, Form.ZIP),
        ("a+b.nii", Action.SEND, Form.ZIP),
        ("a#b.nii", Action.SEND, Form.ZIP),
        ("a&b.nii", Action.SEND, Form.ZIP),
        ("a?b.nii", Action.SEND, Form.ZIP),
        ("é.nii", Action.SEND, Form.ZIP),
        ("\uff11.nii", Action.SEND, Form.ZIP),
        ("plain.nii", Action.REPLACE, Form.ZIP_IN_FORM),
        ("é.nii", Action.REPLACE, Form.ZIP_IN_FORM),
    ],
)
def test_a_large_file_travels_alone_and_bare_only_if_its_name_is_safe_in_an_address(
    name: str, action: Action, form: Form
) -> None:
    limits = TransferSettings(large_file_bytes=10)
    step = Step(local_file(name, 11), action, "a test")
    (shipment,) = divide([step], settings=limits)
    assert (shipment.steps, shipment.form) == ((step,), form)
    assert shipment.reason.startswith("large, ")
    (small,) = divide([Step(local_file(name, 10), action, "a test")], settings=limits)
    assert small.form is (Form.ZIP if action is Action.SEND else Form.ZIP_IN_FORM)


def test_nothing_to_do_is_a_plan_without_requests() -> None:
    made = plan([local_file("a")], listed={"a": StoredFile(3, MD5)})
    assert made.shipments == ()
    assert made.refused == ()
    assert plan([]).shipments == ()


def test_actions_and_forms_are_their_own_text() -> None:
    assert [str(action) for action in Action] == ["send", "replace", "skip", "refuse"]
    assert [str(form) for form in Form] == ["zip", "zip in a form", "plain"]
    assert Shipment((), Form.ZIP, "").size_bytes == 0
