"""``/xapi``: build information, the user's name, schemas.

Spring answers here, not Restlet: paths match whole, an error is plain text or
nothing at all, and a string is sent raw even where the Content-Type says JSON.
"""

from __future__ import annotations

import json

from xnat_upload.sandbox.routes.answers import Answer
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.xapi_schemas import NAMES, schema_document

BUILD_INFO = {
    "version": "1.8.11",
    **dict.fromkeys(
        ("buildNumber", "buildDate", "sha", "isDirty", "branch", "shaFull", "commit", "timestamp", "tag", "hostName"),
        "Unknown",
    ),
}


def build_info(request: Request) -> Answer:
    """``GET /xapi/siteConfig/buildInfo``: open to all (docs/xnat/logging-in.md, "Which version answers")."""
    return _json(BUILD_INFO)


def build_property(request: Request) -> Answer:
    """``GET /xapi/siteConfig/buildInfo/{property}``: for users only; a property nobody knows is an empty 200."""
    return _string(BUILD_INFO.get(request.params["property"], ""), "application/json")


def user_name(request: Request) -> Answer:
    """``GET /xapi/users/username``."""
    return _string(request.user.login, "text/plain")


def read_user(request: Request) -> Answer:
    """``GET /xapi/users/{username}``: one's own account; everybody's for an administrator."""
    name = request.params["username"]
    if name != request.user.login and not request.user.site_admin:
        return Answer(403, ())
    user = request.archive.users.get(name)
    if user is None:
        return _text(500, f"There was an error in the request : An error occurred initializing the user {name}")
    account = {"username": user.login, "firstName": user.login, "lastName": user.login, "email": ""}
    return _json({**account, "enabled": True, "verified": True, "secured": True})


def list_schemas(request: Request) -> Answer:
    """``GET /xapi/schemas``: their names, without folder where folder and file are called the same."""
    return _json(NAMES)


def read_schema(request: Request) -> Answer:
    """``GET /xapi/schemas/{schema}`` or ``/xapi/schemas/{folder}/{schema}``."""
    name = request.params["schema"]
    folder = request.params.get("folder", name)
    if name != folder or name not in NAMES:
        return _not_found(f"classpath:schemas/{folder}/{name}.xsd")
    return _string(schema_document(name), "application/xml")


def _json(value: object) -> Answer:
    return Answer(200, (("content-type", "application/json"),), json.dumps(value).encode())


def _string(value: str, content_type: str) -> Answer:
    # Spring 4 writes strings in Latin-1 and says so.
    headers = (("content-type", f"{content_type};charset=ISO-8859-1"),)
    return Answer(200, headers if value else (), value.encode("latin-1", "replace"))


def _not_found(what: str) -> Answer:
    return _text(404, f"Unable to find requested file or resource: {what}")


def _text(status: int, message: str) -> Answer:
    return Answer(status, (("content-type", "text/plain"),), message.encode())
