"""No parameter is accepted and ignored in silence."""

from __future__ import annotations

import pytest

from tests.sandbox.places import Place, message
from tests.sandbox.stored import stored

NEW = "/data/projects/{P}/subjects/SUBJ/experiments/NEW?xsiType=xnat:mrSessionData"


@pytest.mark.parametrize(
    ("method", "path", "parameter", "name"),
    [("GET", "{R}/files", "structure=legacy", "structure"), ("GET", "{R}/files", "listContents=true", "listContents"),
     ("GET", "{R}/files", "includeRootPath=true", "includeRootPath"),
     ("GET", "{R}", "includeRootPath=", "includeRootPath"),
     ("PUT", "{R}/files/new", "reference=/data/x", "reference"), ("POST", "{R}/files/new", "notify=a@b.c", "notify"),
     ("PUT", "{R}/files/new", "async=true", "async"), ("GET", "{E}", "includeHistory=true", "includeHistory"),
     ("GET", "{S}", "requested_screen=X.vm", "requested_screen"),
     ("PUT", NEW, "populateFromDB=false", "populateFromDB"),
     ("PUT", "/data/projects/{P}/subjects/NEW", "loadExisting=false", "loadExisting"),
     ("PUT", "/data/projects/{P}", "testHyphen=true", "testHyphen"),
     ("PUT", "{E}/projects/{P}", "primary=true&moveAssessors=A", "moveAssessors"),
     ("PUT", "/data/projects/{P}/users/member/outsider", "sendemail=true", "sendemail"),
     ("GET", "/data/projects/{P}/users", "includeAllDataAccess=true", "includeAllDataAccess"),
     ("PUT", NEW, "quarantine=true", "quarantine"), ("PUT", NEW, "_lock=true", "_lock")],
)  # fmt: skip
def test_what_is_not_done_is_refused_by_name_and_changes_nothing(
    place: Place, method: str, path: str, parameter: str, name: str
) -> None:
    path = path.format(P=place.project, E=place.session, S=place.scan, R=place.resource)
    before = stored(place.sandbox)
    joint = "&" if "?" in path else "?"
    answer = place.admin(method, f"{path}{joint}{parameter}", files={"f": ("new", b"1")} if method != "GET" else None)
    assert answer.status_code == 501
    assert name in message(answer)
    assert stored(place.sandbox) == before


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "{R}/files?structure=default&listContents=false&includeRootPath=0"), ("GET", "{E}?includeHistory=false"),
     ("PUT", "{R}/files/new?async=false&reference="), ("PUT", "{S}?populateFromDB=true&xsiType=xnat:mrScanData"),
     ("PUT", "/data/projects/{P}/users/member/outsider?sendemail=false")],
)  # fmt: skip
def test_saying_that_it_need_not_be_done_is_no_reason_to_refuse(place: Place, method: str, path: str) -> None:
    path = path.format(P=place.project, E=place.session, S=place.scan, R=place.resource)
    answer = place.admin(method, path, files={"f": ("new", b"1")} if "/files/" in path else None)
    assert answer.status_code == 200
