"""In which projects a subject or an experiment is seen, and which of them its files lie in."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.records import Owner, Project, Resource, Session, Subject


def share(archive: Archive, item: Subject | Session, project_id: str, label: str) -> None:
    """Let `project_id` see an item, under `label` if that is not empty."""
    archive.save(replace(item, shares={**item.shares, project_id: label}))


def unshare(archive: Archive, item: Subject | Session, project_id: str) -> None:
    """Take an item out of a project it was shared into; nothing happens if it was not."""
    if project_id in item.shares:
        archive.save(replace(item, shares={key: label for key, label in item.shares.items() if key != project_id}))


def relocate(archive: Archive, item: Subject | Session, project: Project, label: str) -> None:
    """Give an item another label or another project of its own: its folder moves with it."""
    with archive.lock:
        old, new = folder_of_item(item, item.project, item.label), folder_of_item(item, project.id, label)
        source, target = archive.archive_folder / old, archive.archive_folder / new
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)
        shares = {key: value for key, value in item.shares.items() if key != project.id}
        archive.save(replace(item, project=project.id, label=label, shares=shares))
        for resource in _resources_of(archive, item):
            moved = resource.catalog.replace(f"{old}/", f"{new}/", 1)
            archive.save(replace(resource, catalog=moved))


def folder_of_item(item: Subject | Session, project_id: str, label: str) -> str:
    """Give the folder of an item that has this project and label, below that of all projects."""
    return str(Path(project_id, "subjects" if isinstance(item, Subject) else "arc001", label))


def _resources_of(archive: Archive, item: Subject | Session) -> list[Resource]:
    if isinstance(item, Subject):
        return archive.resources_of(Owner("subjects", item.id))
    return archive.resources_of_session(item)
