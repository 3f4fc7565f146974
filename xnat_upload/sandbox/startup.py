"""What a sandbox is started with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from xnat_upload.sandbox.site import Profile, SiteSettings


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What every site of a sandbox is opened with; `data` is ``None`` for a temporary one."""

    data: Path | None
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    accounts: Mapping[str, str] = field(repr=False)
    context_path: str
    profile: Profile
    site: SiteSettings
    latency_ms: float
    bandwidth_mbps: float | None
