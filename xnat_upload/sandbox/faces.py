"""What differs between the servers that are in use, as one table of switches.

Every rule that depends on the version asks this table, and nothing else asks for the version.
See docs/xnat/versions.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from xnat_upload.sandbox.site import Profile


@dataclass(frozen=True, kw_only=True)
class Face:
    """How one generation of servers answers; the defaults are those of 1.8.11.

    Parameters
    ----------
    version : str
        What it calls itself.
    has_xapi, has_version_route : bool
        Whether there is ``/xapi``, or ``/data/version`` in its place.
    is_before_1_7 : bool
        Status codes and routes of rare cases, as measured on 1.6.4.
    firewall_status : int, optional
        What refused addresses get; ``None`` where nothing refuses them.
    firewall_refuses_line_breaks : bool
        Whether ``%0a`` and ``%0d`` are among them.
    decodes_paths : bool
        Whether ``%20`` and ``%2B`` in the path of a file are decoded.
    takes_decoded_names_for_one : bool
        Whether ``a+b`` and ``a b`` are the same entry.
    lists_digests, lists_sizes_on_disk, filters_by_label : bool
        What listings tell, and whether ``label=`` chooses among subjects and experiments.
    lists_nothing_beside_a_writer : bool
        Whether the first listing of a resource into which somebody writes is empty.
    renews_digests : bool
        Whether an overwritten file, and a refresh with ``checksum``, gets a new digest.
    fixes_roles_at_login : bool
        Whether a login sees no role that is given later.
    detects_conflicts : bool
        Whether a catalog that somebody else has changed is refused; otherwise entries vanish.
    stages_uploads : bool
        Whether files are written into a hidden folder and moved into place under the catalog's lock.
    catalog_patience_seconds : float
        How long a writer waits for a catalog's lock.
    catalog_busy : str
        What it says then; the catalog's path follows.
    reserved_prefixes : tuple of str
        Names that get no entry.
    extracts_reserved_names : bool
        Whether such members of an archive are written all the same.
    refuses_paths_outside : bool
        Whether an archive with a member ``../x`` is refused as a whole.
    reads_zip_directory : bool
        Whether a zip is read by its directory, so that it may be stored with data descriptors.
    keeps_replaced_members : bool
        Whether members that are replaced go to the history, whatever the site's setting.
    updates_stale_entries : bool
        Whether a member without overwrite renews the entry of a file that was missing.
    takes_chunked_zips : bool
        Whether a zip may come in-body without a Content-Length.
    knows_tgz : bool
        Whether ``.tgz`` is an archive.
    part_header_bytes : int, optional
        How long the headers of one part of a form may be.
    charset_in_answers : str
        What text of Restlet's is written in.
    names_charset_of_empty_text : bool
        Whether a stored file's ``text/plain`` names a charset.
    restlet : str
        The Server header.
    tomcat : str
        What stands under Tomcat's own pages, if anything.
    login_failed : str
        What a wrong password is told.
    sizes_archives : bool
        Whether a resource read as a zip has a Content-Length.
    """

    version: str
    has_xapi: bool = True
    has_version_route: bool = False
    is_before_1_7: bool = False
    firewall_status: int | None = 500
    firewall_refuses_line_breaks: bool = False
    decodes_paths: bool = True
    takes_decoded_names_for_one: bool = False
    lists_digests: bool = True
    lists_sizes_on_disk: bool = False
    filters_by_label: bool = True
    lists_nothing_beside_a_writer: bool = False
    renews_digests: bool = True
    fixes_roles_at_login: bool = False
    detects_conflicts: bool = True
    stages_uploads: bool = False
    catalog_patience_seconds: float = 10.0
    catalog_busy: str = "Unable to acquire thread and process locks for"
    reserved_prefixes: tuple[str, ...] = (".~lock-",)
    extracts_reserved_names: bool = True
    refuses_paths_outside: bool = False
    reads_zip_directory: bool = False
    keeps_replaced_members: bool = True
    updates_stale_entries: bool = False
    takes_chunked_zips: bool = True
    knows_tgz: bool = True
    part_header_bytes: int | None = None
    charset_in_answers: str = "ISO-8859-1"
    names_charset_of_empty_text: bool = False
    restlet: str = "Noelios-Restlet-Engine/1.1.10"
    tomcat: str = ""
    login_failed: str = (
        "Your login attempt failed because the username and password combination you provided was invalid or your "
        "user already has the maximum number of user sessions open. After {limit} failed login attempts, your user "
        "account will be locked."
    )
    sizes_archives: bool = False

    def is_cataloguable(self, name: str) -> bool:
        """Tell whether a file gets an entry: catalogs and lock files never do."""
        return not name.endswith("_catalog.xml") and not name.startswith(self.reserved_prefixes)


_1_8 = Face(version="1.8.11")
_1_6 = Face(
    version="1.6.4",
    has_xapi=False,
    has_version_route=True,
    is_before_1_7=True,
    firewall_status=None,
    decodes_paths=False,
    takes_decoded_names_for_one=True,
    lists_digests=False,
    lists_sizes_on_disk=True,
    filters_by_label=False,
    lists_nothing_beside_a_writer=True,
    renews_digests=False,
    fixes_roles_at_login=True,
    detects_conflicts=False,
    takes_chunked_zips=False,
    knows_tgz=False,
    tomcat="Apache Tomcat/9.0.70",
    login_failed="Login attempt failed. Please try again.",
    sizes_archives=True,
)
_1_10 = Face(
    version="1.10.2",
    firewall_refuses_line_breaks=True,
    stages_uploads=True,
    catalog_patience_seconds=184.0,
    catalog_busy="Resource catalog is busy:",
    reserved_prefixes=("lock-", ".xnat-tmp-upload-"),
    extracts_reserved_names=False,
    refuses_paths_outside=True,
    reads_zip_directory=True,
    keeps_replaced_members=False,
    updates_stale_entries=True,
    part_header_bytes=512,
)
_1_11 = Face(
    **{
        **vars(_1_10),
        "version": "1.11.0-SNAPSHOT",
        "firewall_status": 400,
        "charset_in_answers": "UTF-8",
        "names_charset_of_empty_text": True,
        "restlet": "Restlet-Framework/2.6.0",
    }
)

FACES: Mapping[Profile, Face] = {"1.6": _1_6, "1.8": _1_8, "1.10": _1_10, "1.11": _1_11}
"""From 1.10.2 on, and 1.11, where it could be read; 1.10.0 and 1.10.1 answer as 1.8 does."""
