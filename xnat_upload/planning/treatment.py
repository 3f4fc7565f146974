"""How files that exist are treated, and with what the rest is made."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from xnat_upload.errors import InvalidIdentifierError, quoted
from xnat_upload.places.scan_types import check_scan_type

ExistOk: TypeAlias = 'bool | Literal["same"]'


@dataclass(frozen=True, kw_only=True)
class Treatment:
    """What a caller wants done, apart from where and what.

    Parameters
    ----------
    exist_ok : bool or "same"
        False refuses names that are there already; ``"same"`` skips those of the same bytes and refuses others; True
        skips those of the same bytes and replaces others.
    scan_type : str, optional
        Data type of the scan if it has to be created; else the one that fits the session.
    reason : str, optional
        Why the archive is changed: XNAT's ``event_reason``, for sites that demand one.
    resource_format, resource_content : str, optional
        XNAT's ``format`` and ``content`` of the resource if it has to be created.

    Raises
    ------
    InvalidIdentifierError
        A value that means nothing.

    Examples
    --------
    >>> Treatment(exist_ok="same").may_replace
    False
    >>> Treatment(exist_ok="yes")  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    ...
    xnat_upload.errors.InvalidIdentifierError: exist_ok is 'yes'; it must be False (refuse names that are there), ...
    """

    exist_ok: ExistOk = False
    scan_type: str | None = None
    reason: str | None = None
    resource_format: str | None = None
    resource_content: str | None = None

    def __post_init__(self) -> None:
        if self.exist_ok is not True and self.exist_ok is not False and self.exist_ok != "same":
            raise InvalidIdentifierError(
                f"exist_ok is {quoted(self.exist_ok)}; it must be False (refuse names that are there), 'same' (skip "
                "the same bytes, refuse others) or True (skip the same bytes, replace others)."
            )
        if self.scan_type is not None:
            check_scan_type(self.scan_type)
        for name in ("reason", "resource_format", "resource_content"):
            value = getattr(self, name)
            if value is not None and not (isinstance(value, str) and value.strip() and value.isprintable()):
                raise InvalidIdentifierError(
                    f"{name} is {quoted(value)}; it must be text on one line, and not empty. Leave it out for none."
                )

    @property
    def may_replace(self) -> bool:
        """Whether a stored file of other bytes may be replaced."""
        return self.exist_ok is True
