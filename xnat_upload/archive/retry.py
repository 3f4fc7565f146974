"""When something is tried again, and after which pause.

Only `ServerUnavailableError` is. The loop is the same for a question that can simply be repeated and for a request with
files, whose sender looks at the archive before each further attempt.
"""

from __future__ import annotations

import logging
import random
import threading

import tenacity

from xnat_upload.errors import ServerUnavailableError
from xnat_upload.settings import TransferSettings

logger = logging.getLogger(__name__)


def attempts(settings: TransferSettings, *, doing: str, stop: threading.Event | None = None) -> tenacity.Retrying:
    """Give the attempts for one request, to be used as ``for attempt in attempts(…): with attempt: …``.

    Parameters
    ----------
    settings : TransferSettings
        How many, for how long, with which pauses.
    doing : str
        What is being done, for the log; no names that could identify a patient.
    stop : threading.Event, optional
        Once set, no pause is waited out, and an attempt that fails is the last. Who was in a pause comes out of it to
        one more attempt, and must look at the event itself before it sends anything.

    Raises
    ------
    ServerUnavailableError
        The last one, when no attempt is left.
    """

    def pause_seconds(state: tenacity.RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        doublings = min(state.attempt_number - 1, 60)  # 2**1024 is more than a float can hold
        bound = min(settings.longest_pause_seconds, settings.pause_seconds * 2**doublings)
        pause = random.uniform(0, bound)  # noqa: S311  no secret hangs on it
        if isinstance(error, ServerUnavailableError) and error.retry_after_seconds is not None:
            pause = max(pause, min(error.retry_after_seconds, settings.longest_pause_seconds))
        return pause

    def say(state: tenacity.RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        status = getattr(error, "status", None)
        logger.warning(
            "While %s: %s. Attempt %d of %d follows in %.1f s.",
            doing,
            f"status {status}" if status else "no answer",
            state.attempt_number + 1,
            settings.attempts,
            state.upcoming_sleep,
        )

    stopped = stop if stop is not None else threading.Event()
    return tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(ServerUnavailableError),
        stop=tenacity.stop_any(
            tenacity.stop_after_attempt(settings.attempts),
            tenacity.stop_before_delay(settings.total_seconds),
            tenacity.stop_when_event_set(stopped),
        ),
        wait=pause_seconds,
        sleep=tenacity.sleep_using_event(stopped),
        before_sleep=say,
        reraise=True,
    )
