"""An XNAT-compatible archive for one machine: starts from pip, in well under a second.

>>> from xnat_upload.sandbox import Sandbox
>>> with Sandbox() as sandbox:
...     print(sandbox.user, sandbox.password)
admin admin
"""

from xnat_upload.sandbox.sandbox import Sandbox
from xnat_upload.sandbox.site import SiteSettings

__all__ = ["Sandbox", "SiteSettings"]
