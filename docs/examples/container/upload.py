"""Store what the segmentation left in /output in the session it was made from."""

import sys

from xnat_upload import Uploader, XnatUploadError


def main(hub_project_id: str, accession_id: str, scan_id: str, output: str = "/output") -> int:
    """Upload, print the report into the container's log, and tell the container service how it went."""
    try:
        with Uploader.connect() as uploader:  # XNAT sets XNAT_HOST, XNAT_USER and XNAT_PASS
            report = uploader.upload(
                "seg.nii.gz",
                root=output,
                hub_project_id=hub_project_id,
                accession_id=accession_id,
                scan_id=scan_id,
                resource_id="SEG",
                exist_ok=True,  # a command that is run again replaces its own result
            )
    except XnatUploadError as error:
        print(error, file=sys.stderr)
        return 1
    print(report)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
