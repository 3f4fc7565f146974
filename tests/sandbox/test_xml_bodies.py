"""Items that are sent as XML: by themselves, in forms, under other prefixes, to lists, and with scans in them."""

from __future__ import annotations

import pytest

from tests.sandbox.places import Place, message
from tests.sandbox.test_documents import children, json_item, xml

XNAT = 'xmlns:xnat="http://nrg.wustl.edu/xnat" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'
SESSION = f"""<xnat:CTSession {XNAT} label="E9">
  <xnat:date>2020-01-02</xnat:date>
  <xnat:fields><xnat:field name="site">north</xnat:field></xnat:fields>
  <xnat:scanner manufacturer="M" model="X">CT1</xnat:scanner>
  <xnat:scans>
    <xnat:scan ID="1" type="T1" xsi:type="xnat:ctScanData"><xnat:quality>usable</xnat:quality>
      <xnat:parameters><xnat:voxelRes x="1.5" y="2" z="3"/><xnat:addParam name="a">1</xnat:addParam></xnat:parameters>
    </xnat:scan>
    <xnat:scan ID="2" type="T1" xsi:type="xnat:ctScanData"/>
  </xnat:scans>
</xnat:CTSession>"""
PROJECT = '<{0}Project {1} ID="{2}" secondary_ID="hub-{2}"><{0}name>name-{2}</{0}name></{0}Project>'


def put_xml(place: Place, path: str, body: str, method: str = "PUT") -> str:
    answer = place.admin(method, path, data=body.encode(), headers={"Content-Type": "text/xml"})
    assert answer.status_code in (200, 201), answer.text
    return answer.text


def test_session_xml_creates_its_scans_with_what_they_say(place: Place) -> None:
    path = f"/data/projects/{place.project}/subjects/S9/experiments/E9"
    session_id = put_xml(place, path, SESSION)
    item = json_item(place, f"/data/experiments/{session_id}")
    assert item["meta"]["xsi:type"] == "xnat:ctSessionData"
    assert item["data_fields"]["scanner"] == "CT1"
    assert item["data_fields"]["scanner/model"] == "X"
    assert [one["data_fields"] for one in children(item, "fields/field")] == [{"name": "site", "field": "north"}]
    scans = children(item, "scans/scan")
    assert [(scan["data_fields"]["ID"], scan["data_fields"]["type"]) for scan in scans] == [("1", "T1"), ("2", "T1")]
    assert scans[0]["data_fields"]["parameters/voxelRes/x"] == 1.5
    assert [one["data_fields"] for one in children(scans[0], "parameters/addParam")] == [{"name": "a", "addField": "1"}]


def test_a_document_that_is_sent_back_changes_nothing(place: Place) -> None:
    path = f"/data/projects/{place.project}/subjects/S9/experiments/E9"
    session_id = put_xml(place, path, SESSION)
    before = json_item(place, f"/data/experiments/{session_id}")
    document = place.admin("GET", f"{path}?format=xml").text
    assert put_xml(place, path, document) == session_id
    assert json_item(place, f"/data/experiments/{session_id}") == before


def test_xml_is_read_from_a_form(place: Place) -> None:
    path = f"/data/projects/{place.project}/subjects/S9/experiments/E9"
    answer = place.admin("PUT", path, files={"file": ("session.xml", SESSION.encode())})
    assert answer.status_code == 201
    assert len(xml(place, f"/data/experiments/{answer.text}").findall("{*}scans/{*}scan")) == 2
    subject = f'<xnat:Subject {XNAT} label="S8" group="g"/>'
    answer = place.admin("PUT", f"/data/projects/{place.project}/subjects/S8", files={"f": ("s.xml", subject.encode())})
    assert answer.status_code == 201
    assert json_item(place, f"/data/subjects/{answer.text}")["data_fields"]["group"] == "g"


@pytest.mark.parametrize(
    ("prefix", "space"),
    [("xnat:", 'xmlns:xnat="http://nrg.wustl.edu/xnat"'), ("x:", 'xmlns:x="http://nrg.wustl.edu/xnat"'),
     ("", 'xmlns="http://nrg.wustl.edu/xnat"'), ("", ""), ("p:", 'xmlns:p="http://platform.example/own"')],
)  # fmt: skip
def test_xml_is_read_under_any_prefix_and_any_namespace(place: Place, prefix: str, space: str) -> None:
    name = f"X{place.project}"
    put_xml(place, f"/data/projects/{name}", PROJECT.format(prefix, space, name))
    fields = json_item(place, f"/data/projects/{name}")["data_fields"]
    assert (fields["secondary_ID"], fields["name"]) == (f"hub-{name}", f"name-{name}")


