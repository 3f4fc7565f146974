"""The archive in the words of this package: hub projects, accessions, scans, resources and their files.

Each method is one question or one act of XNAT, with what is peculiar about its answer settled here. A 500 never proves
that nothing happened (docs/xnat/at-once.md, "A 500 does not prove that nothing happened"), so what creates looks before
it complains.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace

from xnat_upload.archive import retry
from xnat_upload.archive.connection import Connection
from xnat_upload.archive.exchange import Body
from xnat_upload.archive.generation import has_old_names
from xnat_upload.archive.listing import Listing, StoredFile, list_files
from xnat_upload.archive.projects import Projects
from xnat_upload.archive.reading_back import ReadBack, read_resource, read_singly, served_md5, suits_zip
from xnat_upload.archive.sessions import Sessions
from xnat_upload.errors import (
    AlreadyExistsError,
    InvalidIdentifierError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
    ServerUnavailableError,
    quoted,
)
from xnat_upload.places.hierarchy import Accession, Resource, Scan
from xnat_upload.places.names import check_identifier, one_when_decoded


class Archive:
    """What one XNAT holds, as one user sees it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.line = connection.line
        self._projects = Projects(connection)
        self.sessions = Sessions(connection, self._projects)
        self._has_old_names: bool | None = None

    def url(self, path: str) -> str:
        """Give the absolute address of a path; built on what the user gave, never on what a listing says."""
        return self.connection.server + path

    def project_id(self, *, hub_project_id: str | None, project_id: str | None) -> str:
        """Find XNAT's own ID of a project that is named in one of two ways; see `Projects`."""
        if hub_project_id is not None:
            return self._projects.id_of(hub_project_id)
        return self._projects.own_id_of(check_identifier(project_id, what="project ID"))

    def locate(
        self, accession_id: str, *, hub_project_id: str | None = None, project_id: str | None = None
    ) -> Accession:
        """Find a session by its label or experiment ID, in a project named in one way; see `Sessions.locate`."""
        return self.sessions.locate(accession_id, hub_project_id=hub_project_id, project_id=project_id)

    def create_scan(self, scan: Scan, *, scan_type: str, reason: str | None = None) -> None:
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
            self.connection.ask("PUT", str(scan), doing=doing, params={"xsiType": scan_type, **_event(reason)})
        except (AlreadyExistsError, ServerError) as error:
            if error.status == 417:
                raise NotFoundError(
                    f"{error} The session of accession {scan.accession.label!r} is gone.", status=417, url=error.url
                ) from error
            if not self._exists(str(scan), doing=doing):
                raise

    def check_parent(self, resource: Resource) -> None:
        """Make sure that a resource's scan exists: a listing of one that does not may be its subject's.

        See docs/xnat/scans-and-resources.md, "A missing scan lists its subject's resources".

        Raises
        ------
        NotFoundError
            It does not exist.
        """
        scan = resource.scan
        if scan is None or scan.scan_id in scan.accession.scan_types:
            return
        if not self._exists(str(scan), doing="looking for the scan"):
            raise NotFoundError(
                f"Accession {scan.accession.label!r} has no scan {scan.scan_id!r}. Create it with create_scan.",
                url=self.url(str(scan)),
            )

    def create_resource(
        self,
        resource: Resource,
        *,
        reason: str | None = None,
        resource_format: str | None = None,
        resource_content: str | None = None,
    ) -> bool:
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
        described = {"format": resource_format, "content": resource_content}
        params = {name: value for name, value in described.items() if value is not None} | _event(reason)
        lost = False
        try:
            for attempt in retry.attempts(self.connection.settings, doing=doing):
                with attempt:
                    try:
                        self.connection.send("PUT", str(resource), doing=doing, params=params)
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
        return list_files(self.connection, resource)

    def check_names(self, names: Iterable[str]) -> None:
        """Make sure that an archive can tell the files of one resource apart; costs no request in the usual case.

        Raises
        ------
        InvalidIdentifierError
            Two names are one after URL-decoding, and this archive looks for files so.
        """
        twins = one_when_decoded(names)
        if twins is None:
            return
        if self._has_old_names is None:
            self._has_old_names = has_old_names(self.connection)
        if self._has_old_names:
            raise InvalidIdentifierError(
                f"The names {quoted(twins[0])} and {quoted(twins[1])} are one to this archive, as to all before XNAT "
                "1.7, and it would serve the bytes of one under both. Rename one, or put it into another resource."
            )

    def proven_listing(
        self, resource: Resource, sizes_bytes: Mapping[str, int | None], *, must: bool, reason: str | None = None
    ) -> dict[str, StoredFile]:
        """List the files of a resource with the MD5 of each that may be the same as a local one.

        Parameters
        ----------
        sizes_bytes : mapping of str to int or None
            The local ones; what is known to be stored with another size needs no MD5.
        must : bool
            Nothing may be replaced: where the archive keeps no MD5 it is asked to compute them, and what is still
            without one is read back, since equal size proves nothing. Else only what no archive of its kind lists is
            read back: that costs no more than to send it again.
        """
        listed = self.listing(resource)
        unproven = _without_md5(sizes_bytes, listed)
        if must and any(not listed[name].on_disk for name in unproven):
            self.refresh_checksums(resource, reason=reason)
            listed = self.listing(resource)
            unproven = _without_md5(sizes_bytes, listed)
        if not must:
            unproven = [name for name in unproven if listed[name].on_disk]
        if suits_zip(unproven, listed):
            listed.update(read_resource(self.connection, resource, unproven, listed).files)
        for name in unproven:
            if not listed[name].md5:
                md5 = self.served_md5(resource, name, size_bytes=listed[name].size_bytes)
                listed[name] = replace(listed[name], md5=md5 or "")
        return listed

    def read_back(self, resource: Resource, names: Collection[str], listed: Listing) -> ReadBack:
        """Read listed files back and hash them, in one request if they are about all that the resource holds.

        It is tried once: where the line breaks on the way, what has not come is told as not read.
        """
        read = read_resource if suits_zip(names, listed) else read_singly
        return read(self.connection, resource, names, listed)

    def served_bytes(self, resource: Resource, name: str) -> int | None:
        """Ask how many bytes of a file the archive would serve from its disk; None if it does not tell.

        It does not where a proxy in between packs what it serves.

        Raises
        ------
        NotFoundError
            It serves no such file.
        """
        answer = self.connection.ask("HEAD", resource.file_path(name), doing="asking for the size of a file")
        return answer.content_length

    def served_md5(self, resource: Resource, name: str, *, size_bytes: int | None = None) -> str | None:
        """Read a file back and give its MD5; see `reading_back.served_md5`."""
        return served_md5(self.connection, resource, name, size_bytes=size_bytes)

    def refresh_checksums(self, resource: Resource, *, reason: str | None = None) -> None:
        """Let the archive compute the MD5 of every file of the resource anew, and do nothing else.

        The option is named, because without any XNAT would also delete entries (docs/xnat/listings.md, "Refreshing a
        catalog").
        """
        scan = "" if resource.scan is None else f"/scans/{resource.scan.scan_id}"
        uri = f"/archive/experiments/{resource.accession.experiment_id}{scan}/resources/{resource.label}"
        self.connection.ask(
            "POST",
            "/data/services/refresh/catalog",
            doing="refreshing the checksums",
            params={"resource": uri, "options": "checksum", **_event(reason)},
        )

    def put(
        self,
        resource: Resource,
        segment: str,
        body: Body,
        *,
        content_type: str,
        extract: bool,
        overwrite: bool,
        reason: str | None = None,
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
        params = {"overwrite": str(overwrite).lower(), **_event(reason)}
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
        # 204 is what a new server makes of an empty success, and perhaps of a silent denial, which the listing will
        # show (docs/xnat/versions.md, "What 1.11 changes").
        if answer.status == 204:
            return ()
        if answer.status != 200 or answer.content_type != "text/plain" or answer.body.strip():
            raise answer.error("neither as stored files nor as refused ones are")
        return ()

    def _exists(self, path: str, *, doing: str) -> bool:
        try:
            self.connection.ask("HEAD", path, doing=doing)
        except NotFoundError:
            return False
        return True


def _event(reason: str | None) -> dict[str, str]:
    """Give the parameters by which XNAT is told why it is changed."""
    return {} if reason is None else {"event_reason": reason}


def _without_md5(sizes_bytes: Mapping[str, int | None], listed: Listing) -> list[str]:
    found = ((name, listed.get(name), size) for name, size in sizes_bytes.items())
    return [name for name, stored, size in found if stored and not stored.md5 and size in (None, stored.size_bytes)]
