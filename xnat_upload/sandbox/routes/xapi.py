"""``/xapi``: build information, the user's name, schemas.

Spring answers here, not Restlet: paths match whole, an error is plain text or
nothing at all, and a string is sent raw even where the Content-Type says JSON.
"""

from __future__ import annotations

from xnat_upload.sandbox.routes.answers import Answer
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.spring import json_answer, not_found, string_answer
from xnat_upload.sandbox.routes.xapi_schemas import NAMES, schema_document

BUILD_INFO = {
    **dict.fromkeys(
        ("buildNumber", "buildDate", "sha", "isDirty", "branch", "shaFull", "commit", "timestamp", "tag", "hostName"),
        "Unknown",
    ),
}


def build_info(request: Request) -> Answer:
    """``GET /xapi/siteConfig/buildInfo``: open to all (docs/xnat/logging-in.md, "Which version answers")."""
    return json_answer({**BUILD_INFO, "version": request.face.version})


def build_property(request: Request) -> Answer:
    """``GET /xapi/siteConfig/buildInfo/{property}``: for users only; a property nobody knows is an empty 200."""
    properties = {**BUILD_INFO, "version": request.face.version}
    return string_answer(properties.get(request.params["property"], ""), "application/json")


def user_name(request: Request) -> Answer:
    """``GET /xapi/users/username``."""
    return string_answer(request.user.login, "text/plain")


def list_schemas(request: Request) -> Answer:
    """``GET /xapi/schemas``: their names, without folder where folder and file are called the same."""
    return json_answer(NAMES)


def read_schema(request: Request) -> Answer:
    """``GET /xapi/schemas/{schema}`` or ``/xapi/schemas/{folder}/{schema}``."""
    name = request.params["schema"]
    folder = request.params.get("folder", name)
    if name != folder or name not in NAMES:
        return not_found(f"classpath:schemas/{folder}/{name}.xsd")
    return string_answer(schema_document(name), "application/xml")
