"""Store what the day has left in /data/out/<accession>: run by cron or a systemd timer, and stopped by SIGTERM."""

import datetime
import logging
import os
import signal
import sys
from pathlib import Path

from xnat_upload import (
    AuthenticationError,
    IncompleteUploadError,
    Plan,
    ServerError,
    ServerUnavailableError,
    Uploader,
    UploadInterrupted,
    XnatUploadError,
)


def plans_for(uploader: Uploader, out: Path) -> tuple[list[Plan], int]:
    """Plan one upload for each folder, which is named after an accession; count those that cannot be uploaded."""
    plans, faulty = [], 0
    for folder in sorted(path for path in out.iterdir() if path.is_dir()):
        try:
            plan = uploader.plan(
                ".",
                root=folder,
                hub_project_id=os.environ["HUB_PROJECT_ID"],
                accession_id=folder.name,
                scan_id="12345",
                resource_id="SEG",
                exist_ok=True,  # what an earlier night has stored is skipped
            )
            plans.append(plan)
        except (AuthenticationError, ServerError, ServerUnavailableError):
            raise  # so would every other folder be
        except XnatUploadError as error:
            faulty += 1
            logging.error("A folder is left out (%s); its name is logged at DEBUG", type(error).__name__)
            logging.debug("Left out: %s", error)
    return plans, faulty


def main(out: Path, log: Path) -> int:
    """Upload, keep the report, and say by the exit status whether all is stored."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s")
    # systemd, cron's host and Docker stop a program with SIGTERM. As Ctrl-C it ends in a verified report.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Uploader.connect() as uploader:
            plans, faulty = plans_for(uploader, out)
            report = uploader.run(*plans, progress=False)
        status = 1 if faulty else 0
    except (IncompleteUploadError, UploadInterrupted) as error:
        report, status = error.report, 1
    except (XnatUploadError, OSError, KeyboardInterrupt) as error:
        logging.error("Nothing was stored: %s", error or "stopped")
        return 2
    log.mkdir(parents=True, exist_ok=True)
    (log / f"upload-{datetime.datetime.now():%Y-%m-%d-%H%M%S}.csv").write_text(report.to_csv(), encoding="utf-8")
    logging.info("%s", report.summary)
    return status


if __name__ == "__main__":
    sys.exit(main(Path("/data/out"), Path("/data/log")))
