"""The section ``server.limits``: what one request, one client and all of them together may take."""

from pydantic import Field

from .section import Settings
from .units import Bytes, Seconds


class LimitSettings(Settings):
    """What is accepted at the door. The chart limits are Helm's own (Helm 4, ``pkg/chart/loader/archive``)."""

    upload: Bytes = 20 * 1024**2
    """The compressed archive."""
    unpacked: Bytes = 100 * 1024**2
    """All files of a chart together."""
    file: Bytes = 5 * 1024**2
    """One file of a chart."""
    entries: int = Field(default=10_000, gt=0)
    """Files and folders of a chart together."""
    uploads: int = Field(default=128, gt=0)
    """Uploads that are taken in at the same time. Each may hold 1 MiB of memory and ``upload`` of the disk."""
    uploads_per_address: int = Field(default=32, gt=0)
    """Those of one client address: no client takes all places with uploads that never end."""
    upload_wait: Seconds = 15.0
    """How long an upload, or a request of a suspect, waits for its turn before it is sent away."""
    body_idle: Seconds = 20.0
    """How long a client may send nothing in the middle of a body."""
    body_time: Seconds = 300.0
    """How long a body may take as a whole: 20 MiB come in that time at 70 KiB/s."""
    request_time: Seconds = 60.0
    """How long the answer may take once the body is there, but for event streams."""
    answer_idle: Seconds = 60.0
    """How long a client may take nothing of an answer, an event stream for example, before it is cut off."""
    head: Bytes = 32 * 1024
    """Request line and headers; tokens of 8 KiB fit."""
    head_time: Seconds = 10.0
    """How long a client may take for request line and headers."""
    headers: int = Field(default=100, gt=0)
    """How many headers a request may have."""
    url: Bytes = 8 * 1024
    """Path and query."""
    connections: int = Field(default=16_384, gt=0)
    """Open at the same time, event streams among them; less where the process may not open as many files."""
    streams_per_address: int = Field(default=10_000, ge=0)
    """Event streams of one client address; 0: any number."""
    refusals_per_address: int = Field(default=60, gt=0)
    """Jobs a minute that one client address may present in vain, half of them for one repository."""
    refusals_per_repository: int = Field(default=120, gt=0)
    """Jobs a minute that may be presented in vain for one repository, before who has failed already has to wait."""
    suspect_after: int = Field(default=3, gt=0)
    """Refusals a minute after which a client address is a suspect; its requests wait for a turn."""
    suspects: int = Field(default=2, gt=0)
    """Requests of all suspects together that are handled at the same time: so few that nobody else notices."""
    suspects_waiting: int = Field(default=1000, gt=0)
    """Requests of one suspect that wait for a turn; more would not get theirs within ``upload_wait``."""
    running: int = Field(default=1000, gt=0, le=10_000)
    """Deployments that one process carries at once; a followed one costs some 100 KiB, and the rest waits its turn."""
