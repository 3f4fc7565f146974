"""What no account can do: reach beyond its project, whatever its names, catalogs and archives say."""

from __future__ import annotations

import io
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.sandbox.dicom import dicom
from tests.sandbox.places import Caller, Place, place_in, zipped
from tests.sandbox.stored import stored
from xnat_upload.sandbox import Sandbox
from xnat_upload.sandbox.site import Profile

SECRET = b"not of this project" * 100
ZIP = {"Content-Type": "application/zip"}
PLAIN = {"Content-Type": "text/plain"}
CATALOG = '<cat:Catalog xmlns:cat="http://nrg.wustl.edu/catalog" ID="1"><cat:entries>{}</cat:entries></cat:Catalog>'


class Neighbours:
    """A place of one's own, a file of another project, and a file outside of the data directory."""

    def __init__(self, place: Place, data: Path) -> None:
        self.place = place
        self.mine = place.callers["owner"]
        other = place.sandbox.add_project(f"{place.project}_other")
        session_id = place.sandbox.add_session(other, "ACC1", subject="S", scans={"1": "xnat:mrScanData"})
        self.their_scan = f"/data/experiments/{session_id}/scans/1"
        place.admin("PUT", f"{self.their_scan}/resources/NIFTI/files/a", data=SECRET, headers=PLAIN)
        self.folder = data / "archive" / place.project / "arc001" / "ACC1" / "SCANS" / "1" / "NIFTI"
        place.put("here", b"1")
        self.theirs = data / "archive" / other / "arc001" / "ACC1" / "SCANS" / "1" / "NIFTI" / "a"
        self.outside = data.parent / "outside"
        self.outside.write_bytes(SECRET)
        self.files = (self.theirs, self.outside)

    @property
    def catalog(self) -> Path:
        return self.folder / "1_catalog.xml"

    def forge(self, *uris: str) -> None:
        entries = (f'<cat:entry URI="{uri}" name="x" xsi:type="cat:entry"/>' for uri in uris)
        text = CATALOG.format("".join(entries))
        self.catalog.write_text(text.replace("<cat:Catalog", '<cat:Catalog xmlns:xsi="http://x"'))

    def names_of(self, file: Path) -> list[str]:
        up = "../" * (len(self.folder.parts) - 1)
        return [str(file), f"{up}{str(file)[1:]}", f"here/../{up}{str(file)[1:]}", f"./{up}{str(file)[1:]}"]

    def assert_untouched(self) -> None:
        assert [file.read_bytes() for file in self.files] == [SECRET, SECRET]


@pytest.fixture(params=["1.8", "1.6"])
def neighbours(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Neighbours]:
    profile: Profile = request.param
    with Sandbox(data=tmp_path / "data", profile=profile) as sandbox, ExitStack() as stack:
        yield Neighbours(place_in(sandbox, stack), tmp_path / "data")


def test_forged_catalog_serves_lists_hashes_and_deletes_nothing_of_others(neighbours: Neighbours) -> None:
    place, mine = neighbours.place, neighbours.mine
    refresh = f"/data/services/refresh/catalog?resource=/archive{place.scan[5:]}"
    for name in (name for file in neighbours.files for name in neighbours.names_of(file)):
        neighbours.forge(name, "here")
        answers = [
            mine("GET", f"{place.resource}/files?format=json"),
            mine("GET", f"{place.resource}/files?format=zip"),
            mine("GET", f"{place.resource}/files?index=0&file_content=NULL"),
            mine("GET", f"{place.resource}/files/{name.lstrip('/')}"),
            mine("POST", f"{refresh}&options=checksum,populateStats"),
            mine("GET", f"{place.scan}/resources?format=json"),
        ]
        for answer in answers:
            assert SECRET not in answer.content
            assert f'"{len(SECRET)}"' not in answer.text
        assert 'digest="' not in neighbours.catalog.read_text().partition("here")[0]
        mine("DELETE", f"{place.resource}/files/*")
        mine("DELETE", f"{place.resource}/files/{name.lstrip('/')}")
        neighbours.assert_untouched()
        neighbours.forge(name, "here")
        assert mine("DELETE", place.resource).status_code == 200
        neighbours.assert_untouched()
        assert mine("PUT", place.resource).status_code == 200


def test_forged_catalog_can_come_in_a_zip_and_does_not_help_to_overwrite(neighbours: Neighbours) -> None:
    place, mine = neighbours.place, neighbours.mine
    name = neighbours.names_of(neighbours.outside)[1]
    neighbours.forge(name)
    body = zipped({"1_catalog.xml": neighbours.catalog.read_bytes()})
    path = f"{place.resource}/files/x.zip?extract=true&overwrite=true"
    assert mine("PUT", path, data=body, headers=ZIP).status_code in (200, 500)
    for each in (name, *neighbours.names_of(neighbours.theirs)):
        answer = mine("PUT", path, data=zipped({each: b"taken"}), headers=ZIP)
        assert answer.status_code == 500 or each.startswith("/"), each  # what begins with a slash lands below
        neighbours.assert_untouched()
    path = f"{place.resource}/files/{name}?overwrite=true&inbody=true"
    assert mine("PUT", path, data=b"taken", headers=PLAIN).status_code >= 400
    neighbours.assert_untouched()


