"""Recording a real XNAT, answering in its place, and holding the sandbox against it.

A cassette holds requests with their answers.  `Recorded` records one in front of a server,
`Replayed` answers from one, and `differences` asks a sandbox the same and compares.
"""

from xnat_upload.sandbox.cassettes.cassette import Body, Cassette, Take
from xnat_upload.sandbox.cassettes.comparing import Difference, differences
from xnat_upload.sandbox.cassettes.proxy import Recorded
from xnat_upload.sandbox.cassettes.replaying import Replayed

__all__ = ["Body", "Cassette", "Difference", "Recorded", "Replayed", "Take", "differences"]
