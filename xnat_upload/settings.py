"""How uploads travel: how much at once, how long to wait, how often to try again.

Every number has its reason beside it, and a unit in its name. Nothing else in the package holds a limit of its own.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

MIB = 1024 * 1024


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
        one writer, because XNAT refuses the second (contract, write §5.2).
    batch_bytes : int
        Most bytes of files in one request. 64 MiB take 54 s at 10 Mbit/s, well under the 100 s after which a stock
        proxy gives up (contract, write §0.3).
    batch_files : int
        Most files in one request. An archive on slow network storage needs about 20 ms a file, so 2,000 stay
        under the same 100 s.
    large_file_bytes : int
        A file above this size travels alone and is read in blocks; any other is read once, whole.
    connect_timeout_seconds : float
        How long to wait for a connection.
    read_timeout_seconds : float
        How long to wait for an answer after the last byte was sent; the archive extracts and hashes in that time.
    attempts : int
        Times that one request is sent at most, the first included.
    pause_seconds : float
        Upper bound of the first pause between two attempts; each further bound is twice the last. The pause is drawn
        at random below its bound, so that many clients do not come back at once.
    longest_pause_seconds : float
        No bound grows beyond this; a longer ``Retry-After`` of the archive is obeyed up to it as well.
    total_seconds : float
        No further attempt of one request starts later than this after its first.
    settle_seconds : float
        After a gateway timeout the archive is still working: how long its listing is asked before files are sent again.

    Raises
    ------
    ValueError
        A number that makes no sense, such as no workers at all.

    Examples
    --------
    >>> TransferSettings(workers=8).workers
    8
    >>> TransferSettings(workers=0)
    Traceback (most recent call last):
    ...
    ValueError: TransferSettings.workers is 0; it must be at least 1.
    """

    workers: int = 4
    batch_bytes: int = 64 * MIB
    batch_files: int = 2000
    large_file_bytes: int = 4 * MIB
    connect_timeout_seconds: float = 10.0
    read_timeout_seconds: float = 300.0
    attempts: int = 5
    pause_seconds: float = 1.0
    longest_pause_seconds: float = 60.0
    total_seconds: float = 1800.0
    settle_seconds: float = 300.0

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            least = 1 if isinstance(field.default, int) else 0
            if not isinstance(value, (int, float)) or isinstance(value, bool) or not value >= least:
                raise ValueError(f"TransferSettings.{field.name} is {value!r}; it must be at least {least}.")
