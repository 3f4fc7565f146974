"""Store the results of one accession: airflow dags test store_results --conf '{"accession_id": "FAK09131796"}'."""

import datetime

from airflow.sdk import Connection, dag, task
from airflow.sdk.exceptions import AirflowFailException

from xnat_upload import (
    ChangedFileError,
    IncompleteUploadError,
    ServerError,
    ServerUnavailableError,
    Uploader,
    XnatUploadError,
)

MAY_PASS = (ServerUnavailableError, ServerError, IncompleteUploadError, ChangedFileError)


@dag(
    schedule=None,
    params={
        "root": "/data/out",
        "hub_project_id": "3fa85f64-5717-4562-b3fc-2c963f66afa6",
        "accession_id": "FAK09131796",
    },
)
def store_results():
    """One task; in a pipeline, it comes after those that make the files."""

    @task(retries=3, retry_delay=datetime.timedelta(minutes=10))
    def upload(params):
        xnat = Connection.get("xnat")  # host, login and password, kept by Airflow
        try:
            with Uploader.connect(xnat.host, user=xnat.login, password=xnat.password) as uploader:
                report = uploader.upload(
                    ["seg.nii.gz", "masks"],
                    root=params["root"],
                    hub_project_id=params["hub_project_id"],
                    accession_id=params["accession_id"],
                    scan_id="12345",
                    resource_id="SEG",
                    exist_ok="same",  # the next attempt skips what this one has stored
                    progress=False,
                )
        except MAY_PASS:
            raise  # Airflow tries again
        except XnatUploadError as error:
            raise AirflowFailException(str(error)) from error  # and does not try again
        return report.summary

    upload()


store_results()
