"""What a PUT of an item asks for beside being saved: ``pullDataFromHeaders``, ``fixScanTypes`` and their like.

See XNAT 1.8.11: SubjAssessmentResource.handlePut, ScanResource.handlePut, SecureResource.postSaveManageStatus.
``triggerPipelines`` and ``activate`` ask for nothing here: there is no pipeline to run, and every item is active.
"""

from __future__ import annotations

from xnat_upload.sandbox.routes.answers import Refusal
from xnat_upload.sandbox.routes.request import Request
from xnat_upload.sandbox.store.dicom import PydicomMissingError, check_pydicom
from xnat_upload.sandbox.store.headers import NoHeadersError, fix_scan_types, pull_scan, pull_session
from xnat_upload.sandbox.store.records import Scan, Session

PULL, FIX = "pullDataFromHeaders", "fixScanTypes"
STATES = ("quarantine", "_lock", "_unlock", "_obsolete")


def check_actions(request: Request) -> None:
    """Refuse what cannot be done, before anything is saved."""
    for name in STATES:
        if request.query.is_true(name):
            raise Refusal(501, f"Items have no states in this sandbox, so {name} is not done and nothing was changed.")
    if _asks(request, PULL):
        try:
            check_pydicom()
        except PydicomMissingError as error:
            raise Refusal(501, str(error)) from error


def act_on_saved_session(request: Request, session: Session) -> None:
    """Do what was asked for: the session has been saved, and stays so if this fails."""
    if _asks(request, FIX):
        fix_scan_types(request.archive, session)
    if _asks(request, PULL):
        try:
            pull_session(request.archive, session, overwrite=request.query.is_true("overwrite"))
        except NoHeadersError as error:
            raise Refusal(500, str(error)) from error


def act_on_saved_scan(request: Request, scan: Scan) -> None:
    """Do what was asked for with a scan."""
    if _asks(request, PULL):
        try:
            pull_scan(request.archive, scan)
        except NoHeadersError as error:
            raise Refusal(500, str(error)) from error


def _asks(request: Request, name: str) -> bool:
    actions = [action for value in request.query.all("action") for action in value.split(",")]
    return request.query.is_true(name) or name in actions