def test_links_in_archives_are_no_way_out(neighbours: Neighbours) -> None:
    place, mine = neighbours.place, neighbours.mine
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        for name, kind, target in (("way", tarfile.SYMTYPE, neighbours.outside.parent),
                                   ("link", tarfile.SYMTYPE, neighbours.outside),
                                   ("hard", tarfile.LNKTYPE, neighbours.outside)):  # fmt: skip
            info = tarfile.TarInfo(name)
            info.type, info.linkname = kind, str(target)
            archive.addfile(info)
        info = tarfile.TarInfo("way/outside")
        info.size = 5
        archive.addfile(info, io.BytesIO(b"taken"))
    linked = zipfile.ZipInfo("link.zip")
    linked.external_attr = 0o120777 << 16
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as zip_archive:
        zip_archive.writestr(linked, str(neighbours.outside))
    for name, body in (("x.tar", tar.getvalue()), ("x.zip", packed.getvalue())):
        mine("PUT", f"{place.resource}/files/{name}?extract=true&overwrite=true", data=body, headers=ZIP)
    assert not any(file.is_symlink() for file in neighbours.folder.rglob("*"))
    for name in ("way/outside", "link", "hard", "link.zip"):
        assert SECRET not in mine("GET", f"{place.resource}/files/{name}").content
    neighbours.assert_untouched()


def test_links_that_lie_in_the_data_directory_are_not_followed(neighbours: Neighbours) -> None:
    place, mine = neighbours.place, neighbours.mine
    (neighbours.folder / "way").symlink_to(neighbours.outside.parent)
    (neighbours.folder / "link").symlink_to(neighbours.outside)
    neighbours.forge("way/outside", "link")
    for name in ("way/outside", "link"):
        assert mine("GET", f"{place.resource}/files/{name}").status_code == 404
        path = f"{place.resource}/files/{name}?overwrite=true&inbody=true"
        assert mine("PUT", path, data=b"taken", headers=PLAIN).status_code == 500
        mine("PUT", f"{place.resource}/files/x.zip?extract=true&overwrite=true", data=zipped({name: b"x"}), headers=ZIP)
    mine("POST", f"/data/services/refresh/catalog?resource=/archive{place.scan[5:]}")
    assert mine("GET", f"{place.resource}/files/link").status_code == 404
    mine("DELETE", place.resource)
    neighbours.assert_untouched()


@pytest.mark.parametrize("label", ["/abs", "../..", "..", ".", "a/../../b", "/", ",x"])
def test_label_is_the_name_of_one_folder(neighbours: Neighbours, label: str, tmp_path: Path) -> None:
    place, mine = neighbours.place, neighbours.mine
    label = str(tmp_path / "made") if label == "/abs" else label
    before = sorted(tmp_path.rglob("*"))
    document = f'<xnat:resourceCatalog xmlns:xnat="http://nrg.wustl.edu/xnat" label="{label}"/>'
    for owner in (place.scan, place.session, f"/data/projects/{place.project}"):
        for settings in ({"params": {"label": label}}, {"data": document, "headers": {"Content-Type": "text/xml"}}):
            if label == ",x":
                continue
            assert mine("POST", f"{owner}/resources", **settings).status_code == 500
        for below in ("", "/files/a"):
            path = f"{owner}/resources/{'..' if '/' in label else label},y{below}"
            assert mine("PUT", path, data=b"1", headers=PLAIN).status_code >= 400
    assert sorted(tmp_path.rglob("*")) == before


def test_event_id_is_a_number(neighbours: Neighbours, tmp_path: Path) -> None:
    place, mine = neighbours.place, neighbours.mine
    before = sorted(tmp_path.rglob("*"))
    for event_id in ("../../../../../../made", str(tmp_path / "made"), "x"):
        for query in ("extract=true&overwrite=true", "overwrite=true"):
            path = f"{place.resource}/files/here.zip?{query}&event_id={event_id}"
            assert mine("PUT", path, data=zipped({"here": b"2"}), headers=ZIP).status_code == 500
    assert sorted(tmp_path.rglob("*")) == before
    assert place.files() == {"here": b"1"}


