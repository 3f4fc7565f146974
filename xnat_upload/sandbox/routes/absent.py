"""Routes that XNAT has and this archive has not, and what stands here in their place.

Without a row here such a path would fall into the item above it, and a DELETE of a
share or an assessor would take the whole session with it.  Each row answers 501 to
every method, names itself, and changes nothing.  XNAT's own list of routes is
XNATApplication.addRoutes, with those of the annotated classes in ``restlet/extensions``.
"""

from __future__ import annotations

from collections.abc import Mapping

from xnat_upload.sandbox.routes.answers import Answer, status_page

PAGE = "docs/sandbox.md"
DOWNLOAD_INSTEAD = "GET {session}/scans/ALL/files?format=zip gives all files of a session."
READ_WHOLE = "GET {session}?format=xml gives the whole session."
IN_PYTHON = "Sandbox.add_user and Sandbox.add_member make accounts and members."
NOTHING = "There is nothing like it here."

SESSIONS = (
    "/projects/{project}/subjects/{subject}/experiments/{experiment}",
    "/projects/{project}/experiments/{experiment}",
    "/experiments/{experiment}",
)
WITH_SCANS = (SESSIONS[0], SESSIONS[2])

ARCHIVE: dict[str, str] = {
    **{f"{session}/scans/{{scan}}/DICOMDIR": DOWNLOAD_INSTEAD for session in WITH_SCANS},
    **{f"{session}/scans/{{scan}}/projects": "A session is shared with all its scans." for session in WITH_SCANS},
    **{f"{session}/history": READ_WHOLE for session in SESSIONS},
    **{f"{session}/{kind}": DOWNLOAD_INSTEAD for session in SESSIONS[1:] for kind in ("DIR", "XAR")},
    "/projects/{project}/scan_type_mapping": "The type of a scan is what was written.",
    "/projects/{project}/groups": IN_PYTHON,
    "/projects/{project}/pipelines": NOTHING,
    "/projects/{project}/archive_spec": NOTHING,
    "/projects/{project}/protocols": NOTHING,
    "/projects/{project}/searches": NOTHING,
    "/config/edit/image/dicom": NOTHING,
    "/config/edit/projects/{project}/image/dicom": NOTHING,
    "/investigators": NOTHING,
    "/user/{user}/sessions": "Sandbox.forget_sessions ends them all.",
}

SITE: dict[str, str] = {
    "/automation": NOTHING,
    "/pars": IN_PYTHON,
    "/prearchive/experiments": "GET /data/prearchive lists what has arrived.",
    "/projects/{project}/automation": NOTHING,
    "/projects/{project}/pars": IN_PYTHON,
    "/routing": NOTHING,
    "/search/elements/{element}/versions": "GET /data/search/elements/{element} lists its fields.",
    "/services/audit": NOTHING,
    "/services/ecatdump": NOTHING,
    "/services/extensions": NOTHING,
    "/services/features": NOTHING,
    "/services/ipwhitelist": NOTHING,
    "/services/mail/send": NOTHING,
    "/services/move-files": "PUT {scan}/resources/{resource}/files.",
    "/services/prearchive": "It has move, delete and rebuild.",
    "/services/scan-quality-labels": NOTHING,
    "/services/sendEmailVerification": NOTHING,
    "/services/sessions": "Sandbox.forget_sessions ends them all.",
    "/services/triage": NOTHING,
    "/services/validate-archive": NOTHING,
    "/services/workflows": NOTHING,
    "/status": NOTHING,
    "/user": IN_PYTHON,
    "/workflows": NOTHING,
}

# The families of XNAT's own /xapi (``@RequestMapping``), and those of the plugins that clients ask for.
XAPI_INSTEAD = {"users": IN_PYTHON, "siteConfig": "Sandbox.site is the configuration of the site."}
XAPI_FAMILIES = (
    "access", "anonymize", "archive", "asyncOps", "automation", "commands", "compute", "containers", "custom-fields",
    "customforms", "dicom", "dicomscp", "dicomweb", "direct-archive", "docker", "dqr", "event_tracking", "events",
    "investigators", "legacycustomvariable", "logs", "notifications", "orchestration", "pipelines", "prefs",
    "processors", "resources", "role", "siteConfig", "spawner", "themes", "totalCounts", "users", "validate",
    "workflows", "wrappers",
)  # fmt: skip
XAPI: dict[str, str] = {f"/{family}": XAPI_INSTEAD.get(family, NOTHING) for family in XAPI_FAMILIES}


def absent_answer(template: str, instead: str) -> Answer:
    """Say which route it is, that nothing has happened, and what stands in its place."""
    return status_page(
        501, f"XNAT has {template}; this sandbox has not, and nothing was changed. {instead} See {PAGE}."
    )


def most_specific_first(templates: Mapping[str, object]) -> list[str]:
    """Order templates as Restlet's router prefers them: whichever matches more of a path."""
    return sorted(templates, key=lambda template: (-template.count("/"), template.count("{"), -len(template)))
