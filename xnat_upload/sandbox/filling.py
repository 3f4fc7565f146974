"""Filling a sandbox past HTTP: what tests put into it before they begin."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from xnat_upload.sandbox import inventory
from xnat_upload.sandbox.looking import Looking
from xnat_upload.sandbox.site import Accessibility, Role
from xnat_upload.sandbox.store.passwords import account


class Filling(Looking):
    """What is put into an archive past HTTP."""

    def add_user(self, name: str, password: str) -> None:
        """Add an ordinary user, without site roles.

        Parameters
        ----------
        name, password : str
            Its login.
        """
        self._contents.archive.save(account(name, password))

    def add_project(
        self,
        project_id: str,
        *,
        secondary_id: str | None = None,
        name: str | None = None,
        accessibility: Accessibility = "private",
    ) -> str:
        """Add a project that belongs to the administrator, and give its ID.

        Parameters
        ----------
        project_id : str
            Its ID.
        secondary_id : str, optional
            What XNAT's pages call Running Title.
        name : str, optional
            Its title.
        accessibility : {"private", "protected", "public"}
            Who may see it.

        Returns
        -------
        str
            The ID.
        """
        return self._contents.add_project(
            project_id, secondary_id=secondary_id or "", name=name or "", accessibility=accessibility
        )

    def add_member(self, project_id: str, user: str, *, role: Role = "member") -> None:
        """Let a user own, edit (``member``) or read (``collaborator``) a project.

        Parameters
        ----------
        project_id : str
            The project.
        user : str
            A login.
        role : {"owner", "member", "collaborator"}
            What the user may do there.
        """
        self._contents.add_member(project_id, user, role=role)

    def add_session(
        self,
        project_id: str,
        label: str,
        *,
        xsi_type: str = "xnat:mrSessionData",
        subject: str | None = None,
        scans: Mapping[str, str] | None = None,
        scan_types: Mapping[str, str] | None = None,
        modality: str | None = None,
        session_id: str | None = None,
        subject_id: str | None = None,
    ) -> str:
        """Add a session with its subject and scans, and give its global ID.

        Parameters
        ----------
        project_id : str
            The project.
        label : str
            The session's label in it.
        xsi_type : str
            Its data type.
        subject : str, optional
            Label of its subject, which is made unless it is there.
        scans : Mapping of str to str, optional
            Scan IDs to data types, such as ``xnat:mrScanData``.
        scan_types : Mapping of str to str, optional
            Scan IDs to what the scans are called by those who make them, such as ``T1w``.
        modality : str, optional
            The session's modality.
        session_id, subject_id : str, optional
            Global IDs of your own, in place of such as ``XNAT_E00001``.

        Returns
        -------
        str
            The session's global ID.
        """
        return self._contents.add_session(
            project_id,
            label,
            xsi_type=xsi_type,
            subject=subject or f"{label}_subject",
            scans=scans or {},
            scan_types=scan_types or {},
            fields={"modality": modality} if modality else {},
            session_id=session_id or "",
            subject_id=subject_id or "",
        )

    def add_dicom(
        self, project_id: str, files: Iterable[Path] | Path, *, subject: str | None = None, session: str | None = None
    ) -> list[str]:
        """Add sessions made from DICOM files, and give their global IDs; needs pydicom.

        Folders stand for all files in them. What `subject` and `session` do not say, the
        headers do, as for an import; `datasets.dicom_study` makes files to add.

        Parameters
        ----------
        project_id : str
            The project.
        files : Path or iterable of Path
            Files or folders.
        subject, session : str, optional
            Labels, in place of those in the headers.

        Returns
        -------
        list of str
            The sessions' global IDs.

        Examples
        --------
        >>> import tempfile
        >>> from xnat_upload.sandbox import Sandbox
        >>> from xnat_upload.sandbox.datasets import dicom_study
        >>> with Sandbox() as sandbox, tempfile.TemporaryDirectory() as folder:
        ...     project = sandbox.add_project("P1")
        ...     sandbox.add_dicom(project, dicom_study(Path(folder)), session="CT1")
        ['XNAT_E00001']
        """
        from xnat_upload.sandbox.seeds.dicom import add_dicom

        return add_dicom(
            self._contents.archive,
            self._contents.disk,
            [files] if isinstance(files, Path) else files,
            project_id=project_id,
            subject=subject or "",
            session=session or "",
            user=self._contents.user,
        )

    def add_files(
        self,
        project_id: str,
        session_label: str | None,
        scan_id: str | None,
        resource_label: str,
        files: Mapping[str, bytes | Path] | Path,
    ) -> None:
        """Put files into a resource of a project, a session or a scan; the resource is made if it is missing.

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
        files : Path or mapping of str to bytes or Path
            Names, also with ``/``, to contents; or a file; or a folder, which stands for all files in it.

        Raises
        ------
        ValueError
            If the place is missing, a file of the name is there, or XNAT would not take the name.
        """
        if isinstance(files, Path):
            files = inventory.files_of_folder(files) if files.is_dir() else {files.name: files}
        self._contents.add_files(project_id, session_label, scan_id, resource_label, files)

    def add_from(self, path: Path) -> None:
        """Add what a YAML file says, or what lies in a folder in the shape of XNAT's archive.

        Both forms are shown in docs/sandbox.md, "Filling it".

        Parameters
        ----------
        path : Path
            The YAML file, or the folder.

        Raises
        ------
        ValueError
            If something in it has no meaning or no place, or is there already.
        """
        if path.is_dir():
            from xnat_upload.sandbox.seeds.folder import add_folder

            add_folder(self._contents, path)
        else:
            from xnat_upload.sandbox.seeds.yaml_file import add_yaml

            add_yaml(self._contents, path)
