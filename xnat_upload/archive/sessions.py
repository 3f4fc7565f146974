"""Image sessions: found by what a caller calls them, and read whole, with their scans and resources."""

from __future__ import annotations

import re

from lxml import etree

from xnat_upload.archive.answers import Answer, table_rows
from xnat_upload.archive.connection import Connection
from xnat_upload.archive.projects import Projects
from xnat_upload.errors import NotFoundError, XnatUploadError, quoted
from xnat_upload.places.destination import check_one_project
from xnat_upload.places.hierarchy import Accession
from xnat_upload.places.names import check_identifier, decimal_text, is_identifier
from xnat_upload.places.scan_types import session_type_of

_XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_NUMBER = re.compile(r'xnat_abstractResource_id="(\d+)"', re.IGNORECASE)


class Sessions:
    """The image sessions of one XNAT, as one user sees them."""

    def __init__(self, connection: Connection, projects: Projects) -> None:
        self._connection = connection
        self._projects = projects

    def locate(self, accession_id: str, *, hub_project_id: str | None, project_id: str | None) -> Accession:
        """Find the session whose label (or experiment ID) is the accession ID, in a project named in one way.

        Raises
        ------
        NotFoundError
            There is no such project, or no such image session in it.
        InvalidIdentifierError
            The project is named in no way or in two.
        """
        accession_id, hub_project_id, project_id = map(decimal_text, (accession_id, hub_project_id, project_id))
        check_one_project(hub_project_id, project_id)
        check_identifier(accession_id, what="accession ID")
        if hub_project_id is not None:
            project = self._projects.id_of(hub_project_id)
        else:
            project = check_identifier(project_id, what="project ID")
        found = self._read(project, accession_id, hub_project_id=hub_project_id)
        if found is None and self._connection.login_was_lost():
            found = self._read(project, accession_id, hub_project_id=hub_project_id)
        if found is not None and found.project_id != project and hub_project_id is None:
            # What was given may be an alias, of which XNAT tells the project's own ID.
            project = self._projects.own_id_of(project)
        if found is None or found.project_id != project or accession_id not in (found.label, found.experiment_id):
            # A global ID of another project's session wins over a label of this one
            # (docs/xnat/projects-and-sessions.md, "A global ID wins").
            experiment_id = self._experiment_id(project, accession_id)
            found = self._read(project, experiment_id, hub_project_id=hub_project_id) if experiment_id else None
        if found is not None and found.project_id == project:
            return found
        secondary = "" if hub_project_id is None else f" (secondary ID {hub_project_id!r})"
        where = f"project {project!r}{secondary}"
        if found is not None and accession_id in (found.label, found.experiment_id):
            how = "only shared into" if accession_id == found.label else "none of"
            raise NotFoundError(
                f"Accession {accession_id!r} is {how} {where}: it belongs to project {found.project_id!r}, where its "
                f"files go. Give project_id={found.project_id!r}, as a user who may edit that."
            )
        if self._is_in_prearchive(project, accession_id):
            raise NotFoundError(
                f"Accession {accession_id!r} is still in the prearchive of {where}. Let somebody archive it there "
                "(Upload, Go to prearchive), then do the same again."
            )
        raise NotFoundError(
            f"Accession {accession_id!r} is not in {where}. Labels are compared exactly, upper and lower case "
            "included; check it, and that this user may see the session."
        )

    def read(self, experiment_id: str) -> Accession:
        """Read the session with an experiment ID, which is one for the whole XNAT.

        Raises
        ------
        NotFoundError
            There is none, or this user may not see it, or it is no image session.
        """
        check_identifier(experiment_id, what="experiment ID")
        found = self._accession(f"/data/experiments/{experiment_id}", hub_project_id=None)
        if found is None or found.experiment_id != experiment_id:
            raise NotFoundError(f"There is no session with the experiment ID {quoted(experiment_id)}.")
        return found

    def subject_is(self, accession: Accession, subject: str) -> bool:
        """Say whether a session's subject has this ID or label; the label costs one request."""
        if subject == accession.subject_id:
            return True
        answer = self._connection.ask(
            "GET",
            f"/data/projects/{accession.project_id}/subjects",
            doing="finding the subject by its label",
            # Before 1.7 the label is ignored, and all are listed.
            params={"label": subject, "columns": "ID,label,project", "format": "json"},
        )
        rows = _rows(answer)
        return any(row.get("label") == subject and row.get("ID") == accession.subject_id for row in rows)

    def _experiment_id(self, project_id: str, label: str) -> str | None:
        answer = self._connection.ask(
            "GET",
            f"/data/projects/{project_id}/experiments",
            doing="finding the accession by its label",
            params={"label": label, "columns": "ID,label,project", "format": "json"},
        )
        rows = _rows(answer)
        found = [row.get("ID") for row in rows if row.get("label") == label and row.get("project") == project_id]
        # What is no ID would lead somewhere else in a path.
        return next((each for each in found if isinstance(each, str) and is_identifier(each)), None)

    def _is_in_prearchive(self, project_id: str, label: str) -> bool:
        """Say whether a session has arrived and was not archived; who may not edit the project is not told."""
        path = f"/data/prearchive/projects/{project_id}"
        try:
            answer = self._connection.send("GET", path, doing="looking into the prearchive", params={"format": "json"})
            return any(label in (row.get("name"), row.get("folderName")) for row in table_rows(answer))
        except XnatUploadError:  # it only explains what is wrong
            return False

    def _read(self, project_id: str, experiment: str, *, hub_project_id: str | None) -> Accession | None:
        return self._accession(f"/data/projects/{project_id}/experiments/{experiment}", hub_project_id=hub_project_id)

    def _accession(self, path: str, *, hub_project_id: str | None) -> Accession | None:
        try:
            answer = self._connection.ask("GET", path, doing="reading the session", params={"format": "xml"})
        except NotFoundError:
            return None
        root = _xml(answer)
        name = etree.QName(root).localname
        session_type = root.get(_XSI_TYPE) or session_type_of(name)
        if session_type is None:
            raise NotFoundError(f"{quoted(path.rpartition('/')[2])} is no image session but a {name}.")
        scans = {str(scan.get("ID")): scan for scan in root.iterfind("./{*}scans/{*}scan") if scan.get("ID")}
        return Accession(
            hub_project_id=hub_project_id,
            project_id=root.get("project", ""),
            subject_id=root.findtext("./{*}subject_ID") or "",
            experiment_id=root.get("ID", ""),
            label=root.get("label", ""),
            session_type=session_type,
            scan_types={scan_id: scan.get(_XSI_TYPE, "") for scan_id, scan in scans.items()},
            scan_type_names={scan_id: scan.get("type", "") for scan_id, scan in scans.items()},
            scan_descriptions={
                scan_id: scan.findtext("./{*}series_description") or "" for scan_id, scan in scans.items()
            },
            resource_numbers={
                None: _resources(root, "./{*}resources/{*}resource"),
                # Those of a scan stand in it as "file" (docs/xnat/projects-and-sessions.md, "The session as XML and
                # JSON").
                **{scan_id: _resources(scan, "./{*}file") for scan_id, scan in scans.items()},
            },
        )


