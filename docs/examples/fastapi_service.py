"""A service that stores a net's results in the hospital's XNAT: ``uvicorn fastapi_service:app``."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from pydantic import BaseModel

from xnat_upload import (
    AlreadyExistsError,
    IncompleteUploadError,
    InvalidIdentifierError,
    MissingFileError,
    NotFoundError,
    PermissionDeniedError,
    ServerUnavailableError,
    UnsafePathError,
    Uploader,
    XnatUploadError,
)

logger = logging.getLogger(__name__)

# What the caller did wrong, what XNAT said, and the rest; the first that fits counts.
STATUS_OF = (
    ((InvalidIdentifierError, UnsafePathError), 422),
    ((NotFoundError, MissingFileError), 404),
    ((AlreadyExistsError,), 409),
    ((PermissionDeniedError,), 403),
    ((ServerUnavailableError,), 503),
    ((XnatUploadError,), 502),
)


class UploadOrder(BaseModel):
    """What is to be stored, and where."""

    central_hub_project_id: str
    accession_id: str
    scan_id: str
    resource_id: str
    files: list[str]
    exist_ok: bool = False


@asynccontextmanager
async def logged_in(app: FastAPI) -> AsyncIterator[None]:
    """One login for the life of the service; XNAT_HOST, XNAT_USER and XNAT_PASS say where and who."""
    uploader = await asyncio.to_thread(Uploader.connect, images_dir=os.environ["IMAGES_DIR"])
    app.state.uploader = uploader
    yield
    await asyncio.to_thread(uploader.close)


app = FastAPI(lifespan=logged_in)


@app.put("/upload/images/{net_id}")
async def upload_images(net_id: str, order: UploadOrder, request: Request) -> list[str]:
    """Store files of ``<IMAGES_DIR>/<net_id>/upload`` and answer with their addresses."""
    report = await request.app.state.uploader.upload_async(
        order.files,
        net_id=net_id,
        hub_project_id=order.central_hub_project_id,
        accession_id=order.accession_id,
        scan_id=order.scan_id,
        resource_id=order.resource_id,
        exist_ok=order.exist_ok,
        progress=False,
    )
    return report.urls


@app.exception_handler(XnatUploadError)
async def refuse(request: Request, error: XnatUploadError) -> JSONResponse:
    """Turn an error of an upload into an answer that says what is stored and what is not."""
    logger.warning("The upload failed: %s", type(error).__name__)
    status = next(status for kinds, status in STATUS_OF if isinstance(error, kinds))
    content: dict[str, object] = {"detail": str(error)}
    if isinstance(error, AlreadyExistsError):
        content["names"] = error.names
    if isinstance(error, IncompleteUploadError):
        content["files"] = {file.name: file.status for file in error.report.files}
    return JSONResponse(content, status_code=status)