def test_what_an_account_cannot_see_it_cannot_take_over(neighbours: Neighbours) -> None:
    place = neighbours.place
    before = stored(place.sandbox)
    outsider = place.callers["outsider"]
    document = f'<xnat:projectData xmlns:xnat="http://nrg.wustl.edu/xnat" ID="{place.project}"/>'
    assert outsider("PUT", f"/data/projects/{place.project}").status_code == 403
    assert outsider("PUT", f"/data/projects/{place.project.lower()}").status_code in (403, 409)
    assert outsider("PUT", f"/data/projects/X{place.project}?ID={place.project}").status_code >= 400
    assert outsider("POST", f"/data/projects?ID={place.project}").status_code >= 400
    headers = {"Content-Type": "text/xml"}
    assert outsider("POST", "/data/projects", data=document, headers=headers).status_code >= 400
    assert outsider("PUT", f"/data/projects/{place.project}/users/owner/outsider").status_code == 404
    assert stored(place.sandbox) == before
    mine = f"/data/projects/mine_{place.project}"
    assert outsider("PUT", mine).status_code == 200
    for path in (f"subjects/S/experiments/E?xsiType=xnat:mrSessionData&ID={place.session_id}",
                 f"experiments/{place.session_id}?label=TAKEN", f"experiments/{place.session_id}?note=TAKEN",
                 "subjects/XNAT_S00001?group=TAKEN", "subjects/S2?ID=XNAT_S00001",
                 f"experiments/{place.session_id}/projects/mine_{place.project}"):  # fmt: skip
        outsider("PUT", f"{mine}/{path}")  # may make something of that label in the project that is theirs
    shared = f"{place.session}/projects/mine_{place.project}"
    assert outsider("PUT", shared).status_code == 417
    assert outsider("PUT", f"{shared}?primary=true").status_code == 417
    assert outsider("DELETE", f"{mine}/experiments/{place.session_id}").status_code == 404
    for item in (place.session, place.scan, place.resource, f"{place.resource}/files/here"):
        for method in ("GET", "PUT", "POST", "DELETE"):
            answer = outsider(method, f"{item}?xsiType=xnat:mrScanData", data=b"1", headers=PLAIN)
            assert answer.status_code >= 400, (method, item)
    after = stored(place.sandbox).items()
    assert {name: what for name, what in after if not name.startswith(f"/projects/mine_{place.project}")} == before
    rows = outsider.rows("/data/experiments?columns=ID,project")
    assert place.session_id not in [row["ID"] for row in rows]


def test_catalog_with_a_document_type_is_not_read(neighbours: Neighbours) -> None:
    bomb = '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    neighbours.catalog.write_text(bomb + CATALOG.format('<cat:entry URI="&b;"/>'))
    answer = neighbours.mine("GET", f"{neighbours.place.resource}/files")
    assert answer.status_code == 404
    assert "aaaa" not in answer.text


@pytest.mark.filterwarnings("ignore:Invalid value:UserWarning", "ignore:The value length:UserWarning")
def test_headers_of_dicom_objects_name_no_folders(neighbours: Neighbours, tmp_path: Path) -> None:
    project, odd = neighbours.place.project, "../../../../../../../made"
    for number, changes in enumerate(
        ({"StudyInstanceUID": odd}, {"Modality": odd}, {"SeriesInstanceUID": odd, "SeriesNumber": ""},
         {"PatientID": odd, "PatientName": odd}, {"InstanceNumber": ""}),
    ):  # fmt: skip
        for sop in ("1", "2"):  # the second object of one name has to be given another one
            body = dicom(**{"SOPInstanceUID": f"1.2.{number}.{sop}", "SeriesInstanceUID": f"1.{sop}", **changes})
            for rename in ("true", "false"):
                for name in ("a.dcm", f"{odd}.dcm", ".."):
                    path = f"/data/services/import?inbody=true&dest=/prearchive/projects/{project}&rename={rename}"
                    neighbours.mine("POST", path, files={"file": (name, body)})
                    query = f"import-handler=gradual-DICOM&project={project}&rename={rename}"
                    neighbours.mine("POST", f"/data/services/import?{query}", files={"file": (name, body)})
    for name in ("PREARC_TIMESTAMP", "PREARC_SESSION_FOLDER", "session", "subject", "project"):
        path = f"/data/services/import?inbody=true&project={project}&{name}={odd}"
        neighbours.mine("POST", path, files={"file": ("a.dcm", dicom())})
    assert [path.name for path in tmp_path.iterdir() if path.name not in ("data", "outside")] == []
    kept = {"archive", "cache", "build", "prearchive", "records.jsonl"}
    assert {path.name for path in (tmp_path / "data").iterdir()} <= kept
    assert not [path for path in tmp_path.rglob("*made*") if len(path.relative_to(tmp_path).parts) < 5]
    neighbours.assert_untouched()


def test_names_of_python_are_held_to_the_same(tmp_path: Path) -> None:
    with Sandbox(data=tmp_path / "data") as sandbox:
        sandbox.add_project("P")
        before = sorted(tmp_path.rglob("*"))
        session_id = sandbox.add_session("P", "../../x", scans={"../../../1": "xnat:mrScanData"})
        caller = Caller(sandbox.url, "admin", "admin")
        with caller.session:
            assert caller("PUT", f"/data/experiments/{session_id}/resources/R").status_code == 500
        assert sorted(tmp_path.rglob("*")) == before