def test_xml_of_an_unknown_root_or_with_a_wrong_value_is_refused(place: Place) -> None:
    headers = {"Content-Type": "text/xml"}
    path = f"/data/projects/{place.project}/subjects/S9/experiments/E9"
    assert place.admin("PUT", path, data=b"<Nothing/>", headers=headers).status_code == 422
    wrong = SESSION.replace("2020-01-02", "soon").encode()
    assert place.admin("PUT", path, data=wrong, headers=headers).status_code == 400
    assert place.admin("GET", path).status_code == 404


def test_posts_to_the_lists_create_and_say_where(place: Place) -> None:
    project = f"Q{place.project}"
    where = put_xml(place, "/data/projects", PROJECT.format("xnat:", XNAT, project), "POST")
    assert where == f"/data/projects/{project}"
    where = put_xml(place, f"/data/projects/{project}/subjects", f'<xnat:Subject {XNAT} label="S1"/>', "POST")
    assert json_item(place, where)["data_fields"]["label"] == "S1"
    where = put_xml(place, f"/data/projects/{project}/subjects/S1/experiments", SESSION, "POST")
    assert json_item(place, f"/data/experiments/{where.rpartition('/')[2]}")["data_fields"]["label"] == "E9"
    answer = place.admin(
        "POST", f"/data/projects/{project}/experiments?xsiType=xnat:mrSessionData&label=E10&subject_ID=S1"
    )
    assert answer.headers["Location"] == answer.text
    labels = {row["label"] for row in place.admin.rows(f"/data/projects/{project}/experiments")}
    assert labels == {"E9", "E10"}


@pytest.mark.parametrize(
    ("path", "status"),
    [("/data/projects", 417), ("/data/projects?ID={P}", 409), ("/data/projects/{P}/subjects?label=SUBJ", 409),
     ("/data/projects/{P}/experiments?xsiType=xnat:mrSessionData&label=ACC1", 409),
     ("/data/projects/{P}/experiments?xsiType=xnat:mrSessionData&label=NEW", 422),
     ("/data/projects/{P}/experiments?label=NEW", 417), ("/data/projects/NOSUCH/subjects?label=S", 404)],
)  # fmt: skip
def test_posts_to_the_lists_are_refused(place: Place, path: str, status: int) -> None:
    assert place.admin("POST", path.format(P=place.project)).status_code == status


def test_a_collaborator_posts_nothing(place: Place) -> None:
    for path in ("subjects?label=S9", "experiments?xsiType=xnat:mrSessionData&label=E9&subject_ID=SUBJ"):
        answer = place.callers["collaborator"]("POST", f"/data/projects/{place.project}/{path}")
        assert answer.status_code == 403, message(answer)
    assert len(place.admin.rows(f"/data/projects/{place.project}/subjects")) == 1


PROTOCOL = f"""<xnat:Project {XNAT}>
<xnat:studyProtocol xsi:type="xnat:datatypeProtocol" ID="P1" name="MR Sessions" data-type="xnat:mrSessionData">
<xnat:definitions><xnat:definition ID="mine" data-type="xnat:mrSessionData"><xnat:fields>
<xnat:field name="site" datatype="string" sequence="0"><xnat:possibleValues>
<xnat:possibleValue>north</xnat:possibleValue></xnat:possibleValues></xnat:field></xnat:fields></xnat:definition></xnat:definitions></xnat:studyProtocol>
</xnat:Project>"""


def test_items_in_items_keep_their_type_and_come_back_as_they_were(place: Place) -> None:
    path = f"/data/projects/{place.project}"
    put_xml(place, path, PROTOCOL)
    [protocol] = children(json_item(place, path), "studyProtocol")
    assert (protocol["meta"]["xsi:type"], protocol["data_fields"]["name"]) == ("xnat:datatypeProtocol", "MR Sessions")
    [definition] = children(protocol, "definitions/definition")
    [field] = children(definition, "fields/field")
    assert field["data_fields"] == {"name": "site", "datatype": "string", "sequence": 0}
    assert [one["data_fields"] for one in children(field, "possibleValues/possibleValue")] == [
        {"possibleValue": "north"}
    ]
    before = json_item(place, path)
    put_xml(place, path, place.admin("GET", f"{path}?format=xml").text)
    assert json_item(place, path) == before
