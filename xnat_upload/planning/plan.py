"""All that will be done in one resource, as a value that can be looked at before anything is done."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from xnat_upload.archive.line import may_go_at_once
from xnat_upload.archive.listing import Listing
from xnat_upload.display.tables import aligned, first_of, readable_bytes, shown_first
from xnat_upload.errors import AlreadyExistsError
from xnat_upload.local.ignoring import LeftOut, in_words
from xnat_upload.local.source import AnyFile
from xnat_upload.places.hierarchy import Resource
from xnat_upload.planning.plan_html import plan_html
from xnat_upload.planning.step import Action, Shipment, Step
from xnat_upload.planning.treatment import Treatment
from xnat_upload.settings import Compression

if TYPE_CHECKING:
    import pandas as pd

_WORTH_TELLING_BYTES = 1024 * 1024


@dataclass(frozen=True, kw_only=True, repr=False)
class Plan:
    """All that will be done in one resource.

    Parameters
    ----------
    resource : Resource
        Where the files go.
    scan_type : str or None
        Data type of the scan if it has to be created.
    steps : tuple of Step
        One for each file, in the caller's order.
    shipments : tuple of Shipment
        The requests, one after another, as they are on a fast line; on a slow one each is divided further.
    treatment : Treatment
        How files that exist are treated, and with what the rest is made.
    listed : mapping of str to StoredFile
        What the resource held when the plan was made.
    server : str
        The archive's address, for links; nothing is sent because of it.
    left_out : tuple of LeftOut
        What was left out of the directories that were named, by rule.
    compression : {"auto", "always", "never"}
        Whether files travel deflated; with ``"auto"`` it is decided when they are sent, by their bytes and the line.
    """

    resource: Resource
    scan_type: str | None
    steps: tuple[Step, ...]
    shipments: tuple[Shipment, ...]
    treatment: Treatment
    listed: Listing = field(repr=False)
    server: str = ""
    left_out: tuple[LeftOut, ...] = ()
    compression: Compression = "auto"

    @property
    def exist_ok(self) -> bool:
        """Whether a stored file of other bytes may be replaced."""
        return self.treatment.may_replace

    @property
    def refused(self) -> tuple[str, ...]:
        """Names that are in the resource already and may not be replaced; any of them stops the upload."""
        return tuple(step.file.name for step in self.steps if step.action is Action.REFUSE)

    @property
    def files_to_send(self) -> frozenset[AnyFile]:
        """All files that will travel."""
        return frozenset(step.file for shipment in self.shipments for step in shipment.steps)

    @property
    def bytes_to_send(self) -> int:
        """Bytes of all files that will travel."""
        return sum(shipment.size_bytes for shipment in self.shipments)

    @property
    def summary(self) -> str:
        """One line that says how many files would be sent, in how many requests, and how many not."""
        sent = sum(len(shipment.steps) for shipment in self.shipments)
        replaced = sum(step.action is Action.REPLACE for step in self.steps)
        as_planned = all(
            len(shipment.steps) == 1 or may_go_at_once(step.file.size_bytes for step in shipment.steps)
            for shipment in self.shipments
        )
        return (
            f"{_counted(sent, 'file')} to send ({readable_bytes(self.bytes_to_send)}) in "
            f"{'' if as_planned else 'at least '}{_counted(len(self.shipments), 'request')}"
            + (f", {replaced} of them to replace others" if replaced else "")
            + f", {sum(step.action is Action.SKIP for step in self.steps)} stored already, {len(self.refused)} refused"
            + in_words(self.left_out)
        )

    def __repr__(self) -> str:
        return f"<Plan for {self.resource.destination}: {self.summary}>"

    def __str__(self) -> str:
        wrong = [row for row, step in enumerate(self.steps) if step.action is Action.REFUSE]
        chosen = [self.steps[row] for row in shown_first(wrong, len(self.steps))]
        lines = aligned(
            ("action", "size", "file", "reason"),
            [
                (
                    step.action.value,
                    readable_bytes(step.file.size_bytes),
                    f"{self.resource.label}/{step.file.name}",
                    step.reason,
                )
                for step in chosen
            ],
            right={1},
        )
        if len(chosen) < len(self.steps):
            lines.append(f"… and {len(self.steps) - len(chosen)} more")
        if self.bytes_to_send >= _WORTH_TELLING_BYTES and self.compression != "never":
            lines.append(f"Files travel deflated{' where that is faster' if self.compression == 'auto' else ''}.")
        if self.left_out:
            lines.append(f"Left out: {', '.join(map(str, self.left_out))}.")
        return "\n".join([f"{self.resource.destination}: {self.summary}", *lines])

    def to_json(self) -> str:
        """Give one JSON document: ``summary``, ``destination``, ``totals`` and ``files``.

        Returns
        -------
        str
            JSON.
        """
        to = self.resource.destination
        document = {
            "summary": self.summary,
            "destination": {
                "hub_project_id": to.hub_project_id,
                "project_id": to.project_id,
                "accession_id": to.accession_id,
                "scan_id": to.scan_id,
                "resource_id": to.resource_id,
                "new_scan_type": self.scan_type,
            },
            "totals": {
                **{action.value: sum(step.action is action for step in self.steps) for action in Action},
                "requests": len(self.shipments),
                "bytes_to_send": self.bytes_to_send,
                "compression": self.compression,
                "left_out": {each.rule: each.files for each in self.left_out},
            },
            "files": self._records(),
        }
        return json.dumps(document, ensure_ascii=False, indent=2)

    def to_dataframe(self) -> pd.DataFrame:
        """Give a pandas DataFrame with one row for each file.

        Returns
        -------
        pandas.DataFrame
            With ``name``, ``path``, ``size_bytes``, ``action`` and ``reason``.
        """
        import pandas as pd  # half a second, which nobody pays who wants no DataFrame

        frame: pd.DataFrame = pd.DataFrame(self._records(), columns=["name", "path", "size_bytes", "action", "reason"])
        return frame

    def _records(self) -> list[dict[str, Any]]:
        return [
            {
                "name": step.file.name,
                # A path need not be Unicode; JSON must be.
                "path": str(step.file.path or "").encode("utf-8", "backslashreplace").decode(),
                "size_bytes": step.file.size_bytes,
                "action": step.action.value,
                "reason": step.reason,
            }
            for step in self.steps
        ]

    def _repr_html_(self) -> str:
        return plan_html(
            self.resource,
            self.steps,
            scan_type=self.scan_type,
            listed=self.listed,
            server=self.server,
            summary=self.summary,
        )


def names_taken(plan: Plan) -> AlreadyExistsError:
    """Make the error for a plan whose names are in the resource already."""
    if plan.treatment.exist_ok == "same":
        way_out = "Their bytes differ from yours. With exist_ok=True they would be replaced."
    else:
        way_out = "With exist_ok='same', files of the same bytes are skipped; with exist_ok=True, others are replaced."
    return AlreadyExistsError(
        f"{first_of(plan.refused)} {'is' if len(plan.refused) == 1 else 'are'} in resource {plan.resource.label!r} of "
        f"{plan.resource.destination.scan_words} already; nothing was sent. {way_out}",
        names=plan.refused,
    )


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
