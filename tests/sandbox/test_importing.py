"""``services/import``: DICOM becomes sessions, by the prearchive or directly."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pydicom
import pytest
import requests
from pydicom.data import get_testdata_file
from pydicom.uid import generate_uid

from tests.sandbox.dicom import CT, MR, dicom, study, zipped_study
from tests.sandbox.places import Caller, Place, message, zipped

ZIP = {"Content-Type": "application/zip"}
SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"


def post(place: Place, data: bytes, caller: str = "admin", **parameters: str) -> requests.Response:
    query = urlencode(
        {name.replace("_", "-") if name == "import_handler" else name: v for name, v in parameters.items()}
    )
    return place.callers[caller]("POST", f"/data/services/import?{query}", data=data, headers=ZIP)


def sessions_in(place: Place) -> dict[str, str]:
    rows = place.admin.rows(f"/data/projects/{place.project}/experiments")
    return {row["label"]: row["xsiType"] for row in rows if row["label"] != "ACC1"}


def prearchived(place: Place) -> list[dict[str, str]]:
    return place.admin.rows(f"/data/prearchive/projects/{place.project}")


@pytest.mark.parametrize("handler", [{}, {"import_handler": "DICOM-zip"}])
def test_a_zip_becomes_a_session_with_its_scans_and_files(place: Place, handler: dict[str, str]) -> None:
    files = study(CT)
    dest = f"/archive/projects/{place.project}/subjects/PAT7/experiments/CT7"
    answer = post(place, zipped(files), dest=dest, **handler)
    assert (answer.status_code, answer.text) == (200, f"/data{dest}\r\n")
    assert answer.headers["Content-Type"] == "text/uri-list"
    assert sessions_in(place) == {"CT7": "xnat:ctSessionData"}
    assert prearchived(place) == []
    scans = place.admin.rows(f"/data{dest}/scans")
    assert [(row["ID"], row["xsiType"], row["type"], row["quality"]) for row in scans] == [
        ("1", "xnat:ctScanData", "series 1", "usable"), ("2", "xnat:ctScanData", "series 2", "usable"),
    ]  # fmt: skip
    for scan in ("1", "2"):
        stored = place.sandbox.files(place.project, "CT7", scan, "DICOM")
        assert stored == {name[3:]: data for name, data in files.items() if name.startswith(f"s{scan}/")}
    [resource] = place.admin.rows(f"/data{dest}/scans/1/resources")
    assert (resource["label"], resource["format"], resource["content"], resource["file_count"]) == (
        "DICOM", "DICOM", "RAW", "2",
    )  # fmt: skip
    assert place.admin.rows(f"/data{dest}/scans/1/resources/DICOM/files")[0]["digest"]


def test_the_session_is_what_the_headers_say(place: Place) -> None:
    answer = post(place, zipped({"image": dicom(MR)}), project=place.project)
    label = answer.text.strip().rpartition("/")[2]
    document = place.admin("GET", f"/data/projects/{place.project}/experiments/{label}?format=json").json()
    header = pydicom.dcmread(str(get_testdata_file(MR)), stop_before_pixels=True)
    fields = document["items"][0]["data_fields"]
    assert fields["label"] == str(header.PatientID)
    assert fields["UID"] == str(header.StudyInstanceUID)
    assert fields["dcmPatientName"] == str(header.PatientName)
    assert fields["date"].replace("-", "") == str(header.StudyDate)
    assert sessions_in(place) == {label: "xnat:mrSessionData"}
    [subject] = [row for row in place.admin.rows(f"/data/projects/{place.project}/subjects") if row["label"] != "SUBJ"]
    assert subject["label"] == str(header.PatientName).replace("^", "_")


def test_comments_in_the_headers_name_project_subject_and_session(place: Place) -> None:
    comments = f"Project:{place.project} Subject:S9 Session:S9_MR1 AA:true"
    answer = post(place, zipped({"a.dcm": dicom(MR, PatientComments=comments)}), import_handler="gradual-DICOM")
    assert answer.status_code == 400  # a zip is no DICOM object
    headers = {"Content-Type": "application/dicom"}
    sent = dicom(MR, PatientComments=comments)
    answer = place.admin("POST", "/data/services/import?inbody=true", data=sent, headers=headers)
    [row] = prearchived(place)
    assert (row["subject"], row["name"], row["status"], row["autoarchive"]) == (
        "S9", "S9_MR1", "RECEIVING", "AutoArchive",
    )  # fmt: skip
    assert answer.text == f"/data{row['url']}\r\n"


def test_objects_one_by_one_join_one_session_and_are_committed(place: Place) -> None:
    files = study(CT)
    query = f"import-handler=gradual-DICOM&inbody=true&PROJECT_ID={place.project}&SUBJECT_ID=P1&EXPT_LABEL=P1_CT"
    headers = {"Content-Type": "application/dicom"}
    urls = {
        place.admin("POST", f"/data/services/import?{query}", data=data, headers=headers).text.strip()
        for data in files.values()
    }
    [url] = urls
    assert sessions_in(place) == {}
    committed = place.admin("POST", f"{url}?action=commit")
    assert (committed.status_code, committed.text) == (
        301, f"/data/archive/projects/{place.project}/subjects/P1/experiments/P1_CT",
    )  # fmt: skip
    assert prearchived(place) == []
    assert len(place.sandbox.files(place.project, "P1_CT", "1", "DICOM")) == 2


@pytest.mark.parametrize("project_code", ["0", "4"])
def test_the_projects_code_decides_where_nothing_else_does(place: Place, project_code: str) -> None:
    code = f"/data/projects/{place.project}/prearchive_code"
    assert place.admin("GET", code).text == "4"
    assert place.callers["member"]("PUT", f"{code}/0").status_code == 403
    assert place.admin("PUT", f"{code}/{project_code}").status_code == 200
    assert place.admin("GET", code).text == project_code
    answer = post(place, zipped_study(), project=place.project, subject="P", session="P_CT")
    if project_code == "0":
        assert answer.text.startswith(f"/data/prearchive/projects/{place.project}/")
        assert [row["status"] for row in prearchived(place)] == ["READY"]
    else:
        assert answer.text == f"/data/archive/projects/{place.project}/subjects/P/experiments/P_CT\r\n"
    assert bool(sessions_in(place)) == (project_code == "4")


@pytest.mark.parametrize(("action", "status"), [("", "RECEIVING"), ("commit", "READY")])
def test_dicom_zip_waits_in_the_prearchive_until_it_is_committed(place: Place, action: str, status: str) -> None:
    where = {"project": place.project, "session": "WAIT", "subject": "P"} | ({"action": action} if action else {})
    answer = post(place, zipped_study(), import_handler="DICOM-zip", **where)
    [row] = prearchived(place)
    assert row["status"] == status
    assert place.admin("POST", f"{answer.text.strip()}?action=commit").status_code == 301
    assert list(sessions_in(place)) == ["WAIT"]


def test_multipart_and_parameters_in_the_form(place: Place) -> None:
    form = {"project": place.project, "subject": "P", "session": "FORM"}
    sent = {"image_archive": ("study.zip", zipped_study(), "application/zip")}
    answer = place.admin("POST", "/data/services/import", data=form, files=sent)
    assert answer.text == f"/data/archive/projects/{place.project}/subjects/P/experiments/FORM\r\n"


@pytest.mark.parametrize(
    ("overwrite", "status"), [("", 409), ("none", 409), ("append", 409), ("append_files", 200), ("delete", 200)]
)
def test_importing_a_session_again(place: Place, overwrite: str, status: int) -> None:
    data = zipped_study()
    where = {"project": place.project, "subject": "P", "session": "TWICE"}
    assert post(place, data, **where).status_code == 200
    if overwrite == "append_files":
        where |= {"overwrite": "append", "overwrite_files": "true"}
    elif overwrite:
        where |= {"overwrite": overwrite}
    answer = post(place, data, **where)
    # XNAT takes any value of overwrite for leave to merge; only files that are there stand against it.
    assert answer.status_code == status, answer.text
    if status == 409:
        words = "retry with overwrite" if not overwrite else "with the same resources"
        assert words in message(answer)
        assert [row["status"] for row in prearchived(place)] == ["CONFLICT"]
    assert len(place.sandbox.files(place.project, "TWICE", "1", "DICOM")) == 2


def test_appending_adds_scans_and_files(place: Place) -> None:
    uid = generate_uid()
    where = {"project": place.project, "subject": "P", "session": "GROWS", "overwrite": "append"}
    first = study(series=1, StudyInstanceUID=uid)
    assert post(place, zipped(first), **where).status_code == 200
    # Another series of the same number is another scan.
    assert post(place, zipped(study(series=1, StudyInstanceUID=uid)), **where).status_code == 200
    [session] = [
        row for row in place.admin.rows(f"/data/projects/{place.project}/experiments") if row["label"] == "GROWS"
    ]
    assert [row["ID"] for row in place.admin.rows(f"{session['URI']}/scans")] == ["1", "1-CT1"]


@pytest.mark.parametrize(
    ("changes", "words"),
    [({"subject": "OTHER"}, "Already Exists for another Subject"), ({"modality": MR}, "session modality"),
     ({"uid": "new"}, "session UID")],
)  # fmt: skip
def test_what_may_not_be_merged(place: Place, changes: dict[str, str], words: str) -> None:
    uid = generate_uid()
    where = {"project": place.project, "subject": "P", "session": "FIXED", "overwrite": "append"}
    assert post(place, zipped_study(StudyInstanceUID=uid), **where).status_code == 200
    where["subject"] = changes.get("subject", "P")
    again = generate_uid() if "uid" in changes else uid
    answer = post(place, zipped_study(changes.get("modality", CT), StudyInstanceUID=again), **where)
    assert (answer.status_code, words in message(answer)) == (409, True), message(answer)


@pytest.mark.parametrize(
    ("query", "status", "words"),
    [("import-handler=XAR", 501, "import handler XAR"), ("import-handler=NOSUCH", 404, "Unknown importer"),
     ("quarantine=true", 501, "quarantine"), ("http-session-listener=1", 501, "http-session-listener"),
     ("src=/user/cache/resources/X/files/a.zip", 501, "src"), ("Direct-Archive=true", 501, "Direct-Archive"),
     ("nosuch=1", 501, "nosuch"), ("dest=/nowhere", 400, "dest format"),
     ("dest=/prearchive/projects/P/20260101_000000000/..", 400, "dest format"),
     ("PREARC_SESSION_FOLDER=../../x", 400, "PREARC_SESSION_FOLDER"),
     ("prearchive_code=1&overwrite=append", 400, "Overwrite flag")],
)  # fmt: skip
def test_what_is_not_done_is_refused_by_name(place: Place, query: str, status: int, words: str) -> None:
    path = f"/data/services/import?{query}&project={place.project}"
    answer = place.admin("POST", path, data=zipped_study(series=1, images=1), headers=ZIP)
    assert answer.status_code == status
    assert words in message(answer)
    assert (sessions_in(place), prearchived(place)) == ({}, [])


def test_no_data_two_files_and_what_is_no_dicom(place: Place) -> None:
    path = f"/data/services/import?project={place.project}"
    assert place.admin("POST", path).status_code in (400, 500)
    two = {"a": ("a.zip", zipped_study()), "b": ("b.zip", zipped_study())}
    answer = place.admin("POST", path, files=two)
    assert message(answer) == "Importer is limited to one uploaded resource at a time."
    junk = zipped({"readme.txt": b"no image"})
    assert "parsable" in message(post(place, junk, project=place.project))
    refused = post(place, junk, project=place.project, import_handler="DICOM-zip")
    assert (refused.status_code, message(refused)) == (400, "unable to read DICOM object readme.txt")
    mixed = zipped({"readme.txt": b"no image", **study(series=1)})
    assert post(place, mixed, project=place.project, import_handler="DICOM-zip").status_code == 400
    ignoring = {"import_handler": "DICOM-zip", "Ignore-Unparsable": "true", "session": "MIXED", "subject": "P"}
    answer = post(place, mixed, dest=f"/archive/projects/{place.project}", **ignoring)
    assert answer.status_code == 200
    assert place.admin("GET", "/data/services/import").status_code == 405


@pytest.mark.parametrize(("role", "status"), [("member", 200), ("collaborator", 403), ("outsider", 403)])
def test_who_may_import(place: Place, role: str, status: int) -> None:
    answer = post(place, zipped_study(), caller=role, project=place.project, subject="P", session="BY")
    assert answer.status_code == status
    assert bool(sessions_in(place)) == (status == 200)


def test_several_studies_go_to_the_prearchive_only(place: Place) -> None:
    both = {**{f"a/{name}": data for name, data in study(PatientID="A").items()},
            **{f"b/{name}": data for name, data in study(PatientID="B").items()}}  # fmt: skip
    refused = post(place, zipped(both), project=place.project)
    assert message(refused) == "Upload included files for multiple imaging sessions."
    assert {row["name"] for row in prearchived(place)} == {"A", "B"}


def test_fields_given_with_the_import_are_the_sessions(place: Place) -> None:
    post(place, zipped_study(), project=place.project, subject="P", session="NOTED", note="a note")
    document = place.admin("GET", f"/data/projects/{place.project}/experiments/NOTED?format=json").json()
    assert document["items"][0]["data_fields"]["note"] == "a note"


@pytest.mark.parametrize("handler", ["DICOM-zip&dest=/archive/projects/{P}", "DICOM-zip&Direct-Archive=true"])
def test_batches_of_one_study_sent_at_once_lose_nothing(place: Place, handler: str) -> None:
    files = study(series=1, images=12)
    batches = [zipped({name: data}) for name, data in files.items()]
    where = f"project={place.project}&subject=P&session=BATCHES&import-handler={handler.format(P=place.project)}"

    def send(batch: bytes) -> requests.Response:
        caller = Caller(place.sandbox.url, place.sandbox.user, place.sandbox.password)
        with caller.session:
            return caller("POST", f"/data/services/import?{where}", data=batch, headers=ZIP)

    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(send, batches))
    assert {answer.status_code for answer in answers} == {200}
    assert prearchived(place) == []
    assert len(place.sandbox.files(place.project, "BATCHES", "1", "DICOM")) == 12


def test_direct_archive_takes_the_prearchive_where_another_study_lies(place: Place) -> None:
    where = {"project": place.project, "subject": "P", "session": "DIRECT", "Direct-Archive": "true"}
    answer = post(place, zipped_study(), import_handler="DICOM-zip", **where)
    assert answer.text.startswith(f"/xapi/direct-archive/{place.project}/")
    assert answer.text.strip().endswith("/DIRECT")
    assert len(place.sandbox.files(place.project, "DIRECT", "1", "DICOM")) == 2
    answer = post(place, zipped_study(), import_handler="DICOM-zip", **where)
    assert answer.text.startswith(f"/data/prearchive/projects/{place.project}/")
    assert len(place.sandbox.files(place.project, "DIRECT", "1", "DICOM")) == 2


def test_without_pydicom_the_sandbox_starts_and_says_what_to_install() -> None:
    program = """
        import sys
        sys.modules["pydicom"] = None
        import requests
        from xnat_upload.sandbox import Sandbox
        with Sandbox() as sandbox:
            sandbox.add_project("P1")
            headers = {"Content-Type": "application/dicom"}
            answer = requests.post(sandbox.url + "/data/services/import?inbody=true&project=P1", data=b"x" * 200,
                                   headers=headers, auth=("admin", "admin"), timeout=30)
            assert answer.status_code == 501, answer.text
            assert "pip install 'xnat-upload[demo]'" in answer.text, answer.text
    """
    subprocess.run([sys.executable, "-c", textwrap.dedent(program)], check=True, timeout=60)


@pytest.mark.parametrize(("changes", "frames"), [({}, "2"), ({"SOPClassUID": SECONDARY_CAPTURE}, "0")])
def test_secondary_captures_count_for_no_frames(place: Place, changes: dict[str, str], frames: str) -> None:
    dest = f"/archive/projects/{place.project}/subjects/P/experiments/FRAMES"
    assert post(place, zipped(study(series=1, images=2, **changes)), dest=dest).status_code == 200
    [scan] = place.admin.rows(f"/data{dest}/scans?columns=ID,frames")
    assert scan["frames"] == frames
