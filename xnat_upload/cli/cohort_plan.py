"""What a cohort would do, found out by asking the archive and writing nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from xnat_upload.cli.exit_status import ExitStatus, status_of
from xnat_upload.cohort.manifest import Manifest, SessionRows
from xnat_upload.display.tables import readable_bytes
from xnat_upload.errors import XnatUploadError
from xnat_upload.planning.plan import Plan
from xnat_upload.planning.step import Action
from xnat_upload.planning.treatment import ExistOk
from xnat_upload.uploader import Uploader


@dataclass(frozen=True)
class CohortPlan:
    """The plan of each resource, and why there is none for others."""

    plans: tuple[Plan, ...]
    errors: tuple[XnatUploadError, ...]

    @property
    def summary(self) -> str:
        """One line with the numbers of files."""
        steps = [step for plan in self.plans for step in plan.steps]
        number = {action: sum(step.action is action for step in steps) for action in Action}
        return (
            f"{len(steps)} files for {len(self.plans)} resources: {number[Action.SEND]} to send, "
            f"{number[Action.REPLACE]} to replace others "
            f"({readable_bytes(sum(plan.bytes_to_send for plan in self.plans))} in all), {number[Action.SKIP]} stored "
            f"already, {number[Action.REFUSE]} refused; {len(self.errors)} places cannot be written."
        )

    @property
    def status(self) -> ExitStatus:
        """What the upload would end with, as far as that can be known."""
        if self.errors:
            return status_of(self.errors[0])
        return ExitStatus.CONFLICT if any(plan.refused for plan in self.plans) else ExitStatus.DONE

    def __str__(self) -> str:
        refused = [
            f"refused   {plan.resource.destination}: {', '.join(plan.refused)}" for plan in self.plans if plan.refused
        ]
        return "\n".join([*refused, *(f"obstacle  {error}" for error in self.errors), self.summary])

    def to_json(self) -> str:
        """Give one JSON document."""
        document = {
            "summary": self.summary,
            "resources": [json.loads(plan.to_json()) for plan in self.plans],
            "errors": [str(error) for error in self.errors],
        }
        return json.dumps(document, ensure_ascii=False, indent=2)


def plan_cohort(
    manifest: Manifest, uploader: Uploader, *, root: Path, exist_ok: ExistOk, reason: str | None
) -> CohortPlan:
    """Plan each resource; each session is read once."""
    plans: list[Plan] = []
    errors: list[XnatUploadError] = []
    for session in manifest.sessions():
        try:
            accession = _found(session, uploader)
        except XnatUploadError as error:
            errors.append(error)
            continue
        for each in session.resources:
            try:
                plans.append(
                    uploader.plan(
                        {name: Path(root, file) for name, file in each.files.items()},
                        to=accession,
                        scan_id=each.scan_id,
                        resource_id=each.resource_id,
                        scan_type=each.scan_type,
                        exist_ok=exist_ok,
                        reason=reason,
                        root=root,
                    )
                )
            except XnatUploadError as error:
                errors.append(error)
    return CohortPlan(tuple(plans), tuple(errors))


def _found(session: SessionRows, uploader: Uploader) -> object:
    return uploader.locate(session.accession_id, hub_project_id=session.hub_project_id, project_id=session.project_id)
