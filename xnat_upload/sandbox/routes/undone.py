"""Parameters that XNAT obeys and this archive does not: refused by name, so that nobody takes them for done.

What XNAT itself passes over in silence is passed over here as well.  Each is read by the
class named beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from xnat_upload.sandbox.routes.answers import Refusal
from xnat_upload.sandbox.routes.request import Query

Asks = Callable[[str], bool]


def _yes(value: str) -> bool:
    return value.lower() not in ("false", "0")


def _no(value: str) -> bool:
    return value.lower() in ("false", "0")


def _anything(value: str) -> bool:
    return bool(value)


def _legacy(value: str) -> bool:
    return value.lower() not in ("", "default")


READING_FILES: Mapping[str, Asks] = {  # FileList
    "structure": _legacy,
    "listContents": _yes,
    "includeRootPath": _yes,
    "projectIncludedInPath": _yes,
    "subjectIncludedInPath": _yes,
}
WRITING_FILES: Mapping[str, Asks] = {"reference": _anything, "notify": _anything, "async": _yes}  # FileList
READING_ITEMS: Mapping[str, Asks] = {  # SecureResource.representItem
    "includeHistory": _yes,
    "requested_screen": _anything,
}
WRITING_ITEMS: Mapping[str, Asks] = {  # SecureResource.loadItem, changeExperimentPrimaryProject; SubjectResource
    "populateFromDB": _no,
    "loadExisting": _no,
    "moveAssessors": _anything,
}
WRITING_PROJECTS: Mapping[str, Asks] = {"populateFromDB": _no, "testHyphen": _yes}  # ProjectResource
READING_RESOURCES: Mapping[str, Asks] = {"includeRootPath": _yes}  # CatalogResource
READING_MEMBERS: Mapping[str, Asks] = {"includeAllDataAccess": _yes}  # ProjectUserListResource
WRITING_MEMBERS: Mapping[str, Asks] = {"sendemail": _yes}  # ProjectMemberResource


def refuse_undone(query: Query, undone: Mapping[str, Asks]) -> None:
    """Refuse a request that asks for what is not done."""
    for name, value in query.pairs:
        asks = undone.get(name)
        if asks and asks(value):
            raise Refusal(501, f"XNAT obeys {name} here; this sandbox does not, and nothing was changed.")
