"""A component of a NVFLARE client that stores the client's results when a run ends."""

from pathlib import Path

from nvflare.apis.event_type import EventType
from nvflare.apis.fl_component import FLComponent
from nvflare.apis.fl_context import FLContext

from xnat_upload import Uploader, XnatUploadError


class ResultUploader(FLComponent):
    """Uploads ``<images_dir>/<net_id>/upload/<accession>`` for each accession, at the end of a run.

    The arguments come from the client's configuration, the login from the client's environment: the server of the
    federation never sees either of them.
    """

    def __init__(self, images_dir: str, net_id: str, hub_project_id: str, accessions: list[str], scan_id: str) -> None:
        super().__init__()
        self.images_dir = images_dir
        self.net_id = net_id
        self.hub_project_id = hub_project_id
        self.accessions = accessions
        self.scan_id = scan_id

    def handle_event(self, event_type: str, fl_ctx: FLContext) -> None:
        """Upload before the run's processes are stopped."""
        if event_type == EventType.ABOUT_TO_END_RUN:
            try:
                self.upload(fl_ctx)
            except XnatUploadError as error:
                # No login: that must not end the federation, and the next run sends what is missing.
                self.log_error(fl_ctx, f"Results were not stored: {error}")

    def upload(self, fl_ctx: FLContext) -> None:
        """Store the results of each accession; one that fails stops no other."""
        with Uploader.connect(images_dir=self.images_dir) as uploader:
            for accession_id in self.accessions:
                if not (Path(self.images_dir) / self.net_id / "upload" / accession_id).exists():
                    self.log_info(fl_ctx, f"{accession_id}: no result in this run")
                    continue
                try:
                    report = uploader.upload(
                        accession_id,  # a directory of that name, and all files below it
                        net_id=self.net_id,
                        hub_project_id=self.hub_project_id,
                        accession_id=accession_id,
                        scan_id=self.scan_id,
                        resource_id="SEG",
                        exist_ok=True,
                        progress=False,
                    )
                    self.log_info(fl_ctx, f"{accession_id}: {report.summary}")
                except XnatUploadError as error:
                    self.log_error(fl_ctx, f"{accession_id}: {error}")
