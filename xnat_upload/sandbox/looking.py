"""Looking at what a sandbox holds, past HTTP: what tests compare at their end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from pathlib import Path

from xnat_upload.sandbox import inventory
from xnat_upload.sandbox.contents import Contents
from xnat_upload.sandbox.store.records import Owner


class Looking(ABC):
    """What lies in an archive, read past HTTP."""

    @property
    @abstractmethod
    def _contents(self) -> Contents:
        """The archive that answers now."""

    def files(
        self,
        project_id: str,
        session_label: str | None = None,
        scan_id: str | None = None,
        resource_label: str | None = None,
    ) -> dict[str, bytes]:
        """Give the catalogued files of a resource: name to the bytes on disk.

        Without `scan_id` it is a resource of the session, without `session_label` one of the
        project.  Without `resource_label` all resources of that item and of what is in it are
        read, and the names are addresses from it on: ``scans/1/resources/NIFTI/files/a.nii``.

        Parameters
        ----------
        project_id : str
            The project.
        session_label : str, optional
            The session, by label; None for the project itself.
        scan_id : str, optional
            The scan; None for the session itself.
        resource_label : str, optional
            The resource; None for all of the item and of what is in it.

        Returns
        -------
        dict of str to bytes
            Names to contents.
        """
        owner = self._owner(project_id, session_label, scan_id)
        return inventory.files(self._contents.archive, owner, resource_label)

    def orphans(
        self,
        project_id: str,
        session_label: str | None = None,
        scan_id: str | None = None,
        resource_label: str | None = None,
    ) -> dict[str, bytes]:
        """Give the files that lie on disk without an entry in the catalog; see `files`.

        Parameters
        ----------
        project_id : str
            The project.
        session_label : str, optional
            The session, by label; None for the project itself.
        scan_id : str, optional
            The scan; None for the session itself.
        resource_label : str, optional
            The resource; None for all of the item and of what is in it.

        Returns
        -------
        dict of str to bytes
            Names to contents.
        """
        owner = self._owner(project_id, session_label, scan_id)
        return inventory.orphans(self._contents.archive, owner, resource_label)

    def assert_stored(
        self,
        project_id: str,
        session_label: str | None,
        scan_id: str | None,
        resource_label: str,
        files: Mapping[str, bytes | Path],
    ) -> None:
        """Fail unless a resource holds these files with these bytes, and no other; see `files`.

        Parameters
        ----------
        project_id : str
            The project.
        session_label : str or None
            The session, by label; None for a resource of the project.
        scan_id : str or None
            The scan; None for a resource of the session.
        resource_label : str
            The resource.
        files : Mapping of str to bytes or Path
            Names to contents, or to files that hold them.

        Raises
        ------
        AssertionError
            Which names every file that is missing, other than expected, or one too many.

        Examples
        --------
        >>> from xnat_upload.sandbox import Sandbox
        >>> with Sandbox() as sandbox:
        ...     project = sandbox.add_project("P1")
        ...     sandbox.add_files(project, None, None, "DOCS", {"a.txt": b"text"})
        ...     sandbox.assert_stored(project, None, None, "DOCS", {"a.txt": b"text"})
        """
        owner = self._owner(project_id, session_label, scan_id)
        inventory.check_stored(self._contents.archive, owner, resource_label, files)

    def _owner(self, project_id: str, session_label: str | None, scan_id: str | None) -> Owner:
        return inventory.owner_at(self._contents.archive, self._contents.project(project_id), session_label, scan_id)
