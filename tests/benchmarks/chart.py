"""The measurements as a chart that reads on light and on dark pages."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib

from tests.benchmarks.cases import MIB, Case
from tests.benchmarks.clients import OURS
from tests.benchmarks.runs import FLOOR, Line

# Mid greys and blues keep their contrast on white and on black.
_INK, _OURS, _FLOOR, _PEER = "#808890", "#2f81f7", "#5a9e6f", "#9aa4ae"
_LEGEND = "seconds (logarithmic); memory and disk are named from 10 MiB"


def draw(measured: Mapping[str, tuple[Case, Sequence[Line]]], path: Path, *, narrow: bool = False) -> None:
    """Draw one panel of bars for each case; seconds on a logarithmic axis, because the span is a thousandfold.

    For a telephone (`narrow`) the words stand above their bars and not beside them.
    """
    matplotlib.use("svg")
    from matplotlib import pyplot

    style: Any = {"text.color": _INK, "axes.labelcolor": _INK, "xtick.color": _INK, "ytick.color": _INK, "font.size": 9}
    with pyplot.rc_context({**style, "axes.edgecolor": _INK, "svg.fonttype": "path", "svg.hashsalt": "benchmark"}):
        width, height = (3.9, 2.7) if narrow else (7.5, 1.95)
        figure, panels = pyplot.subplots(
            len(measured), 1, figsize=(width, height * len(measured)), layout="constrained", squeeze=False
        )
        for (case, lines), axes in zip(measured.values(), panels[:, 0], strict=True):
            _bars(axes, case, lines, narrow=narrow)
        panels[-1, 0].set_xlabel(_LEGEND.replace("; ", ";\n") if narrow else _LEGEND)
        figure.savefig(path, transparent=True, metadata={"Date": None})
        pyplot.close(figure)


def _bars(axes: matplotlib.axes.Axes, case: Case, lines: Sequence[Line], *, narrow: bool) -> None:
    names = [line.client for line in lines]
    seconds = [line.wall_seconds for line in lines]
    colours = [{OURS: _OURS, FLOOR: _FLOOR}.get(name, _PEER) for name in names]
    bars = axes.barh(names, seconds, color=colours, height=0.3 if narrow else 0.7)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter("")
    if narrow:
        axes.set_xlim(min(seconds) / 2, max(seconds))
        axes.set_yticks([])
        for row, line in enumerate(lines):
            words = f"{line.client}: {_label(line)}"
            axes.text(
                0, row - 0.3, words, transform=axes.get_yaxis_transform(), color=_INK, fontsize=7, in_layout=False
            )
    else:
        axes.set_xlim(min(seconds) / 2, max(seconds) * 40)
        axes.bar_label(bars, [_label(line) for line in lines], padding=4, color=_INK, fontsize=8)
    axes.invert_yaxis()
    axes.spines[["top", "right"]].set_visible(False)
    axes.set_title(case.title, loc="left", fontsize=10, fontweight="bold", color=_INK, pad=10 if narrow else None)


def _label(line: Line) -> str:
    parts = [f"{line.wall_seconds:.2f} s", f"{line.request_count:,} request{'s' * (line.request_count > 1)}"]
    for what, size_bytes in (("memory", line.extra_memory_bytes), ("disk", line.disk_bytes)):
        if size_bytes >= 10 * MIB:
            parts.append(f"{size_bytes / MIB:,.0f} MiB {what}")
    return " · ".join(parts)
