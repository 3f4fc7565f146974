"""What is put into pages and documents stays text."""

from __future__ import annotations

from lxml import etree, html

from tests.sandbox.places import Caller, Place
from xnat_upload.sandbox import Sandbox

ODD = "<b>&\"'"


def test_pages_escape_what_they_show(place: Place) -> None:
    place.admin("PUT", f"/data/projects/{place.project}", params={"description": ODD})
    page = place.admin("GET", f"/data/projects?format=html&columns=ID,description&ID={place.project}")
    document = html.fromstring(page.content)
    cells = list(document.iter("td"))
    assert not list(document.iter("b"))
    # Escaped once when it came in, and once more on its way out, as XNAT does.
    assert [cell.text for cell in cells][1] == "&lt;b&gt;&amp;&quot;&#x27;"


def test_index_page_shows_a_name_as_text() -> None:
    with Sandbox(user=ODD, password="pw") as sandbox:
        caller = Caller(sandbox.url, ODD, "pw")
        with caller.session:
            page = html.fromstring(caller("GET", "/").content)
    assert [link.text for link in page.iter("a")] == [ODD]
    assert not list(page.iter("b"))


def test_error_pages_escape_what_was_sent(place: Place) -> None:
    answer = place.admin("GET", "/data/projects;x=%3Cb%3E")
    assert answer.status_code == 500
    assert "<b>" not in answer.text


def test_document_stays_xml_whatever_a_field_holds(place: Place) -> None:
    place.admin("PUT", place.session, params={"xsiType": "xnat:mrSessionData", "note": f"a\x01\x0b{ODD}\uffffz"})
    root = etree.fromstring(place.admin("GET", f"{place.session}?format=xml").content)
    assert root.findtext("{http://nrg.wustl.edu/xnat}note") == "a&lt;b&gt;&amp;&quot;&#x27;z"
