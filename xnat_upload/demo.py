"""A first upload, a conflict and a resumed one, with real images and a sandbox: ``python -m xnat_upload.demo``."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path

from xnat_upload import AlreadyExistsError, MissingDependencyError, Uploader

HUB_PROJECT_ID = "3fa85f64-5717-4562-b3fc-2c963f66afa6"
ACCESSION_ID = "FAK09131796"
NET_ID = "net-1"


def stage_images(upload_dir: Path) -> None:
    """Copy a CT, an MR and a NIfTI volume, which pydicom and nibabel bring along, to where a net leaves its results."""
    try:
        import nibabel
        import pydicom.data
    except ImportError:
        raise MissingDependencyError("The demo needs its images: pip install 'xnat-upload[demo]'.") from None
    upload_dir.mkdir(parents=True)
    for dicom in ("CT_small.dcm", "MR_small.dcm"):
        shutil.copy(str(pydicom.data.get_testdata_file(dicom, download=False)), upload_dir)
    # Not through nibabel.testing, which has the path but wants pytest.
    shutil.copy(Path(nibabel.__file__).parent / "tests" / "data" / "example4d.nii.gz", upload_dir)


def main() -> int:
    """Run the demo and return its exit status."""
    from xnat_upload.sandbox import Sandbox

    with Sandbox() as xnat, tempfile.TemporaryDirectory() as images_dir:
        print(f"A sandbox that answers like an XNAT is listening on {xnat.url}\n")
        xnat.add_project("LUNG", secondary_id=HUB_PROJECT_ID)
        xnat.add_session("LUNG", ACCESSION_ID, xsi_type="xnat:ctSessionData", scans={"4": "xnat:ctScanData"})
        stage_images(Path(images_dir, NET_ID, "upload"))

        with Uploader.connect(xnat.url, user=xnat.user, password=xnat.password, images_dir=images_dir) as uploader:
            print("Two DICOM files into scan 4, which exists:")
            print(
                uploader.upload(
                    ["CT_small.dcm", "MR_small.dcm"],
                    hub_project_id=HUB_PROJECT_ID,
                    accession_id=ACCESSION_ID,
                    net_id=NET_ID,
                    scan_id="4",
                    resource_id="DICOM",
                ),
                end="\n\n",
            )

            print("A NIfTI volume into scan 12345, which does not exist yet:")
            report = uploader.upload(
                ["example4d.nii.gz"],
                hub_project_id=HUB_PROJECT_ID,
                accession_id=ACCESSION_ID,
                net_id=NET_ID,
                scan_id="12345",
                resource_id="NIFTI",
            )
            print(report)
            print(report.urls[0], end="\n\n")

            print("The same again. Nothing is replaced unless that is asked for:")
            try:
                uploader.upload(
                    ["example4d.nii.gz"],
                    hub_project_id=HUB_PROJECT_ID,
                    accession_id=ACCESSION_ID,
                    net_id=NET_ID,
                    scan_id="12345",
                    resource_id="NIFTI",
                )
            except AlreadyExistsError as error:
                print(f"AlreadyExistsError: {error}\n")

            print("Once more with exist_ok=True, which skips what is stored and would replace what differs:")
            xnat.clear_requests()
            print(
                uploader.upload(
                    ["example4d.nii.gz"],
                    hub_project_id=HUB_PROJECT_ID,
                    accession_id=ACCESSION_ID,
                    net_id=NET_ID,
                    scan_id="12345",
                    resource_id="NIFTI",
                    exist_ok=True,
                )
            )
            sent = sum(request.body_size for request in xnat.requests)
            print(f"{sent} bytes were sent.")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ImportError:
        sys.exit("The demo needs its images and the sandbox: pip install 'xnat-upload[demo]'")
