"""What a notebook shows of an error: one sentence and the report, in place of a hundred lines of traceback."""

from __future__ import annotations

import traceback

_BOLD, _PLAIN = "\x1b[1m", "\x1b[0m"  # and no colour: red cannot be read on the ground of a dark notebook's errors


class ShownInCell(BaseException):
    """An error of which IPython shows the message and the report, and the traceback when it is asked for again."""

    _was_shown = False

    def _render_traceback_(self) -> list[str]:
        """Say what IPython shows; the second time, which is ``%tb``, all of it."""
        if self._was_shown:
            return "".join(traceback.format_exception(self)).splitlines()
        self._was_shown = True
        report = getattr(self, "report", None)
        return [
            f"{_BOLD}{type(self).__name__}{_PLAIN}: {self}",
            *([] if report is None else ["", *str(report).splitlines()]),
            "",
            "(%tb shows where it was raised.)",
        ]
