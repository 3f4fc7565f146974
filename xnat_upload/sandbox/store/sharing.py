"""In which projects a subject or an experiment is seen, and which of them its files lie in."""

from __future__ import annotations

from dataclasses import replace

from xnat_upload.sandbox.store.archive import Archive
from xnat_upload.sandbox.store.layout import item_folder, resources_in
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
        resources = _resources_of(archive, item)
        shares = {key: value for key, value in item.shares.items() if key != project.id}
        moved = replace(item, project=project.id, label=label, shares=shares)
        source, target = item_folder(archive, item), item_folder(archive, moved)
        if source != target and source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)
        archive.save(moved)
        for resource in resources:
            path = archive.catalog_path(resource)
            if path.is_relative_to(source):
                path = target / path.relative_to(source)
                archive.save(replace(resource, catalog=str(path.relative_to(archive.archive_folder))))


def _resources_of(archive: Archive, item: Subject | Session) -> list[Resource]:
    if isinstance(item, Subject):
        return archive.resources_of(Owner("subjects", item.id))
    return resources_in(archive, item)
