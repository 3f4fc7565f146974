"""Sharing subjects and sessions into other projects, and taking them out again."""

from __future__ import annotations

import pytest

from tests.sandbox.places import NUMBERS, Place, message


@pytest.fixture
def second(place: Place) -> str:
    """A second project, in which the member of the first one may create."""
    project = place.sandbox.add_project(f"SHARE{next(NUMBERS)}")
    place.sandbox.add_member(project, "member")
    return project


def subject(place: Place) -> str:
    return f"/data/projects/{place.project}/subjects/SUBJ"


def shown_in(place: Place, project: str, what: str) -> dict[str, str]:
    return {row["ID"]: row["label"] for row in place.admin.rows(f"/data/projects/{project}/{what}")}


def projects_of(place: Place, path: str) -> list[tuple[str, str]]:
    return [(row["ID"], row["label"]) for row in place.admin.rows(f"{path}/projects?format=json")]


def test_session_is_shared_under_a_label_of_its_own_and_unsharing_leaves_it_and_its_files(
    place: Place, second: str
) -> None:
    place.put("a.nii", b"bytes")
    for path in (place.long_session, place.session):
        assert place.admin("PUT", f"{path}/projects/{second}?label=THERE").status_code == 200
        assert shown_in(place, second, "experiments") == {place.session_id: "THERE"}
        assert projects_of(place, path) == [(place.project, "ACC1"), (second, "THERE")]
        shared = f"/data/projects/{second}/experiments/THERE"
        assert place.admin("GET", f"{shared}?format=json").status_code == 200
        assert place.admin("DELETE", f"{path}/projects/{second}?removeFiles=true").status_code == 200
        assert shown_in(place, second, "experiments") == {}
        assert place.admin("GET", f"{shared}?format=json").status_code == 404
        assert place.files() == {"a.nii": b"bytes"}


def test_deleting_a_session_in_a_project_it_is_shared_into_only_unshares_it(place: Place, second: str) -> None:
    place.put("a.nii")
    place.admin("PUT", f"{place.session}/projects/{second}?label=THERE")
    assert place.admin("DELETE", f"/data/projects/{second}/experiments/THERE?removeFiles=true").status_code == 200
    assert projects_of(place, place.session) == [(place.project, "ACC1")]
    assert place.files() == {"a.nii": b"content"}
    # Not shared there any more: XNAT answers 200 and does nothing.
    assert place.admin("DELETE", f"/data/projects/{second}/experiments/{place.session_id}").status_code == 200
    assert place.files() == {"a.nii": b"content"}


def test_subject_is_shared_and_unshared_with_its_sessions(place: Place, second: str) -> None:
    place.put("a.nii")
    assert place.admin("PUT", f"{subject(place)}/projects/{second}?label=SHARED").status_code == 200
    assert place.admin("PUT", f"{place.session}/projects/{second}").status_code == 200
    assert list(shown_in(place, second, "subjects").values()) == ["SHARED"]
    assert list(shown_in(place, second, "subjects/SHARED/experiments").values()) == ["ACC1"]
    assert projects_of(place, subject(place)) == [(place.project, "SUBJ"), (second, "SHARED")]
    document = place.admin("GET", f"{subject(place)}?format=xml").text
    assert f'<xnat:share label="SHARED" project="{second}"/>' in document
    assert place.admin("DELETE", f"/data/projects/{second}/subjects/SHARED").status_code == 200
    assert shown_in(place, second, "subjects") == shown_in(place, second, "experiments") == {}
    assert list(shown_in(place, place.project, "subjects").values()) == ["SUBJ"]
    assert place.files() == {"a.nii": b"content"}


def test_shared_without_a_label_is_shown_under_its_own_and_not_found_by_it(place: Place, second: str) -> None:
    assert place.admin("PUT", f"{place.session}/projects/{second}").status_code == 200
    assert shown_in(place, second, "experiments") == {place.session_id: "ACC1"}
    assert place.admin("GET", f"/data/projects/{second}/experiments/ACC1?format=json").status_code == 404
    assert place.admin("GET", f"/data/projects/{second}/experiments/{place.session_id}?format=json").status_code == 200


@pytest.mark.parametrize("what", ["subject", "session"])
def test_a_second_share_is_a_conflict_and_so_is_a_label_in_use(place: Place, second: str, what: str) -> None:
    path = subject(place) if what == "subject" else place.long_session
    place.sandbox.add_session(second, "TAKEN", subject="TAKEN")
    taken = place.admin("PUT", f"{path}/projects/{second}?label=TAKEN")
    assert (taken.status_code, message(taken)) == (409, "Label already in use:TAKEN")
    assert place.admin("PUT", f"{path}/projects/{second}").status_code == 200
    again = place.admin("PUT", f"{path}/projects/{second}")
    assert (again.status_code, message(again)) == (409, f"Already assigned to project:{second}")