def _resources(parent: etree._Element, path: str) -> dict[str, str]:
    """Give the labels of resources with their numbers, which XNAT tells in a comment."""
    found = {}
    for resource in parent.iterfind(path):
        label = resource.get("label")
        if label:
            hidden = " ".join(str(comment.text) for comment in resource.iterchildren(etree.Comment))
            number = _NUMBER.search(hidden)
            found[label] = number[1] if number else ""
    return found


def _rows(answer: Answer) -> list[dict[str, str]]:
    """Give the rows of a query; an error in one is 200 with an empty body.

    See docs/xnat/projects-and-sessions.md, "A failed query is 200 without a body".
    """
    return table_rows(answer) if answer.body.strip() else []


def _xml(answer: Answer) -> etree._Element:
    """Read a document without entities, without the network, and without a DOCTYPE, which XNAT never sends."""
    # An element takes some 120 bytes and begins and ends with a "<", an attribute with its text takes twice as much. In
    # another encoding than XNAT's they could not be counted.
    answer.check_memory(150 * answer.body.count(b"<") + 250 * answer.body.count(b"="))
    parser = etree.XMLParser(encoding="utf-8", resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    # lxml's own error keeps a log that cannot be pickled, and a cluster pickles errors with their causes and contexts.
    root, fault = None, ""
    try:
        root = etree.fromstring(answer.body, parser=parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        fault = str(error)
    if root is None:
        raise answer.error("with something that is not the XML it should be") from ValueError(fault)
    if root.getroottree().docinfo.internalDTD is not None:
        raise answer.error("with a document type declaration, which an XNAT does not send")
    return root
