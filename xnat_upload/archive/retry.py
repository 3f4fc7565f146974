"""When something is tried again, and after which pause.

Only `ServerUnavailableError` is. The loop is the same for a question that can simply be repeated and for a request with
files, whose sender looks at the archive before each further attempt.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Generator

import tenacity

from xnat_upload.errors import ServerUnavailableError, XnatUploadError
from xnat_upload.settings import TransferSettings

logger = logging.getLogger(__name__)


def attempts(
    settings: TransferSettings, *, doing: str, stop: threading.Event | None = None, first_contact: bool = False
) -> tenacity.Retrying:
    """Give the attempts for one request, to be used as ``for attempt in attempts(…): with attempt: …``.

    Parameters
    ----------
    settings : TransferSettings
        For how long, with which pauses, how many.
    doing : str
        What is being done, for the log; no names that could identify a patient.
    stop : threading.Event, optional
        Once set, no pause is waited out, and an attempt that fails is the last. Who was in a pause comes out of it to
        one more attempt, and must look at the event itself before it sends anything.
    first_contact : bool
        Nothing has ever answered at this address: a connection that cannot be made is tried again for the longest pause
        only, and an unknown host not at all, because the address may be wrong.

    Raises
    ------
    ServerUnavailableError
        The last one, when no attempt is left.
    """
    back_off = tenacity.wait_random_exponential(multiplier=settings.pause_seconds, max=settings.longest_pause_seconds)

    def pause_seconds(state: tenacity.RetryCallState) -> float:
        error = _error_of(state)
        asked = error.retry_after_seconds if error and error.retry_after_seconds is not None else 0.0
        return max(back_off(state), min(asked, settings.longest_pause_seconds))

    def nobody_is_there(state: tenacity.RetryCallState) -> bool:
        error = _error_of(state)
        if not first_contact or error is None or error.may_have_arrived:
            return False
        if error.host_unknown:
            return True
        return (state.seconds_since_start or 0.0) + state.upcoming_sleep > settings.longest_pause_seconds

    def say(state: tenacity.RetryCallState) -> None:
        error = _error_of(state)
        logger.info(
            "While %s: %s. Attempt %d follows in %.1f s; %.0f s have passed, and patience ends after %.0f s.",
            doing,
            _reason(error),
            state.attempt_number + 1,
            state.upcoming_sleep,
            state.seconds_since_start or 0.0,
            settings.total_seconds,
        )

    stopped = stop if stop is not None else threading.Event()
    ends = tenacity.stop_any(
        tenacity.stop_after_attempt(settings.attempts),
        tenacity.stop_before_delay(settings.total_seconds),
        tenacity.stop_when_event_set(stopped),
    )
    return _Attempts(
        retry=tenacity.retry_if_exception_type(ServerUnavailableError),
        stop=lambda state: ends(state) or nobody_is_there(state),
        wait=pause_seconds,
        sleep=tenacity.sleep_using_event(stopped),
        before_sleep=say,
        reraise=True,
    )


class _Attempts(tenacity.Retrying):
    """Attempts of which the last error does not show the way that it took through the loop: forty lines of it."""

    def __iter__(self) -> Generator[tenacity.AttemptManager, None, None]:
        try:
            yield from super().__iter__()
        except XnatUploadError as error:
            raise error.with_traceback(None) from error.__cause__


def _reason(error: ServerUnavailableError | None) -> str:
    """Say in a few words, without an address that could identify a patient, why it is tried again."""
    if error is not None and error.status:
        return f"status {error.status}"
    if error is None or error.may_have_arrived:
        return "no answer"
    return "unknown host" if error.host_unknown else "no connection"


def _error_of(state: tenacity.RetryCallState) -> ServerUnavailableError | None:
    error = state.outcome.exception() if state.outcome else None
    return error if isinstance(error, ServerUnavailableError) else None