def test_a_subjects_share_takes_another_label(place: Place, second: str) -> None:
    for label in ("ONE", "TWO"):
        assert place.admin("PUT", f"{subject(place)}/projects/{second}?label={label}").status_code == 200
    assert list(shown_in(place, second, "subjects").values()) == ["TWO"]


@pytest.mark.parametrize("what", ["subject", "session"])
def test_unknown_projects_and_other_tails_change_nothing(place: Place, what: str) -> None:
    path = subject(place) if what == "subject" else place.long_session
    for method in ("PUT", "DELETE"):
        unknown = place.admin(method, f"{path}/projects/NOSUCH")
        assert (unknown.status_code, message(unknown)) == (404, "Unable to identify project: NOSUCH")
        assert place.admin(method, f"{path}/nosuch").status_code == 400
    assert projects_of(place, path)[1:] == []
    assert place.admin("GET", place.resource).status_code == 200


@pytest.mark.parametrize(("role", "status"), [("owner", 404), ("member", 200), ("collaborator", 404)])
def test_sharing_needs_the_right_to_create_there_and_to_read_here(
    place: Place, second: str, role: str, status: int
) -> None:
    answer = place.callers[role]("PUT", f"{place.session}/projects/{second}")
    assert answer.status_code == status
    assert (place.session_id in shown_in(place, second, "experiments")) == (status == 200)


def test_unsharing_needs_an_owner_of_the_project_it_is_shared_into(place: Place, second: str) -> None:
    place.admin("PUT", f"{place.session}/projects/{second}")
    refused = place.callers["member"]("DELETE", f"{place.session}/projects/{second}")
    assert (refused.status_code, message(refused)) == (403, f"User cannot delete experiments for project {second}")
    place.sandbox.add_member(second, "member", role="owner")
    assert place.callers["member"]("DELETE", f"{place.session}/projects/{second}").status_code == 200


def test_who_sees_only_the_share_reads_and_does_not_write(place: Place, second: str) -> None:
    place.put("a.nii")
    place.sandbox.add_member(second, "outsider", role="owner")
    outsider = place.callers["outsider"]
    assert outsider("GET", f"{place.session}?format=json").status_code == 404
    place.admin("PUT", f"{place.session}/projects/{second}")
    assert outsider("GET", f"{place.resource}/files/a.nii").content == b"content"
    assert outsider("PUT", f"{place.session}/scans/2?xsiType=xnat:mrScanData").status_code == 403
    assert outsider("PUT", f"{place.scan}/resources/OTHER").status_code == 403
    place.admin("PUT", f"{subject(place)}/projects/{second}?label=SUBJ")
    renamed = outsider("PUT", f"/data/projects/{second}/subjects/SUBJ?gender=male")
    assert renamed.status_code == 403


@pytest.mark.parametrize("what", ["subject", "session"])
def test_primary_moves_the_item_with_its_files(place: Place, second: str, what: str) -> None:
    place.put("a.nii", b"bytes")
    path = subject(place) if what == "subject" else place.session
    place.admin("PUT", f"{subject(place)}/resources/DOC/files/d.txt?inbody=true", data=b"text")
    by_member = place.callers["member"]("PUT", f"{path}/projects/{second}?primary=true")
    assert by_member.status_code == 403
    assert place.admin("PUT", f"{path}/projects/{second}?primary=true&label=MOVED").status_code == 200
    plural = "subjects" if what == "subject" else "experiments"
    assert list(shown_in(place, second, plural).values()) == ["MOVED"]
    assert shown_in(place, place.project, plural) == {}
    if what == "session":
        assert place.sandbox.files(second, "MOVED", "1", "NIFTI") == {"a.nii": b"bytes"}
    else:
        content = place.admin("GET", f"/data/projects/{second}/subjects/MOVED/resources/DOC/files/d.txt").content
        assert content == b"text"


def test_deleting_the_other_project_takes_only_the_share(place: Place, second: str) -> None:
    place.put("a.nii")
    place.admin("PUT", f"{place.session}/projects/{second}")
    place.admin("PUT", f"{subject(place)}/projects/{second}")
    assert place.admin("DELETE", f"/data/projects/{second}").status_code == 200
    assert projects_of(place, place.session) == [(place.project, "ACC1")]
    assert place.files() == {"a.nii": b"content"}
