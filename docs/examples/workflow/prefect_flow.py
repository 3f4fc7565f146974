"""Store the results of one accession: python prefect_flow.py /data/out FAK09131796."""

import sys

from prefect import flow, task
from prefect.blocks.system import Secret
from prefect.cache_policies import NO_CACHE

from xnat_upload import ChangedFileError, IncompleteUploadError, ServerError, ServerUnavailableError, Uploader

MAY_PASS = (ServerUnavailableError, ServerError, IncompleteUploadError, ChangedFileError)


def may_pass(task, task_run, state) -> bool:
    """Say whether another attempt may help."""
    return isinstance(state.result(raise_on_failure=False), MAY_PASS)


@task(retries=3, retry_delay_seconds=600, retry_condition_fn=may_pass, cache_policy=NO_CACHE)
def upload(root: str, accession_id: str) -> str:
    """Store what lies below a directory."""
    with Uploader.connect(  # XNAT_HOST says where
        user="svc",
        password=Secret.load("xnat-password").get(),
    ) as uploader:
        report = uploader.upload(
            ["seg.nii.gz", "masks"],
            root=root,
            hub_project_id="3fa85f64-5717-4562-b3fc-2c963f66afa6",
            accession_id=accession_id,
            scan_id="12345",
            resource_id="SEG",
            exist_ok="same",  # the next attempt skips what this one has stored
            progress=False,
        )
    return report.summary


@flow
def store_results(root: str, accession_id: str) -> str:
    """One task; in a pipeline, it comes after those that make the files."""
    return upload(root, accession_id)


if __name__ == "__main__":
    print(store_results(*sys.argv[1:]))
