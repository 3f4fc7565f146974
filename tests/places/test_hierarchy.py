"""Whatever somebody calls a thing: it is refused with a sentence, or kept exactly as it is."""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import unquote

import pytest
from hypothesis import assume, given

from tests import corpus
from xnat_upload import Accession, Destination, InvalidIdentifierError, Resource, Scan
from xnat_upload.places.names import (
    check_file_name,
    check_hub_project_id,
    check_identifier,
    check_resource_label,
    check_scan_id,
)

ACCESSION = Accession("hub-1", "P1", "S1", "E1", "FAK09131796", "xnat:mrSessionData")
Check = Callable[[str], str]


def an_identifier(value: str) -> str:
    return check_identifier(value, what="accession ID")


def is_readable(message: str) -> bool:
    return message.isprintable() and len(message) < 500 and message.endswith(".")


def refusal_of(check: Check, value: str) -> str | None:
    """The words of a refusal, or None for a value that came back as it was."""
    try:
        assert check(value) is value
    except InvalidIdentifierError as error:
        return str(error)
    return None


@pytest.mark.parametrize(
    ("check", "value"),
    [
        *((check_file_name, value) for value in corpus.FILE_NAMES_KEPT),
        *((an_identifier, value) for value in corpus.IDENTIFIERS_KEPT),
        *((check_scan_id, value) for value in corpus.IDENTIFIERS_KEPT),
        *((check_resource_label, value) for value in corpus.LABELS_KEPT),
        *((check_hub_project_id, value) for value in corpus.HUB_PROJECT_IDS_KEPT),
    ],
)
def test_what_xnat_can_hold_is_kept_unchanged(check: Check, value: str) -> None:
    assert check(value) is value


@pytest.mark.parametrize(
    ("check", "value"),
    [
        *((check_file_name, value) for value in corpus.FILE_NAMES_REFUSED),
        *((an_identifier, value) for value in corpus.IDENTIFIERS_REFUSED),
        *((check_scan_id, value) for value in [*corpus.IDENTIFIERS_REFUSED, "ALL"]),
        *((check_resource_label, value) for value in corpus.LABELS_REFUSED),
        *((check_hub_project_id, value) for value in corpus.HUB_PROJECT_IDS_REFUSED),
    ],
)
def test_what_xnat_cannot_hold_is_refused_in_a_readable_sentence(check: Check, value: str) -> None:
    with pytest.raises(InvalidIdentifierError) as caught:
        check(value)
    assert isinstance(caught.value, ValueError)
    assert is_readable(str(caught.value))


@given(corpus.names)
def test_any_file_name_is_refused_readably_or_kept(name: str) -> None:
    refusal = refusal_of(check_file_name, name)
    if refusal is not None:
        assert is_readable(refusal)
    else:
        name.encode()
        assert all(part not in ("", ".", "..") and len(part.encode()) <= 255 for part in name.split("/"))
        assert not set(name) & set("%;\\\0\n\r\x7f\u202e\u2028")


@given(corpus.kept_names)
def test_any_name_that_is_kept_can_be_addressed_and_read_back(name: str) -> None:
    assume(refusal_of(check_file_name, name) is None)
    resource = Resource(Scan(ACCESSION, "4"), "NIFTI")
    path = resource.file_path(name)
    assert path.isascii()
    assert not set(path) & set(' +?#;\\<>"')
    assert unquote(path) == f"{resource}/files/{name}"


@given(corpus.names)
def test_any_identifier_is_refused_readably_or_kept(value: str) -> None:
    for check in (an_identifier, check_scan_id, check_resource_label, check_hub_project_id):
        refusal = refusal_of(check, value)
        assert refusal is None or is_readable(refusal)


@pytest.mark.parametrize("check", [an_identifier, check_scan_id, check_resource_label, check_hub_project_id])
@pytest.mark.parametrize("value", [None, 5, 1.5, b"a", ["a"]])
def test_what_is_no_text_is_refused(check: Callable[[object], str], value: object) -> None:
    with pytest.raises(InvalidIdentifierError):
        check(value)


def test_file_names_are_counted_in_bytes() -> None:
    assert check_file_name("a" * 255)
    for too_long in ("a" * 256, "é" * 128, "/".join(["a" * 204] * 5 + ["b"])):
        with pytest.raises(InvalidIdentifierError, match="too long: 255 bytes a component and 1024 in all"):
            check_file_name(too_long)


def test_names_that_differ_in_case_or_normal_form_stay_different() -> None:
    resource = Resource(Scan(ACCESSION, "4"), "NIFTI")
    names = ["A.nii", "a.nii", "\u00e9.nii", "e\u0301.nii", "E\u0301.nii", "\u212b", "\u00c5", "A\u030a"]
    assert len({resource.file_path(name) for name in names}) == len(names)


@pytest.mark.parametrize(
    ("field", "words"),
    [
        ("hub_project_id", "hub project ID"),
        ("accession_id", "accession ID"),
        ("scan_id", "scan ID"),
        ("resource_id", "resource label"),
    ],
)
def test_a_destination_names_what_is_wrong_with_it(field: str, words: str) -> None:
    right = {"hub_project_id": "hub-1", "accession_id": "A1", "scan_id": "4", "resource_id": "NIFTI"}
    assert str(Destination(**right)) == "A1 / scan 4 / NIFTI"
    with pytest.raises(InvalidIdentifierError, match=words):
        Destination(**{**right, field: "\n"})


def test_an_accession_with_an_id_that_cannot_be_addressed_is_not_made() -> None:
    for ids in (("P/1", "S1", "E1"), ("P1", "", "E1"), ("P1", "S1", "E 1")):
        with pytest.raises(InvalidIdentifierError):
            Accession("hub-1", *ids, "FAK09131796", "xnat:mrSessionData")


def test_a_scan_id_that_is_the_type_of_another_scan_is_refused() -> None:
    accession = Accession(
        "hub-1", "P1", "S1", "E1", "FAK1", "xnat:mrSessionData", {"1": "xnat:mrScanData"}, {"1": "T1", "T2": "T2"}
    )
    with pytest.raises(InvalidIdentifierError, match="type of scan '1'"):
        Scan(accession, "T1")
    assert Scan(accession, "T2").scan_id == "T2"
    assert Scan(accession, "1").scan_id == "1"


def test_places_are_equal_by_value_and_print_as_their_path() -> None:
    resource = Resource(Scan(ACCESSION, "4"), "NIFTI")
    assert resource == Resource(Scan(ACCESSION, "4"), "NIFTI")
    assert len({resource, Resource(Scan(ACCESSION, "4"), "NIFTI")}) == 1
    assert str(resource) == "/data/projects/P1/subjects/S1/experiments/E1/scans/4/resources/NIFTI"
    assert resource.destination == Destination(
        hub_project_id="hub-1", accession_id="FAK09131796", scan_id="4", resource_id="NIFTI"
    )


def test_a_session_whose_label_cannot_be_asked_for_is_named_by_its_experiment_id() -> None:
    accession = Accession("hub-1", "P1", "S1", "E1", "a label. With blanks", "xnat:mrSessionData")
    assert Resource(Scan(accession, "4"), "NIFTI").destination.accession_id == "E1"


def test_a_place_belongs_to_a_place_and_not_to_its_name() -> None:
    with pytest.raises(TypeError, match="belongs to an Accession, as locate"):
        Scan("FAK09131796", "4")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="belongs to a Scan"):
        Resource("4", "NIFTI")  # type: ignore[arg-type]
