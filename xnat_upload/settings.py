"""How uploads travel: how much at once, how long to wait, how often to try again.

Every number has its reason beside it, and a unit in its name. Nothing else in the package holds a limit of its own.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Literal, TypeAlias, get_args

MIB = 1024 * 1024
Compression: TypeAlias = Literal["auto", "always", "never"]
# A wait of no time at all is refused by the HTTP layer, in the middle of an upload.
_ABOVE_ZERO = frozenset(
    {"batch_seconds", "connect_timeout_seconds", "read_timeout_seconds", "exchange_timeout_seconds"}
)


@dataclass(frozen=True, kw_only=True)
class TransferSettings:
    """How uploads travel; the defaults suit a hospital's XNAT behind a stock reverse proxy.

    Memory: each worker holds at most one small file or one block, and the copies that the zip layer and the socket
    make of it, so image data in memory stay below ``3 * workers * large_file_bytes`` (48 MiB by default, and 12 MiB for
    a single resource, which has one worker), whatever the size of the study.

    Parameters
    ----------
    workers : int
        Resources written at the same time, and connections open to the archive. Within one resource there is always
        one writer, because XNAT refuses the second (docs/xnat/at-once.md, "The catalog is compared, not locked").
    batch_seconds : float
        How long one request with many files should take, as fast as those before it went; the first is a small one.
        What breaks costs at most so much, and a stock proxy gives up only after 60 to 100 s (docs/xnat/requests.md, "A
        proxy in front").
    batch_bytes : int
        Most bytes of files in one request, however fast the line is; some gateways take no more than 100 MB.
    batch_files : int
        Most files in one request, likewise; a zip of more than 65,535 would have to be of another kind.
    large_file_bytes : int
        A file above this size travels alone and is read in blocks; any other is read once, whole.
    compression : {"auto", "always", "never"}
        Whether files travel deflated: where that is faster, as their bytes and the line have shown, or in any case, or
        not at all. The archive stores the plain bytes. Files of 4 GiB and more, and all files where something in
        between refuses requests of unknown length, travel as they are.
    connect_timeout_seconds : float
        How long to wait for a connection.
    read_timeout_seconds : float
        How long to wait while the archive takes no byte of a request, and for its answer after the last one; it
        extracts and hashes in that time.
    exchange_timeout_seconds : float
        How long one request and its answer may take as a whole, however steadily they drip; twice the read timeout, so
        that an archive may both be silent for that long and answer slowly. What has been sent, and an answer of known
        length, get a second more for every 10 kB, so that a slow line is not cut off.
    attempts : int
        Times that one request is sent at most, the first included. So many that `total_seconds` decides, unless fewer
        are asked for.
    pause_seconds : float
        Upper bound of the first pause between two attempts; each further bound is twice the last. The pause is drawn
        at random below its bound, so that many clients do not come back at once.
    longest_pause_seconds : float
        No bound grows beyond this; a longer ``Retry-After`` of the archive is obeyed up to it as well.
    total_seconds : float
        No further attempt of one request starts later than this after its first. A hospital's archive needs minutes for
        a restart. Before anything has ever answered at an address, `longest_pause_seconds` is all the patience there
        is, because the address is more likely to be wrong.
    settle_seconds : float
        After a gateway timeout the archive is still working: how long its listing is asked before files are sent again.
    read_back : bool
        Where an archive keeps no MD5, what was sent is read back and compared, so that it is *stored* and not
        *unproven*. All bytes travel twice; most often in one request for a resource (docs/xnat/listings.md, "A whole
        resource as a zip").

    Raises
    ------
    ValueError
        A number that makes no sense, such as no workers at all, half a worker, or an infinite wait.

    Examples
    --------
    >>> TransferSettings(workers=8).workers
    8
    >>> TransferSettings(workers=0)
    Traceback (most recent call last):
    ...
    ValueError: TransferSettings.workers is 0; it must be a whole number of at least 1.
    """

    workers: int = 4
    batch_seconds: float = 20.0
    batch_bytes: int = 95 * MIB
    batch_files: int = 50_000
    large_file_bytes: int = 4 * MIB
    compression: Compression = "auto"
    connect_timeout_seconds: float = 10.0
    read_timeout_seconds: float = 300.0
    exchange_timeout_seconds: float = 600.0
    attempts: int = 1000
    pause_seconds: float = 1.0
    longest_pause_seconds: float = 60.0
    total_seconds: float = 1800.0
    settle_seconds: float = 300.0
    read_back: bool = False

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            if field.name == "compression":
                if value not in get_args(Compression):
                    raise ValueError(f"TransferSettings.compression is {value!r}; it must be auto, always or never.")
                continue
            whole = isinstance(field.default, int)
            number = isinstance(value, int if whole else (int, float)) and not isinstance(value, bool)
            if isinstance(field.default, bool):
                allowed, fits = "True or False", isinstance(value, bool)
            elif whole:
                allowed, fits = "a whole number of at least 1", number and value >= 1
            elif field.name in _ABOVE_ZERO:
                allowed, fits = "a finite number above 0", number and 0 < value < math.inf
            else:
                allowed, fits = "a finite number of at least 0", number and 0 <= value < math.inf
            if not fits:
                raise ValueError(f"TransferSettings.{field.name} is {value!r}; it must be {allowed}.")
