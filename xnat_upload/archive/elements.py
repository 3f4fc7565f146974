"""Places as elements of pyxnat's object tree, there and back: each has exactly one address."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

from xnat_upload.errors import InvalidIdentifierError, quoted
from xnat_upload.places.hierarchy import Accession, Resource, Scan
from xnat_upload.places.names import check_identifier, check_resource_label, check_scan_id
from xnat_upload.places.target import SessionName, Target

_LEVELS = ("projects", "subjects", "experiments", "scans", "resources")


def is_element(thing: object) -> bool:
    """Say whether a thing comes from pyxnat, which need not be imported for that."""
    return type(thing).__module__.partition(".")[0] == "pyxnat"


def target_of_element(element: Any, *, server: str) -> Target:
    """Read what a pyxnat element means from its address; no request is sent.

    Raises
    ------
    InvalidIdentifierError
        It is no experiment, scan or resource of a session, or of another server, or its address holds something that
        XNAT cannot address.
    """
    uri = getattr(element, "_uri", None)
    if not isinstance(uri, str):
        raise InvalidIdentifierError(
            f"pyxnat's {type(element).__name__} is no single experiment, scan or resource. Select one."
        )
    shown = f"pyxnat's element {quoted(uri)}"  # its own text would cost a request
    theirs = getattr(getattr(element, "_intf", None), "_server", server).rstrip("/")
    if urlsplit(theirs)[:3] != urlsplit(server)[:3]:
        raise InvalidIdentifierError(
            f"{shown} is of another server than this uploader. Make the uploader of its interface: Uploader(interface)."
        )
    parts = [unquote(part) for part in uri.strip("/").split("/")]
    levels, names = parts[1::2], parts[2::2]
    meant = dict(zip(levels, names, strict=False))
    in_order = [level for level in _LEVELS if level in meant]
    paired = parts[0] in ("data", "REST") and len(levels) == len(names) and levels == in_order
    if not paired or "experiments" not in meant:
        raise InvalidIdentifierError(
            f"{shown} is no experiment, and no scan or resource of one. Files go into a resource of a scan or session."
        )
    project, subject, scan, resource = (meant.get(level) for level in ("projects", "subjects", "scans", "resources"))
    for value, what in ((project, "project ID"), (subject, "subject"), (meant["experiments"], "experiment")):
        if value is not None:
            check_identifier(value, what=what)
    number = resource if resource is not None and resource.isdigit() else None
    return Target(
        session=SessionName(project_id=project, accession_id=meant["experiments"], subject=subject),
        scan_id=None if scan is None else check_scan_id(scan),
        resource_id=None if resource is None or number else check_resource_label(resource),
        resource_number=number,
    )


def element_of(place: Accession | Scan | Resource, *, interface: Any) -> Any:
    """Give pyxnat's element for a place; no request is sent."""
    if isinstance(place, Resource):
        return element_of(place.parent, interface=interface).resource(place.label)
    if isinstance(place, Scan):
        return element_of(place.accession, interface=interface).scan(place.scan_id)
    project = interface.select.project(place.project_id)
    return project.subject(place.subject_id).experiment(place.experiment_id)
