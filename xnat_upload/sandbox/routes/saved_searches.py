"""``/data/search/saved``: searches that are kept on the site (XNAT: SavedSearchListResource, SavedSearchResource)."""

from __future__ import annotations

from dataclasses import replace

from lxml import etree

from xnat_upload.sandbox.routes.answers import Answer, Refusal, empty, stream
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.searching import parsed_search, read_document, root_of, search_answer, search_bundle
from xnat_upload.sandbox.routes.tables import Cell, Table, table_answer
from xnat_upload.sandbox.store.archive import now
from xnat_upload.sandbox.store.records import SiteDocument

COLUMNS = (
    "id", "description", "layered_sequence", "allow_diff_columns", "root_element_name", "sort_by_element_name",
    "sort_by_field_id", "secure", "brief_description", "tag", "users",
)  # fmt: skip


def list_saved(request: Request) -> Answer:
    """``GET /data/search/saved``: those that are open to all, and those the user is allowed."""
    rows = [_row(one) for one in request.archive.documents_of("search") if _is_visible(request, one)]
    return table_answer(Table(columns=COLUMNS, rows=rows, title="Stored Searches"), request)


def _row(saved: SiteDocument) -> list[Cell]:
    bundle = etree.fromstring(saved.text.encode())
    values: dict[str, Cell] = {
        "id": saved.name,
        "description": bundle.get("description", ""),
        "brief_description": bundle.get("brief-description", ""),
        "tag": bundle.get("tag", ""),
        "allow_diff_columns": bundle.get("allow-diff-columns", "0"),
        "secure": "1" if _is_secure(bundle) else "0",
        "root_element_name": root_of(bundle),
        "users": f"{{{','.join(saved.users)}}}",
    }
    return [values.get(name, "") for name in COLUMNS]


def _is_secure(bundle: etree._Element) -> bool:
    return bundle.get("secure", "1").lower() in ("1", "true")


def _is_visible(request: Request, saved: SiteDocument) -> bool:
    return request.user.login in saved.users or not _is_secure(etree.fromstring(saved.text.encode()))


def _saved(request: Request) -> SiteDocument:
    saved = request.archive.document("search", "", request.params["search"])
    if saved is None:
        raise Refusal(404)
    if not _is_visible(request, saved):
        raise Refusal(403)
    return saved


def read_saved(request: Request) -> Answer:
    """``GET /data/search/saved/{search}``: the document."""
    return stream("text/xml", [_saved(request).text.encode()])


def read_results(request: Request) -> Answer:
    """``GET /data/search/saved/{search}/results``."""
    return search_answer(parsed_search(_saved(request).text.encode()), request)


def put_saved(request: Request) -> Answer:
    """``PUT /data/search/saved/{search}``: whoever keeps it is among those who may use and delete it."""
    # What it asks for is looked at when it is run.
    bundle = search_bundle(read_document(request))
    name, login = request.params["search"], request.user.login
    existing = request.archive.document("search", "", name)
    if existing and login not in existing.users:
        raise Refusal(403)
    bundle.set("ID", name)
    allowed = [str(one.text) for one in bundle.findall("{*}allowed_user/{*}login") if one.text]
    request.archive.save(
        SiteDocument(
            kind="search",
            name=name,
            text=etree.tostring(bundle, encoding="unicode"),
            users=tuple(dict.fromkeys((*allowed, login))),
            user=login,
            date=now(),
        )
    )
    return empty()


def delete_saved(request: Request) -> Answer:
    """``DELETE /data/search/saved/{search}``: the last of its users takes it away; an absent one is no error."""
    saved = request.archive.document("search", "", request.params["search"])
    if saved is None:
        return empty()
    login = request.user.login
    if login not in saved.users and not request.user.site_admin:
        raise Refusal(403)
    left = tuple(user for user in saved.users if user != login)
    if left and login in saved.users:
        request.archive.save(replace(saved, users=left))
    else:
        request.archive.remove(saved)
    return empty()
