"""One login, and what is asked of the archive without writing: places, files, readiness, elements of pyxnat."""

from __future__ import annotations

import os
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from xnat_upload.archive.client import Archive
from xnat_upload.archive.elements import element_of
from xnat_upload.archive.locks import Locks
from xnat_upload.archive.readiness import Readiness, find_out
from xnat_upload.archive.targets import is_place, resolve, resource_in, target_of
from xnat_upload.display import html
from xnat_upload.display.tables import readable_bytes
from xnat_upload.errors import InvalidIdentifierError, quoted
from xnat_upload.places.hierarchy import Accession, Resource, Scan
from xnat_upload.places.names import check_file_name, decimal_text
from xnat_upload.places.target import Target
from xnat_upload.planning.treatment import Treatment

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from xnat_upload.planning.request import ResourceWords

_Self = TypeVar("_Self", bound="ReadingCalls")


class ReadingCalls:
    """One login to one XNAT, and what is asked there; `Uploader` puts files into it."""

    def __init__(self, archive: Archive, *, images_dir: str | os.PathLike[str] | None, reason: str | None) -> None:
        self.settings = archive.connection.settings
        self.images_dir = None if images_dir is None else Path(images_dir)
        self.reason = Treatment(reason=reason).reason
        self._archive = archive
        self._locks = Locks(self.server)

    @property
    def server(self) -> str:
        """The archive's address."""
        return self._archive.connection.server

    @property
    def user(self) -> str:
        """The name under which the archive knows this login."""
        return self._archive.connection.login()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.server!r})"

    def _repr_html_(self) -> str:
        user, settings = self._archive.connection.known_user, self.settings
        return html.render(
            "uploader.html",
            server=self.server,
            user=user,
            images_dir=self.images_dir,
            workers=settings.workers,
            batch_files=settings.batch_files,
            batch_size=readable_bytes(settings.batch_bytes),
        )

    def __enter__(self: _Self) -> _Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the session that was opened here, and close its connections; a caller's interface stays open."""
        self._archive.connection.close()

    @property
    def interface(self) -> Any:
        """The pyxnat interface: the caller's own where there is one, for what this package does not do."""
        return self._archive.connection.interface

    def locate(
        self,
        *place: str | int,
        accession_id: str | int | None = None,
        hub_project_id: str | None = None,
        project_id: str | None = None,
    ) -> Accession:
        """Find a session: ``locate("FAK09131796", hub_project_id="3fa85f64")``.

        Parameters
        ----------
        *place : str or int
            The accession ID, by position; or, as in earlier versions, the hub's project ID and the accession ID.
        accession_id : str or int, optional
            Label of the session in that project, or its experiment ID, by keyword.
        hub_project_id : str, optional
            The hub's ID of the project: XNAT's secondary ID, which its pages call Running Title.
        project_id : str, optional
            XNAT's own ID or alias of the project, in place of `hub_project_id`.

        Returns
        -------
        Accession
            The session, with the scans and resources that it has now.

        Raises
        ------
        InvalidIdentifierError
            An ID that cannot be one, or the project is named in no way or in two.
        NotFoundError
            There is none, or this user may not see it.
        AuthenticationError, ServerError, ServerUnavailableError
            The login is not accepted any more, or the archive refuses or does not answer.
        """
        if len(place) == 2 and hub_project_id is None:
            hub_project_id, place = decimal_text(place[0]), place[1:]
        if len(place) + (accession_id is not None) != 1:
            raise InvalidIdentifierError("locate finds one session: locate('FAK09131796', hub_project_id='3fa85f64').")
        accession = decimal_text(place[0] if place else accession_id)
        return self._archive.locate(accession, hub_project_id=hub_project_id, project_id=project_id)

    def check(
        self,
        hub_project_id: str | None = None,
        accession_id: str | int | None = None,
        *,
        project_id: str | None = None,
    ) -> Readiness:
        """Find out by reading alone what would stop an upload into a project, or into one session of it.

        Parameters
        ----------
        hub_project_id : str, optional
            The hub's ID of the project: XNAT's secondary ID, which its pages call Running Title.
        accession_id : str or int, optional
            A session of that project: its label, or its experiment ID.
        project_id : str, optional
            XNAT's own ID or alias of the project, in place of `hub_project_id`.

        Returns
        -------
        Readiness
            What was found; ``ok`` says whether nothing would stop an upload, ``obstacles`` what would.

        Raises
        ------
        InvalidIdentifierError
            The project is named in two ways.
        AuthenticationError, ServerError, ServerUnavailableError
            The login is not accepted any more, or the archive refuses or does not answer.
        """
        return find_out(
            self._archive,
            user=self.user,
            hub_project_id=hub_project_id,
            project_id=project_id,
            accession_id=decimal_text(accession_id),
        )

    def file_exists(
        self, *place_and_name: Any, to: Any = None, name: str | None = None, **where: Unpack[ResourceWords]
    ) -> bool:
        """Say whether the archive lists a file of this name; False, too, if there is no such resource.

        Parameters
        ----------
        *place_and_name : Resource, Destination, pyxnat element or str
            The resource and the name, or the name alone.
        to : Resource, Destination or pyxnat element, optional
            The resource, by keyword.
        name : str, optional
            The file's name in it, by keyword.
        hub_project_id : str, optional
            The hub's ID of the project: XNAT's secondary ID, which its pages call Running Title.
        project_id : str, optional
            XNAT's own ID or alias of the project, in place of `hub_project_id`.
        accession_id : str or int, optional
            Label of the session in that project, or its experiment ID.
        scan_id : str, int or None, optional
            The scan. None, said explicitly, means a resource of the session itself.
        resource_id : str, optional
            Label of the resource, such as ``SEG``.

        Returns
        -------
        bool
            Whether the archive lists it.

        Raises
        ------
        InvalidIdentifierError
            A place or name that cannot be one.
        NotFoundError
            The session or the scan does not exist.
        AuthenticationError, ServerError, ServerUnavailableError
            The login is not accepted any more, or the archive refuses or does not answer.
        """
        to, name = place_and(place_and_name, to=to, other=name, call="file_exists", what="name")
        checked = check_file_name(os.fspath(name))
        _, resource = self._resource(to, **where)
        self._archive.check_parent(resource)
        return checked in self._archive.listing(resource)

    def select(self, place: Accession | Scan | Resource, name: str | None = None) -> Any:
        """Give pyxnat's element for a place, for what this package does not do; costs no request.

        Parameters
        ----------
        place : Accession, Scan or Resource
            Each has exactly one element, of the same address.
        name : str, optional
            A file of the resource.

        Returns
        -------
        pyxnat element
            A session, scan, resource or file object of pyxnat, on `interface`.

        Raises
        ------
        InvalidIdentifierError
            The place is none, or a name is given and the place is no resource.
        """
        kinds = (Accession, Scan, Resource) if name is None else Resource
        if not isinstance(place, kinds):
            raise InvalidIdentifierError(
                f"{quoted(place)} has no element of pyxnat. Give an Accession, a Scan or a Resource; a file is in the "
                "last of them."
            )
        element = element_of(place, interface=self.interface)
        return element if name is None else element.file(check_file_name(name))

    def _resource(self, to: Any, **where: Unpack[ResourceWords]) -> tuple[Target, Resource]:
        target = target_of(to, **where, server=self.server, wants=Resource)
        return target, resource_in(resolve(target, archive=self._archive), target)


def place_and(given: tuple[Any, ...], *, to: Any, other: Any, call: str, what: str) -> tuple[Any, Any]:
    """Tell the place from what goes with it: ``call(place, other)``, or ``call(other, to=place)`` and words.

    Raises
    ------
    InvalidIdentifierError
        Too much was given, or no `other`.
    """
    if len(given) == 2 and to is None and other is None:
        if is_place(given[1]) and not is_place(given[0]):
            raise InvalidIdentifierError(f"{call} takes the place first, or by name: {call}({what}, to=resource).")
        return given
    if len(given) == 1 and other is None:
        return to, given[0]
    if given or other is None:
        raise InvalidIdentifierError(f"{call} takes a place and one {what}: {call}({what}, to=resource).")
    return to, other
