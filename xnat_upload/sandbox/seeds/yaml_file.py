"""Filling an archive from a YAML file: accounts, projects, sessions, scans, resources with their files, DICOM."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, cast

from xnat_upload.sandbox.contents import Contents
from xnat_upload.sandbox.inventory import files_of_folder
from xnat_upload.sandbox.seeds.dicom import add_dicom
from xnat_upload.sandbox.site import Accessibility, Role
from xnat_upload.sandbox.store.passwords import account

MISSING_PACKAGE = "Reading a YAML file needs PyYAML, which is not installed here: pip install 'xnat-upload[sandbox]'"
SESSION_TYPE = "xnat:mrSessionData"
PROJECT = ("secondary_id", "name", "accessibility", "members", "resources", "sessions", "dicom")
SESSION = ("id", "xsi_type", "subject", "subject_id", "modality", "resources", "scans")
SCAN = ("xsi_type", "type", "resources")


def add_yaml(contents: Contents, path: Path) -> None:
    """Add what a YAML file says; paths in it are relative to its folder."""
    document = _table(_read(path), ("users", "projects"), str(path))
    for login, password in _table(document.get("users"), None, "users").items():
        contents.archive.save(account(login, _text(password, f"users.{login}")))
    for project_id, given in _table(document.get("projects"), None, "projects").items():
        _add_project(contents, path.parent, project_id, given)


def _add_project(contents: Contents, folder: Path, project_id: str, given: object) -> None:
    where = f"projects.{project_id}"
    project = _table(given, PROJECT, where)
    accessibility = cast(Accessibility, _text(project.get("accessibility", "private"), f"{where}.accessibility"))
    contents.add_project(
        project_id,
        secondary_id=_text(project.get("secondary_id", ""), f"{where}.secondary_id"),
        name=_text(project.get("name", ""), f"{where}.name"),
        accessibility=accessibility,
    )
    for login, role in _table(project.get("members"), None, f"{where}.members").items():
        contents.add_member(project_id, login, role=cast(Role, role))
    _add_resources(contents, folder, (project_id, None, None), project, where)
    for label, session in _table(project.get("sessions"), None, f"{where}.sessions").items():
        _add_session(contents, folder, project_id, label, session, f"{where}.sessions.{label}")
    paths = project.get("dicom", [])
    files = [folder / _text(one, f"{where}.dicom") for one in (paths if isinstance(paths, list) else [paths])]
    if files:
        add_dicom(
            contents.archive, contents.disk, files, project_id=project_id, subject="", session="", user=contents.user
        )


def _add_session(contents: Contents, folder: Path, project_id: str, label: str, given: object, where: str) -> None:
    session = _table(given, SESSION, where)
    xsi_type = _text(session.get("xsi_type", SESSION_TYPE), f"{where}.xsi_type")
    # A scan is the name of its type, or a table; nothing at all means the type that fits its session.
    scans = {
        scan_id: {"xsi_type": scan}
        if scan and isinstance(scan, str)
        else _table(scan, SCAN, f"{where}.scans.{scan_id}")
        for scan_id, scan in _table(session.get("scans"), None, f"{where}.scans").items()
    }
    fitting = xsi_type.replace("SessionData", "ScanData")
    modality = _text(session.get("modality", ""), f"{where}.modality")
    contents.add_session(
        project_id,
        label,
        xsi_type=xsi_type,
        subject=_text(session.get("subject", f"{label}_subject"), f"{where}.subject"),
        scans={
            scan_id: _text(scan.get("xsi_type", fitting), f"{where}.scans.{scan_id}") for scan_id, scan in scans.items()
        },
        scan_types={
            scan_id: _text(scan["type"], f"{where}.scans.{scan_id}")
            for scan_id, scan in scans.items()
            if "type" in scan
        },
        fields={"modality": modality} if modality else {},
        session_id=_text(session.get("id", ""), f"{where}.id"),
        subject_id=_text(session.get("subject_id", ""), f"{where}.subject_id"),
    )
    _add_resources(contents, folder, (project_id, label, None), session, where)
    for scan_id, scan in scans.items():
        _add_resources(contents, folder, (project_id, label, scan_id), scan, f"{where}.scans.{scan_id}")


def _add_resources(
    contents: Contents,
    folder: Path,
    place: tuple[str, str | None, str | None],
    item: Mapping[str, Any],
    where: str,
) -> None:
    """Add resources: each is the path of a file or a folder, or a table of file names and texts."""
    for label, given in _table(item.get("resources"), None, f"{where}.resources").items():
        if isinstance(given, str) and given:
            path = folder / given
            files: dict[str, bytes | Path] = files_of_folder(path) if path.is_dir() else {path.name: path}
        else:
            texts = _table(given, None, f"{where}.resources.{label}")
            files = {name: _text(text, f"{where}.resources.{label}.{name}").encode() for name, text in texts.items()}
        contents.add_files(*place, label, files)


def _read(path: Path) -> object:
    try:
        import yaml
    except ModuleNotFoundError as error:
        raise ImportError(MISSING_PACKAGE) from error

    class Loader(yaml.BaseLoader):  # type: ignore[misc]
        """Reads every value as the text that stands there: a scan 010 is no number, and NO is no "false"."""

        def construct_mapping(self, node: Any, deep: bool = False) -> dict[Any, Any]:
            names = [key.value for key, _ in node.value]
            for name in names:
                if names.count(name) > 1:
                    raise ValueError(f"{path} says {name!r} twice in one table{node.start_mark}.")
            return dict(super().construct_mapping(node, deep))

    try:
        return yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)  # noqa: S506 - it makes texts alone
    except yaml.YAMLError as error:
        raise ValueError(f"{path} is no YAML: {error}") from error


def _table(value: object, known: Collection[str] | None, where: str) -> Mapping[str, Any]:
    """Take a table, or nothing for an empty one, with no other names than `known`."""
    if value is None or value == "":
        return {}
    if not isinstance(value, dict):
        raise ValueError(f"{where} is {value!r}, and must be a table of names and values.")  # noqa: TRY004 - the file is wrong, not a call
    for name in value:
        if known is not None and name not in known:
            raise ValueError(f"{where} has {name!r}, which means nothing: it may have {', '.join(known)}.")
    return value


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{where} is {value!r}, and must be a text.")  # noqa: TRY004 - the file is wrong, not a call
    return value
