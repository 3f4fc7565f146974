"""An XNAT-compatible archive for one machine: starts from pip, in well under a second.

>>> from xnat_upload.sandbox import Sandbox
>>> with Sandbox() as sandbox:
...     print(sandbox.user, sandbox.password)
admin admin

It answers as XNAT 1.8 does, quirks included, or as 1.6, 1.10 or 1.11 (``profile=``), for logging
in, projects and their members, subjects, sessions, scans, assessors, reconstructions,
resources, files, DICOM imports and the prearchive.  The rooms: `store` knows what an archive holds and its rules,
`routes` the grammar of requests and answers, `server` the way from the socket to a
route, `faults` what can be made to go wrong.

What it does not imitate
------------------------
- What answers 501, by its name: see `routes.absent`.
- Locked, obsolete and quarantined items; accounts that are disabled, unverified or
  have an expired password; LDAP and other providers (a prefix ``provider/`` is dropped).
- ``reference=`` (copying from a path of the server), conversion of DICOM to JPEG,
  ``listContents``, ``structure``, ``includeRootPath``, ``recursive``, ``?media=``.
- Tomcat's 20 seconds of patience with a client that stalls.
- Files that leave their resource by ``../`` in an archive do so, but not beyond the
  folder of their project.

What the sources leave open, and what is done here
--------------------------------------------------
- Two that create one scan or session at the same time: one of each is made; the
  second scan PUT updates it, the second session PUT is 409.
- Two that create one resource at the same time: one row, and a catalog that the
  second has emptied.
- JSON and CSV are UTF-8, without a charset in the Content-Type; file names of
  multipart parts are read as UTF-8.
- The central directory of a zip is read to its end, so that answers to large batches
  are not lost to Tomcat's limit of 2 MiB for what was left unread.
- A bounded range of an answer of unknown size (a listing, a zip) is answered whole.
- A project made without a name has none; dates are ISO dates of the local clock.
- A member may not delete, only an owner and a site administrator may.
- The text of the page for requests that the firewall rejects.
"""

from xnat_upload.sandbox.sandbox import Sandbox
from xnat_upload.sandbox.site import SiteSettings

__all__ = ["Sandbox", "SiteSettings"]
