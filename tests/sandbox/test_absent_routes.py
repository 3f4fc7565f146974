"""Nothing is faked: every route with every method, and what it has left behind in the store."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from tests.sandbox.places import Place, message, place_in
from tests.sandbox.stored import stored
from xnat_upload.sandbox import Sandbox
from xnat_upload.sandbox.routes import absent, table

IMITATED = {**table.ARCHIVE, **table.SITE}
ABSENT = {**absent.ARCHIVE, **absent.SITE}
TAILS = ("", "nosuch", "/nosuch", "/unknown/deeper", "/projects/{other}", "/projects/{third}", "/projects/NOSUCH")
WRITING = ("PUT", "POST", "DELETE")
METHODS = ("GET", "HEAD", "OPTIONS", "PATCH", *WRITING)
MARKS = (f"MARK{number}." for number in itertools.count())
# What writes something else than the items of the archive; tests of its own hold each of these.
STORES_NO_ITEM = {"/JSESSION", "/services/auth", "/services/refresh/catalog"}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as sandbox:
        yield sandbox


@pytest.fixture
def own_place(sandbox: Sandbox) -> Iterator[Place]:
    with ExitStack() as stack:
        yield furnished(sandbox, stack)


def furnished(sandbox: Sandbox, stack: ExitStack) -> Place:
    """A place with something at every level, and sessions that are shared."""
    place = place_in(sandbox, stack)
    other = sandbox.add_project(f"{place.project}_other")
    sandbox.add_project(f"{place.project}_third")
    place.put("nosuchlonger", b"1")
    place.put("b", b"2")
    long = f"/data/projects/{place.project}/subjects/SUBJ"
    for owner in (f"/data/projects/{place.project}", long, place.session):
        assert place.admin("PUT", f"{owner}/resources/NIFTI/files/c", files={"f": ("c", b"3")}).status_code == 200
    for path in (f"{long}/experiments/ACC1/assessors/A1?xsiType=xnat:qcManualAssessorData",
                 f"{long}/experiments/ACC1/reconstructions/R1?type=T"):  # fmt: skip
        assert place.admin("PUT", path).status_code in (200, 201)
        for direction in ("in", "out"):
            file = f"{path.partition('?')[0]}/{direction}/resources/NIFTI/files/c"
            assert place.admin("PUT", file, files={"f": ("c", b"3")}).status_code == 200
    sandbox.add_session(place.project, "ACC2", subject="SUBJ", scans={"1": "xnat:mrScanData"})
    for label in ("ACC1", "ACC2"):
        assert place.admin("PUT", f"{long}/experiments/{label}/projects/{other}").status_code == 200
    place.admin("PUT", f"/data/projects/{place.project}/users/member/outsider")
    return place


def filled(template: str, place: Place) -> str:
    is_global = template.startswith("/experiments")
    subject_id = next(iter(place.admin.rows(f"/data/projects/{place.project}/subjects")))["ID"]
    return template.format(
        project=place.project,
        other=f"{place.project}_other",
        third=f"{place.project}_third",
        subject=subject_id if template.startswith("/subjects") else "SUBJ",
        experiment=place.session_id if is_global else "ACC1",
        scan="1",
        assessor="A1",
        reconstruction="R1",
        direction="in",
        resource="NIFTI",
        group="member",
        user="outsider",
        element="xnat:mrSessionData",
        search="S1",
        tool="tool",
        path="path",
        timestamp="20260101_000000000",
        folder="F",
    )


def named(path: str, place: Place) -> str:
    """The long form of a path, in which `stored` names what there is."""
    session = f"/projects/{place.project}/subjects/SUBJ/experiments/ACC1"
    path = path.replace(f"/projects/{place.project}/experiments/ACC1", session)
    path = path.replace(f"/experiments/{place.session_id}", session)
    path = re.sub("/(assessors/A1|reconstructions/R1)/(?=resources|files)", r"/\1/out/", path)
    return re.sub("^/subjects/[^/]+", f"/projects/{place.project}/subjects/SUBJ", path).rstrip("/")


def query_for(template: str, mark: str) -> dict[str, str]:
    kinds = {"/reconstructions": "xnat:reconstructedImageData", "/assessors": "xnat:qcManualAssessorData",
             "/scans": "xnat:mrScanData", "/experiments": "xnat:mrSessionData"}  # fmt: skip
    kind = next((kind for part, kind in kinds.items() if part in template), None)
    marks = {"note": mark, "description": mark, "type": mark, "src": mark, "overwrite": "true"}
    return {"xsiType": kind, **marks} if kind else marks


def is_stored(new: dict[str, str], path: str, mark: str) -> bool:
    """Whether what was sent is now where it was sent to: its mark, or the thing that the path itself names."""
    item, _, file = re.sub("/resources.*?(?=/files|$)|/accessibility.*", "", path).partition("/files")
    return any(
        name == path or (name.startswith(item) and name.endswith(file) and mark in value) for name, value in new.items()
    )


def is_named(gone: str, path: str) -> bool:
    """Whether a path names what is gone, the things below it included."""
    if "/files/" in path:
        return gone.startswith(path)  # XNAT removes all files whose names begin so
    item, _, share = path.partition("/projects/")[2].partition("/projects/")
    # A subject that leaves a project takes its sessions out of it.
    return f"{gone}/".startswith(f"{path}/") or (
        bool(share) and gone.startswith(f"/projects/{item}/") and gone.endswith(f"/projects/{share}")
    )


@pytest.mark.parametrize("template", IMITATED)
def test_success_of_a_writing_request_means_that_it_was_stored_or_removed_and_nothing_else(
    sandbox: Sandbox, template: str
) -> None:
    with ExitStack() as stack:
        place = furnished(sandbox, stack)
        before = stored(place.sandbox)
        for tail in TAILS:
            for method in METHODS if tail in ("", "/nosuch") else WRITING:
                path, mark = filled(template + tail, place), next(MARKS)
                data = {"file": ("f", mark.encode())} if "/files" in template else None
                answer = place.admin(method, f"/data{path}", params=query_for(template, mark), files=data)
                after = stored(place.sandbox)
                what = f"{method} {path}: {answer.status_code}"
                if method not in WRITING or answer.status_code >= 300:
                    assert after == before, what
                    continue
                if method == "DELETE":
                    gone = before.keys() - after.keys()
                    assert all(is_named(one, named(path, place)) for one in gone), (what, gone)
                elif template not in STORES_NO_ITEM:
                    new = {name: value for name, value in after.items() if before.get(name) != value}
                    assert is_stored(new, named(path, place), mark) or ("/users/" in path and after == before), what
                    before = after
                if after != before:
                    stack.close()
                    place = furnished(sandbox, stack)
                    before = stored(place.sandbox)


def test_absent_routes_are_501_name_themselves_and_change_nothing(own_place: Place) -> None:
    before = stored(own_place.sandbox)
    for template in ABSENT:
        for tail, methods in (("", METHODS), ("/nosuch/resources/R/files/a", ("PUT", "DELETE"))):
            for method in methods:
                path = filled(re.sub("{(?!project|subject|experiment|scan).+?}", "1", template) + tail, own_place)
                answer = own_place.admin(method, f"/data{path}", data=b"x")
                assert answer.status_code == 501, (method, path)
                if method != "HEAD":
                    assert template in message(answer)
                    assert "docs/sandbox.md" in message(answer)
    assert stored(own_place.sandbox) == before


@pytest.mark.parametrize("family", absent.XAPI)
def test_absent_families_below_xapi_are_501_and_what_nobody_knows_is_404(place: Place, family: str) -> None:
    if family not in table.XAPI:
        assert place.admin("GET", f"/xapi{family}").status_code == 501
    assert place.admin("POST", f"/xapi{family}/nosuch/deeper").status_code == 501
    assert place.admin("PUT", "/xapi/nosuch").status_code == 404


@pytest.mark.parametrize("template", table.XAPI)
def test_longer_paths_below_xapi_are_no_routes_and_change_nothing(place: Place, template: str) -> None:
    before = (stored(place.sandbox), place.sandbox.site)
    path = re.sub("{.+?}", "nosuch", template)
    for method in METHODS:
        answer = place.admin(method, f"/xapi{path}/un/known/deeper/still", json={"username": "x", "enabled": True})
        assert answer.status_code in (404, 501), method
    assert (stored(place.sandbox), place.sandbox.site) == before


def test_no_route_is_both_imitated_and_absent() -> None:
    assert IMITATED.keys().isdisjoint(ABSENT)
    # Of these two families the rest is absent, below what is imitated.
    assert table.XAPI.keys() & absent.XAPI.keys() == {"/users", "/siteConfig"}


def test_anonymous_callers_are_asked_to_log_in_before_they_learn_what_is_absent(place: Place) -> None:
    assert place.callers["anonymous"]("GET", f"{place.session}/DIR").status_code == 401


def test_tunnelled_method_is_held_to_the_same_rules(own_place: Place) -> None:
    before = stored(own_place.sandbox)
    for tail in ("/nosuch", "/DIR"):
        for method in ("DELETE", "PUT"):
            answer = own_place.admin("POST", f"{own_place.session}{tail}?method={method}&xsiType=xnat:mrSessionData")
            assert answer.status_code in (400, 501)
    assert stored(own_place.sandbox) == before
