"""Parameters of services: in the query string, and in a form as well (SecureResource.loadBodyVariables)."""

from __future__ import annotations

from collections.abc import Collection

from xnat_upload.sandbox.routes.answers import Answer, Refusal
from xnat_upload.sandbox.routes.datatypes import data_type, is_known
from xnat_upload.sandbox.routes.fields import SESSION_FIELDS, fields_from_query
from xnat_upload.sandbox.routes.request import Query, Request

FORM = "application/x-www-form-urlencoded"
MAX_FORM_BYTES = 1 << 20
IDENTITY = frozenset({"ID", "label", "project", "subject_ID"})
EVERYWHERE = frozenset({
    "XNAT_CSRF", "format", "inbody", "req_format", "method", "event_reason", "event_comment", "event_action",
    "event_type", "event_id",
})  # fmt: skip
"""Parameters that every address understands."""


def parameters(request: Request) -> Query:
    """Give the parameters of the query string and of a form in the body."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != FORM or request.body.size <= 0:
        return request.query
    if request.body.size > MAX_FORM_BYTES:
        raise Refusal(413, f"The form has {request.body.size} bytes; {MAX_FORM_BYTES} are allowed.")
    return request.query.joined_with(b"".join(request.body.blocks()).decode("utf-8", "replace"))


def refuse_unknown(given: Query, known: Collection[str], service: str, *, takes_paths: bool = False) -> None:
    """Refuse a parameter that nothing would be done with; a path such as ``xnat:mrSessionData/note`` is a field."""
    for name, _ in given.pairs:
        if name not in known and name not in EVERYWHERE and not (takes_paths and is_path(name)):
            raise Refusal(
                501, f"This sandbox does nothing with the parameter {name} of {service}, so nothing was changed."
            )


def is_path(name: str) -> bool:
    """Tell whether a parameter names a field by its path."""
    return ":" in name and "/" in name


def session_fields(given: Query) -> dict[str, str]:
    """Read the fields of a session whose type the headers will say: paths say one themselves."""
    fields: dict[str, str] = {}
    for prefix in {"xnat:imageSessionData", *(name.partition("/")[0] for name, _ in given.pairs if is_path(name))}:
        xsi_type = data_type(prefix).name
        if not is_known(xsi_type):
            raise Refusal(400, f"Element not found: '{prefix}'")
        fields |= fields_from_query(given.pairs, xsi_type, SESSION_FIELDS)
    return {path: value for path, value in fields.items() if path not in IDENTITY}


def is_set(given: Query, name: str) -> bool:
    """Tell whether a parameter is exactly ``true``, in any case of letters."""
    return given.get(name).lower() == "true"


def uri_list(uris: Collection[str], headers: tuple[tuple[str, str], ...]) -> Answer:
    """Give addresses one a line, each line ended as in HTTP."""
    text = "".join(f"{uri}\r\n" for uri in uris)
    return Answer(200, (*headers, ("content-type", "text/uri-list")), text.encode())
