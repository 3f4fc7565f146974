"""From the one way in which a call says where, to places of the archive."""

from __future__ import annotations

from typing import Any

from xnat_upload.archive.client import Archive
from xnat_upload.archive.elements import is_element, target_of_element
from xnat_upload.errors import InvalidIdentifierError, NotFoundError, quoted
from xnat_upload.places.destination import Destination, check_one_project
from xnat_upload.places.hierarchy import Accession, Resource, Scan
from xnat_upload.places.names import (
    check_hub_project_id,
    check_identifier,
    check_resource_label,
    check_scan_id,
    decimal_text,
)
from xnat_upload.places.target import NOT_GIVEN, NotGiven, SessionName, Target


def target_of(
    to: object = None,
    *,
    hub_project_id: str | None = None,
    project_id: str | None = None,
    accession_id: str | int | None = None,
    scan_id: str | int | NotGiven | None = NOT_GIVEN,
    resource_id: str | int | None = None,
    server: str,
    wants: type[Accession] | type[Scan] | type[Resource],
) -> Target:
    """Understand where a call goes: by words, or by a place or pyxnat element; in exactly one way.

    Parameters
    ----------
    wants : type
        How far down the call must say: to a scan, to a resource, or to the parent of one.

    Raises
    ------
    InvalidIdentifierError
        It is said in no way, in two, or not far enough; or an ID is none.
    """
    hub_project_id, project_id = decimal_text(hub_project_id), decimal_text(project_id)
    accession: str | None = decimal_text(accession_id)
    words = {"hub_project_id": hub_project_id, "project_id": project_id, "accession_id": accession}
    said = [word for word, value in words.items() if value is not None]
    if to is not None:
        if said:
            raise InvalidIdentifierError(
                f"Say where in exactly one way: to= was given, and {' and '.join(said)} too. Leave one of them out."
            )
        target = _target_of_place(to, server=server)
    elif accession is None:
        raise InvalidIdentifierError(
            "Say where: hub_project_id= or project_id=, with accession_id=, scan_id= and resource_id=; or to= with a "
            f"place or an element of pyxnat. {' and '.join(said) or 'None of them'} was given, and no accession_id."
        )
    else:
        check_one_project(hub_project_id, project_id)
        if hub_project_id is not None:
            check_hub_project_id(hub_project_id)
        else:
            check_identifier(project_id, what="project ID")
        check_identifier(accession, what="accession ID")
        if scan_id is NOT_GIVEN and wants is not Accession:
            raise InvalidIdentifierError(
                "scan_id is missing. Name the scan"
                + (", or say scan_id=None for a resource of the session itself." if wants is Resource else ".")
            )
        session = SessionName(hub_project_id=hub_project_id, project_id=project_id, accession_id=accession)
        target = Target(session=session)
    target = _with(target, scan_id=scan_id, resource_id=resource_id)
    has_resource = target.resource_id is not None or target.resource_number is not None
    if wants is Resource and not has_resource:
        raise InvalidIdentifierError("resource_id is missing: the label of the resource, such as resource_id='SEG'.")
    if wants is Scan and (target.scan_id is None or has_resource):
        raise InvalidIdentifierError("A scan is wanted. Give its session and scan_id=, or a scan with to=.")
    return target


def resolve(target: Target, *, archive: Archive) -> Accession:
    """Find the session of a target; it is asked for unless the target brings it along.

    Raises
    ------
    NotFoundError
        There is none, or this user may not see it, or it is another subject's.
    """
    name = target.session
    if isinstance(name, Accession):
        return name
    if name.hub_project_id is None and name.project_id is None:
        found = archive.sessions.read(name.accession_id)
    else:
        found = archive.locate(name.accession_id, hub_project_id=name.hub_project_id, project_id=name.project_id)
    if name.subject is not None and not archive.sessions.subject_is(found, name.subject):
        raise NotFoundError(
            f"Session {found.label!r} of project {found.project_id!r} is not one of subject {name.subject!r}, as the "
            "pyxnat element says. Select it under its own subject."
        )
    return found


def resource_in(accession: Accession, target: Target) -> Resource:
    """Give the resource that a target means in its session.

    Raises
    ------
    NotFoundError
        It is named by a number, and no resource there has it.
    """
    parent = accession if target.scan_id is None else Scan(accession, target.scan_id)
    if target.resource_number is None:
        return Resource(parent, target.resource_id or "")
    numbers = accession.resource_numbers.get(target.scan_id, {})
    labels = [label for label, number in numbers.items() if number == target.resource_number]
    if not labels:
        raise NotFoundError(
            f"No resource of {target.destination.scan_words} of accession {accession.label!r} has the number "
            f"{target.resource_number}. Select it by its label."
        )
    return Resource(parent, labels[0])


def is_place(thing: object) -> bool:
    """Say whether a thing is a place of this library, or an element of pyxnat."""
    return isinstance(thing, (Destination, Accession, Scan, Resource)) or is_element(thing)


def _target_of_place(to: Any, *, server: str) -> Target:
    if isinstance(to, Destination):
        session = SessionName(hub_project_id=to.hub_project_id, project_id=to.project_id, accession_id=to.accession_id)
        return Target(session=session, scan_id=to.scan_id, resource_id=to.resource_id)
    if isinstance(to, Accession):
        return Target(session=to)
    if isinstance(to, Scan):
        return Target(session=to.accession, scan_id=to.scan_id)
    if isinstance(to, Resource):
        return Target(session=to.accession, scan_id=None if to.scan is None else to.scan.scan_id, resource_id=to.label)
    if is_element(to):
        return target_of_element(to, server=server)
    raise InvalidIdentifierError(
        f"to={quoted(to)} is of type {type(to).__name__}. Give a Resource, Scan, Accession or Destination, or pyxnat's "
        "element for a resource, scan or experiment."
    )


def _with(target: Target, *, scan_id: str | int | NotGiven | None, resource_id: str | int | None) -> Target:
    """Add what a call says beside the place; a place that says it already must not be told another."""
    if scan_id is not NOT_GIVEN and scan_id is not None:
        scan = check_scan_id(decimal_text(scan_id))
        if target.scan_id is not None:
            raise InvalidIdentifierError(f"to= is in scan {target.scan_id} already; leave scan_id={scan!r} out.")
        target = Target(session=target.session, scan_id=scan, resource_id=target.resource_id)
    if resource_id is not None:
        label = check_resource_label(decimal_text(resource_id))
        if target.resource_id is not None or target.resource_number is not None:
            raise InvalidIdentifierError(f"to= is a resource already; leave resource_id={label!r} out.")
        target = Target(session=target.session, scan_id=target.scan_id, resource_id=label)
    return target
