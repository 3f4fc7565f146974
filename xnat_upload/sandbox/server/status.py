"""The page for a browser: which projects and sessions there are, which faults are in, what has been asked so far."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from xnat_upload.sandbox.injection import FaultPlan
from xnat_upload.sandbox.server.recording import RecordedRequest, Recorder
from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.layout import resources_in
from xnat_upload.sandbox.store.records import Project, Session

MOST_REQUESTS = 200


def status_page(archive: Archive, recorder: Recorder, faults: FaultPlan, *, is_temporary: bool) -> str:
    """Write the page as of now."""
    import jinja2  # no program that does not look at the page needs it

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("xnat_upload.sandbox.server"), autoescape=True, undefined=jinja2.StrictUndefined
    )
    requests = recorder.requests
    with archive.lock:
        return environment.get_template("status.html").render(
            version=archive.face.version,
            root=archive.root,
            is_temporary=is_temporary,
            accounts=sorted(archive.users),
            projects=[_project(archive, one) for one in archive.projects.values()],
            faults=[{"name": repr(one.fault), "matched": one.matched, "struck": one.struck} for one in faults.injected],
            request_count=len(requests),
            requests=[_request(one) for one in reversed(requests[-MOST_REQUESTS:])],
        )


def _project(archive: Archive, project: Project) -> dict[str, Any]:
    return {
        "id": project.id,
        "secondary_id": project.secondary_id,
        "accessibility": project.accessibility,
        "members": sorted(project.members.items()),
        "sessions": [_session(archive, one, project) for one in archive.sessions_of(project)],
    }


def _session(archive: Archive, session: Session, project: Project) -> dict[str, Any]:
    resources = resources_in(archive, session)
    return {
        "label": session.label_in(project.id),
        "subject": archive.subjects[session.subject_id].label_in(project.id),
        "xsi_type": session.xsi_type,
        "scans": ", ".join(scan.id for scan in archive.scans_of(session)),
        "resources": ", ".join(resource.label for resource in resources),
        "files": sum(resource.file_count or 0 for resource in resources),
    }


def _request(request: RecordedRequest) -> dict[str, Any]:
    query = urlencode(request.query)
    return {
        "method": request.method,
        "status": request.status,
        "target": f"{request.path}?{query}" if query else request.path,
        "user": request.user,
        "body_size": request.body_size,
    }
