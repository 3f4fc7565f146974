"""``/data/config`` and that of projects: texts that tools keep, with their versions (XNAT: ConfigResource)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace

from xnat_upload.sandbox.routes.answers import Answer, Refusal, empty, text
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.tables import Cell, Table, table_answer
from xnat_upload.sandbox.routes.targets import readable_project
from xnat_upload.sandbox.store import access
from xnat_upload.sandbox.store.archive import now
from xnat_upload.sandbox.store.records import SiteDocument

COLUMNS = (
    "tool", "path", "project", "user", "create_date", "reason", "contents", "unversioned", "version", "status",
)  # fmt: skip
# What would be done with these by an XNAT when images arrive; keeping them without doing it would be a lie.
NOT_IMITATED = {"anon": "anonymization", "seriesImportFilter": "the filter of series", "dicom": "anonymization"}
STATES = {"enabled": "enabled", "true": "enabled", "disabled": "disabled", "false": "disabled"}
MAX_CONFIG_BYTES = 4 << 20

Version = dict[str, str]


def list_tools(request: Request) -> Answer:
    """``GET …/config``: the tools that keep something here."""
    kept = request.archive.documents_of("config", _readable_scope(request))
    tools = dict.fromkeys(one.name.partition("/")[0] for one in kept)
    if not tools:
        return _missing(request)
    return table_answer(Table(columns=("tool",), rows=[[tool] for tool in tools], with_total=False), request)


def list_paths(request: Request) -> Answer:
    """``GET …/config/{tool}``: the newest version of each of its texts."""
    scope, tool = _readable_scope(request), request.params["tool"]
    kept = [one for one in request.archive.documents_of("config", scope) if one.name.startswith(f"{tool}/")]
    return _table(request, [(one, _versions(one)[-1]) for one in kept])


def read_config(request: Request) -> Answer:
    """``GET …/config/{tool}/{path}``: as a row, or as it is with ``contents=true``."""
    scope, query = _readable_scope(request), request.query
    kept = request.archive.document("config", scope, _name(request))
    if kept is None and scope and query.is_true("defaultToSiteWide"):
        kept = request.archive.document("config", "", _name(request))
    if kept is None:
        return _missing(request)
    versions = _versions(kept)
    if query.get("action").lower() == "gethistory":
        return _table(request, [(kept, one) for one in versions])
    wanted = query.get("version")
    chosen = [one for one in versions if one["version"] == wanted] if wanted.isdigit() else versions[-1:]
    if not chosen:
        return _missing(request)
    if query.is_true("contents") and not query.is_true("meta"):
        return _missing(request) if chosen[0]["status"] == "disabled" else text(chosen[0]["contents"])
    if query.is_true("meta") and not query.is_true("contents"):
        chosen = [{**chosen[0], "contents": ""}]
    return _table(request, [(kept, one) for one in chosen])


def put_config(request: Request) -> Answer:
    """``PUT …/config/{tool}/{path}``: 201 when new; the same contents again make no new version."""
    scope = _editable_scope(request)
    tool = request.params["tool"]
    if tool in NOT_IMITATED:
        raise Refusal(501, f"This sandbox does not imitate {NOT_IMITATED[tool]}, so nothing was kept.")
    contents, status = _sent(request)
    if status and status.lower() not in STATES:
        raise Refusal(400, f"Only valid values for the status flag are enabled or true and disabled or false: {status}")
    with request.archive.lock:
        kept = request.archive.document("config", scope, _name(request))
        versions = _versions(kept) if kept else []
        newest: Version = versions[-1] if versions else {}
        if not contents and not newest:
            raise Refusal(500, "No contents provided")
        state = STATES[status.lower()] if status else "enabled"
        changed = {"contents": contents or newest["contents"], "status": state}
        if not versions or any(newest[name] != value for name, value in changed.items()):
            number = str(int(newest.get("version", "0")) + (1 if contents else 0))
            about = {"version": number, "user": request.user.login, "date": now(), "reason": ""}
            about["unversioned"] = str(request.query.is_true("unversioned")).lower()
            kept_versions = versions if contents and about["unversioned"] == "false" else versions[:-1]
            _save(request, scope, [*kept_versions, {**about, **changed}])
    return empty() if versions else replace(empty(), status=201)


def delete_config(request: Request) -> Answer:
    """``DELETE …/config/{tool}/{path}``: what was kept is disabled, and stays in the history."""
    scope = _editable_scope(request)
    with request.archive.lock:
        kept = request.archive.document("config", scope, _name(request))
        if kept:
            *earlier, newest = _versions(kept)
            _save(request, scope, [*earlier, {**newest, "status": "disabled"}])
    return empty()


def _sent(request: Request) -> tuple[str, str]:
    if request.body.size > MAX_CONFIG_BYTES:
        raise Refusal(413, f"The document has {request.body.size} bytes; {MAX_CONFIG_BYTES} are allowed.")
    body = b"".join(request.body.blocks()).decode("utf-8", "replace") if request.body.size > 0 else ""
    status = request.query.get("status")
    if request.headers.get("content-type", "").startswith("application/json") and body:
        try:
            said = json.loads(body)
        except ValueError as error:
            raise Refusal(500, str(error)) from error
        if isinstance(said, dict):
            body, status = str(said.get("contents") or ""), str(said.get("status") or "")
    if not body and not status:
        raise Refusal(
            400,
            "You must specify either the status querystring parameter or a configuration object in the request body.",
        )
    return body, status


def _name(request: Request) -> str:
    return f"{request.params['tool']}/{request.params['path']}{request.tail}".rstrip("/")


def _readable_scope(request: Request) -> str:
    name = request.params.get("project")
    if name is None:
        return ""
    project = readable_project(request, name)
    if project is None:
        raise Refusal(404, f"The requested project {name} does not exist.")
    if not access.can_read_data(request.user, project):
        raise Refusal(403, f"User {request.user.login} can not access project {project.id}")
    return project.id


def _editable_scope(request: Request) -> str:
    scope = _readable_scope(request)
    allowed = access.can_own(request.user, request.archive.projects[scope]) if scope else request.user.site_admin
    if not allowed:
        raise Refusal(403, "User does not have privileges to modify config for this project")
    return scope


def _versions(kept: SiteDocument) -> list[Version]:
    versions: list[Version] = json.loads(kept.text)
    return versions


def _save(request: Request, scope: str, versions: list[Version]) -> None:
    document = SiteDocument(kind="config", scope=scope, name=_name(request), text=json.dumps(versions))
    request.archive.save(document)


def _table(request: Request, found: list[tuple[SiteDocument, Mapping[str, str]]]) -> Answer:
    if not found:
        return _missing(request)
    rows: list[list[Cell]] = []
    for kept, one in found:
        tool, _, path = kept.name.partition("/")
        rows.append([
            tool, path, kept.scope, one["user"], one["date"], one["reason"], one["contents"], one["unversioned"],
            one["version"], one["status"],
        ])  # fmt: skip
    return table_answer(Table(columns=COLUMNS, rows=rows, with_total=False), request)


def _missing(request: Request) -> Answer:
    if request.query.is_true("accept-not-found"):
        return replace(empty(), status=204)
    params = request.params
    message = (
        f"Couldn't find config for user {request.user.login} and project {params.get('project')} on tool "
        f"[{params.get('tool')}] path [{params.get('path')}]"
    )
    raise Refusal(404, message)
