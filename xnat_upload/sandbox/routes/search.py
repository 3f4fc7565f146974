"""``/data/search/elements``: which data types can be searched, and by which fields.

Listed are those of a fresh installation that this archive can hold.
"""

from __future__ import annotations

from collections import Counter

from xnat_upload.sandbox.routes.answers import Answer, Refusal
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.search_fields import search_field, shown_fields
from xnat_upload.sandbox.routes.tables import Cell, Table, table_answer

SEARCHABLE = {
    "xnat:projectData": ("Project", "Projects"),
    "xnat:subjectData": ("Subject", "Subjects"),
    "xnat:mrSessionData": ("MR Session", "MR Sessions"),
    "xnat:ctSessionData": ("CT Session", "CT Sessions"),
    "xnat:petSessionData": ("PET Session", "PET Sessions"),
    "xnat:petmrSessionData": ("PET MR Session", "PET MR Sessions"),
    "xnat:crSessionData": ("CR Session", "CR Sessions"),
}


def list_elements(request: Request) -> Answer:
    """``GET /data/search/elements``: counts are of the whole site, whatever the user may see."""
    archive = request.archive
    counts = Counter(session.xsi_type for session in archive.all_sessions())
    counts["xnat:projectData"] = len(archive.projects)
    counts["xnat:subjectData"] = len(archive.subjects)
    rows: list[list[Cell]] = [[name, *titles, "true", counts[name]] for name, titles in SEARCHABLE.items()]
    columns = ("ELEMENT_NAME", "SINGULAR", "PLURAL", "SECURED", "COUNT")
    return table_answer(Table(columns=columns, rows=rows, title="Data-Types"), request)


def list_fields(request: Request) -> Answer:
    """``GET /data/search/elements/{type}[,{type}…]``: XML unless a format is named."""
    rows: list[list[Cell]] = []
    for name in request.params["element"].split(","):
        if name not in SEARCHABLE:
            raise Refusal(400)
        fields = [search_field(name, field_id) for field_id in shown_fields(name)]
        rows += [[one.field_id, one.field_id, one.field_id, one.kind, "false", one.field_id, name, 0] for one in fields]
    columns = ("FIELD_ID", "HEADER", "SUMMARY", "TYPE", "REQUIRES_VALUE", "DESC", "ELEMENT_NAME", "SRC")
    return table_answer(Table(columns=columns, rows=rows, title="Search Fields"), request)
