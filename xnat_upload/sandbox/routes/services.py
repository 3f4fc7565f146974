"""``services/refresh/catalog`` (docs/xnat/listings.md, "Refreshing a catalog")."""

from __future__ import annotations

import re

from xnat_upload.sandbox.routes.answers import Answer, Refusal, empty
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.routes.targets import (
    PART_FINDERS,
    can_edit_owner,
    owner_of,
    readable_project,
    readable_session,
    readable_subject,
)
from xnat_upload.sandbox.store.layout import resources_in
from xnat_upload.sandbox.store.records import Owner, Resource
from xnat_upload.sandbox.store.resources import REFRESH_OPERATIONS, refresh

ARCHIVE_URI = re.compile(
    r"(?:/data)?/archive"
    r"(?:/projects/(?P<project>[^/]+))?(?:/subjects/(?P<subject>[^/]+))?(?:/experiments/(?P<experiment>[^/]+))?"
    r"(?:/(?P<kind>scans|reconstructions|assessors)/(?P<part>[^/]+)(?:/(?P<direction>in|out))?)?"
    r"(?:/resources/(?P<resource>[^/]+))?/?$"
)


def refresh_catalog(request: Request) -> Answer:
    """``POST /data/services/refresh/catalog``: 200 also where it has found nothing to do."""
    operations = {token for value in request.query.all("options") for token in value.split(",")}
    operations |= {name for name in REFRESH_OPERATIONS if request.query.is_true(name)}
    wanted = frozenset(operations & REFRESH_OPERATIONS)
    for uri in request.query.all("resource"):
        for resource in _resources_at(request, uri):
            if not can_edit_owner(request, resource.owner):
                raise Refusal(403)
            refresh(request.archive, resource, wanted, disk=request.disk)
    return empty()


def _resources_at(request: Request, uri: str) -> list[Resource]:
    match = ARCHIVE_URI.match(uri)
    parts = match.groupdict() if match else {}
    if not any(parts.values()):
        raise Refusal(500 if request.face.is_before_1_7 else 400, f"Malformed URI: {uri}")
    project = readable_project(request, parts["project"]) if parts["project"] else None
    subject = readable_subject(request, parts["subject"], project) if parts["subject"] else None
    session = readable_session(request, parts["experiment"], project) if parts["experiment"] else None
    archive = request.archive
    if parts["experiment"]:
        if session is None:
            raise Refusal(500 if request.face.is_before_1_7 else 400, f"Malformed URI: {uri}")
        if parts["kind"]:
            named = PART_FINDERS[parts["kind"]](request, session, parts["part"])
            owners = [owner_of(one, parts["direction"] or "out") for one in named]
            found = [one for owner in owners for one in archive.resources_of(owner)]
        elif parts["resource"]:
            found = archive.resources_of(owner_of(session))
        else:
            found = resources_in(archive, session)
    elif subject:
        found = archive.resources_of(Owner("subjects", subject.id))
    elif project:
        found = archive.resources_of(Owner("projects", project.id))
    else:
        raise Refusal(500 if request.face.is_before_1_7 else 400, f"Malformed URI: {uri}")
    label = parts["resource"]
    return [one for one in found if label is None or label in (one.label, str(one.id))]
