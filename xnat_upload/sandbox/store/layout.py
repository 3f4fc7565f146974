"""What has resources in an experiment, and where everything lies on disk.

The layout is XNAT's: ``archive/<project>/arc001/<session label>/SCANS/<scan>/<resource>`` and so on.
Each name becomes one folder: what would be none, or lead to another one, is refused here, wherever it comes from.
"""

from __future__ import annotations

from pathlib import Path
from typing import get_args

from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.records import Direction, Owner, Reconstruction, Resource, Session, Subject

DIRECTIONS = get_args(Direction)


def folder_name(name: str) -> str:
    """Give a name back if it is that of one folder or file, and refuse it otherwise."""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise ValueError(f"{name!r} cannot be the name of a folder: nothing was made.")
    return name


def item_folder(archive: Archive, item: Subject | Session) -> Path:
    """Give the folder of a subject, a session or an assessor: the last one's lies in that of its session."""
    if isinstance(item, Subject):
        return archive.archive_folder / folder_name(item.project) / "subjects" / folder_name(item.label)
    if item.assessed_id:
        return item_folder(archive, archive.sessions[item.assessed_id]) / "ASSESSORS" / folder_name(item.label)
    return archive.archive_folder / folder_name(item.project) / "arc001" / folder_name(item.label)


def folder_of(archive: Archive, owner: Owner) -> Path:
    """Give the folder in which the resources of `owner` are sub-folders."""
    with archive.lock:
        if owner.level == "projects":
            return archive.archive_folder / folder_name(owner.id) / "resources"
        if owner.level == "subjects":
            return item_folder(archive, archive.subjects[owner.id])
        folder = item_folder(archive, archive.sessions[owner.id])
        match owner.level:
            case "experiments":
                return folder / "RESOURCES"
            case "scans":
                return folder / "SCANS" / folder_name(owner.scan_id)
            case "assessors":
                return folder / owner.direction
            case "reconstructions":
                # Both lists get a folder of their own, so that one label can stand in each of them.
                return folder / "PROCESSED" / folder_name(owner.reconstruction_id) / owner.direction


def resource_folder(archive: Archive, owner: Owner, label: str) -> Path:
    """Give the folder of one resource."""
    return folder_of(archive, owner) / folder_name(label)


def owners_in(archive: Archive, experiment: Session) -> list[Owner]:
    """Every folder of resources of a session and of what is in it, its own one first; or those of an assessor."""
    if experiment.assessed_id:
        return [Owner("assessors", experiment.id, direction=direction) for direction in DIRECTIONS]
    owners = [Owner("experiments", experiment.id)]
    owners += [Owner("scans", experiment.id, scan.id) for scan in archive.scans_of(experiment)]
    for one in archive.reconstructions_of(experiment):
        owners += owners_of_reconstruction(one)
    for assessor in archive.assessors_of(experiment):
        owners += owners_in(archive, assessor)
    return owners


def owners_of_reconstruction(one: Reconstruction) -> list[Owner]:
    """Both lists of a reconstruction."""
    return [
        Owner("reconstructions", one.session_id, reconstruction_id=one.id, direction=direction)
        for direction in DIRECTIONS
    ]


def resources_in(archive: Archive, experiment: Session) -> list[Resource]:
    """All resources of an experiment and of what is in it."""
    return [resource for owner in owners_in(archive, experiment) for resource in archive.resources_of(owner)]
