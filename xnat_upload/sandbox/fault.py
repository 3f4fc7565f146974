"""To which requests a fault happens."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Fault:
    """To which requests something happens.

    Parameters
    ----------
    method : str, optional
        Only requests with this method.
    path : str, optional
        Only requests in whose raw path this regular expression is found.
    nth : int, optional
        Only from the n-th of the matching requests on, counted from 1.
    times : int, optional
        How often; ``None`` until the fault is removed.
    share : float, optional
        Only this share of the matching requests, drawn with `seed`.
    seed : int
        Start of the random numbers behind `share`.
    """

    method: str | None = field(default=None, kw_only=True)
    path: str | None = field(default=None, kw_only=True)
    nth: int | None = field(default=None, kw_only=True)
    times: int | None = field(default=1, kw_only=True)
    share: float | None = field(default=None, kw_only=True)
    seed: int = field(default=0, kw_only=True)
