"""The archive in the words of this package: hub projects, accessions, scans, resources and their files.

Each method is one question or one act of XNAT, with what is peculiar about its answer settled here. A 500 never proves
that nothing happened (docs/xnat/at-once.md, "A 500 does not prove that nothing happened"), so what creates looks before
it complains.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from lxml import etree

from xnat_upload.archive import retry
from xnat_upload.archive.answers import table_rows
from xnat_upload.archive.connection import Body, Connection
from xnat_upload.archive.listing import StoredFile, read_listing
from xnat_upload.archive.projects import Projects
from xnat_upload.errors import (
    AlreadyExistsError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
    ServerUnavailableError,
)
from xnat_upload.places.hierarchy import Accession, Resource, Scan
from xnat_upload.places.names import check_identifier
from xnat_upload.places.scan_types import session_type_of

if TYPE_CHECKING:
    from xnat_upload.archive.answers import Answer

_XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"


class Archive:
    """What one XNAT holds, as one user sees it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self._projects = Projects(connection)

    def url(self, path: str) -> str:
        """Give the absolute address of a path; built on what the user gave, never on what a listing says."""
        return self.connection.server + path

    def project_id(self, hub_project_id: str) -> str:
        """Find XNAT's ID of the project whose secondary ID is exactly this; see `Projects.id_of`."""
        return self._projects.id_of(hub_project_id)

    def locate(self, hub_project_id: str, accession_id: str) -> Accession:
        """Find the session whose label (or experiment ID) is the accession ID in that project.

        Raises
        ------
        NotFoundError
            There is no such project, or no such image session in it.
        """
        check_identifier(accession_id, what="accession ID")
        project_id = self.project_id(hub_project_id)
        found = self._session(hub_project_id, project_id, accession_id)
        if found is None or found.project_id != project_id or accession_id not in (found.label, found.experiment_id):
            # A global ID of another project's session wins over a label of this one
            # (docs/xnat/projects-and-sessions.md, "A global ID wins").
            experiment_id = self._experiment_id(project_id, accession_id)
            found = self._session(hub_project_id, project_id, experiment_id) if experiment_id else None
        if found is None or found.project_id != project_id:
            raise NotFoundError(
                f"Accession {accession_id!r} is not in project {project_id!r} (secondary ID {hub_project_id!r}), or is "
                "only shared into it. Labels are compared exactly, upper and lower case included."
            )
        return found

    def create_scan(self, scan: Scan, *, scan_type: str) -> None:
        """Create a scan that the session did not have when it was read; one that has appeared since is left as it is.

        Raises
        ------
        NotFoundError
            The session has gone (XNAT says 417 to that; docs/xnat/scans-and-resources.md, "Writing a scan").
        PermissionDeniedError
            The user may not edit the project.
        """
        doing = "creating the scan"
        try:
            self.connection.ask("PUT", str(scan), doing=doing, params={"xsiType": scan_type})
        except (AlreadyExistsError, ServerError) as error:
            if error.status == 417:
                raise NotFoundError(
                    f"{error} The session of accession {scan.accession.label!r} is gone.", status=417, url=error.url
                ) from error
            if not self._exists(str(scan), doing=doing):
                raise

    def check_scan(self, scan: Scan) -> None:
        """Make sure that a scan exists: a listing of one that does not may be its subject's.

        See docs/xnat/scans-and-resources.md, "A missing scan lists its subject's resources".

        Raises
        ------
        NotFoundError
            It does not exist.
        """
        if scan.scan_id not in scan.accession.scan_types and not self._exists(str(scan), doing="looking for the scan"):
            raise NotFoundError(
                f"Accession {scan.accession.label!r} has no scan {scan.scan_id!r}. Create it with create_scan.",
                url=self.url(str(scan)),
            )

    def create_resource(self, resource: Resource) -> bool:
        """Create a resource; False if it was there already.

        This is also the only early sign whether the user may edit: a file PUT without that right is answered 200
        (docs/xnat/writing-files.md, "Denied is 200").

        Raises
        ------
        NotFoundError
            The scan does not exist.
        PermissionDeniedError
            The user may not edit the project.
        """
        doing = "creating the resource"
        lost = False
        try:
            for attempt in retry.attempts(self.connection.settings, doing=doing):
                with attempt:
                    try:
                        self.connection.send("PUT", str(resource), doing=doing)
                    except ServerUnavailableError as error:
                        lost = lost or error.may_have_arrived
                        raise
        except AlreadyExistsError:
            # After a lost answer it is most likely the one that was made then, and an empty one may pass for it.
            return lost and not self.listing(resource)
        except ServerError:
            if not self._exists(str(resource), doing=doing):
                raise
            return False
        return True

    def listing(self, resource: Resource) -> dict[str, StoredFile]:
        """List the files of a resource of an existing scan; empty if the resource does not exist.

        See docs/xnat/listings.md, "A missing resource lists as empty".

        Raises
        ------
        ServerError
            The catalog cannot be read, or two resources bear this label.
        """
        answer = self.connection.ask("GET", f"{resource}/files", doing="listing the files", params={"format": "json"})
        try:
            return read_listing(answer.json())
        except ValueError as error:
            raise answer.error(f"with a listing that cannot be relied on, because {error}") from error

    def served_bytes(self, resource: Resource, name: str) -> int | None:
        """Ask how many bytes of a file the archive would serve from its disk; None if it has no such file."""
        try:
            answer = self.connection.ask("HEAD", resource.file_path(name), doing="asking for the size of a file")
        except NotFoundError:
            return None
        return answer.content_length

    def served_md5(self, resource: Resource, name: str) -> str | None:
        """Read a file back and give its MD5; None if the archive serves no such file."""
        try:
            return self.connection.md5(resource.file_path(name), doing="reading a file back")
        except NotFoundError:
            return None

    def refresh_checksums(self, resource: Resource) -> None:
        """Let the archive compute the MD5 of every file of the resource anew, and do nothing else.

        The option is named, because without any XNAT would also delete entries (docs/xnat/listings.md, "Refreshing a
        catalog").
        """
        experiment = resource.scan.accession.experiment_id
        uri = f"/archive/experiments/{experiment}/scans/{resource.scan.scan_id}/resources/{resource.label}"
        self.connection.ask(
            "POST",
            "/data/services/refresh/catalog",
            doing="refreshing the checksums",
            params={"resource": uri, "options": "checksum"},
        )

    def put(
        self, resource: Resource, segment: str, body: Body, *, content_type: str, extract: bool, overwrite: bool
    ) -> tuple[str, ...]:
        """Send one request with files, once, and return the names that XNAT refused as existing.

        Parameters
        ----------
        segment : str
            What follows ``files/``: a name that needs no encoding.
        extract : bool
            The body is a zip, whose members are to be stored.

        Raises
        ------
        PermissionDeniedError
            XNAT stored nothing, silently: status 200, but no content type (docs/xnat/writing-files.md, "Denied is
            200").
        ServerUnavailableError
            Busy, or no answer: what became of the files is not known.
        """
        params = {"overwrite": str(overwrite).lower()}
        params.update({"extract": "true"} if extract else {"inbody": "true"})
        doing = "sending files"
        answer = self.connection.send(
            "PUT", f"{resource}/files/{segment}", doing=doing, params=params, body=body, content_type=content_type
        )
        if answer.body.lstrip().startswith(b"{"):
            duplicates = answer.json().get("duplicates")
            if isinstance(duplicates, list) and duplicates and all(isinstance(name, str) for name in duplicates):
                return tuple(duplicates)
        if answer.status == 200 and not answer.content_type and not answer.body:
            raise PermissionDeniedError(
                f"The archive took the files for {resource} and stored none: this user may not edit the project. "
                "Ask an owner of the project for that right.",
                status=200,
                url=answer.url,
            )
        if answer.status != 200 or answer.content_type != "text/plain" or answer.body.strip():
            raise answer.error("neither as stored files nor as refused ones are")
        return ()

    def _exists(self, path: str, *, doing: str) -> bool:
        try:
            self.connection.ask("HEAD", path, doing=doing)
        except NotFoundError:
            return False
        return True

    def _experiment_id(self, project_id: str, label: str) -> str | None:
        answer = self.connection.ask(
            "GET",
            f"/data/projects/{project_id}/experiments",
            doing="finding the accession by its label",
            params={"label": label, "columns": "ID,label,project", "format": "json"},
        )
        # An error in such a query is answered 200 with an empty body (docs/xnat/projects-and-sessions.md, "A failed
        # query is 200 without a body").
        rows = table_rows(answer) if answer.body.strip() else []
        found = [row.get("ID") for row in rows if row.get("label") == label and row.get("project") == project_id]
        return found[0] if found else None

    def _session(self, hub_project_id: str, project_id: str, experiment: str) -> Accession | None:
        path = f"/data/projects/{project_id}/experiments/{experiment}"
        try:
            answer = self.connection.ask("GET", path, doing="reading the session", params={"format": "xml"})
        except NotFoundError:
            return None
        root = _xml(answer)
        name = etree.QName(root).localname
        session_type = root.get(_XSI_TYPE) or session_type_of(name)
        if session_type is None:
            raise NotFoundError(f"Accession {experiment!r} of project {project_id!r} is no image session but a {name}.")
        scans = [scan for scan in root.iterfind("./{*}scans/{*}scan") if scan.get("ID")]
        return Accession(
            hub_project_id=hub_project_id,
            project_id=root.get("project", ""),
            subject_id=root.findtext("./{*}subject_ID") or "",
            experiment_id=root.get("ID", ""),
            label=root.get("label", ""),
            session_type=session_type,
            scan_types={str(scan.get("ID")): scan.get(_XSI_TYPE, "") for scan in scans},
            scan_type_names={str(scan.get("ID")): scan.get("type", "") for scan in scans},
            # Those of a scan stand in it as "file" (docs/xnat/projects-and-sessions.md, "The session as XML and JSON").
            resource_labels={
                str(scan.get("ID")): frozenset(filter(None, (each.get("label") for each in scan.iterfind("./{*}file"))))
                for scan in scans
            },
        )


def _xml(answer: Answer) -> etree._Element:
    """Read a document without entities, without the network, and without a DOCTYPE, which XNAT never sends."""
    parser = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
    try:
        root = etree.fromstring(answer.body, parser=parser)
    except (etree.XMLSyntaxError, ValueError) as error:
        raise answer.error("with something that is not the XML it should be") from error
    if root.getroottree().docinfo.internalDTD is not None:
        raise answer.error("with a document type declaration, which an XNAT does not send")
    return root
