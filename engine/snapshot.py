"""What one sample of the node is.

Every type is frozen, so that a snapshot may cross threads. Sizes are bytes, rates are per second over the interval
since the sample before, percentages are 0..100. The percentage of a process is of one core, as ``top`` shows it;
the percentage of the node is of all cores. ``None`` means that this node does not tell.
Text that came from the node (names, command lines, mounts) has been made inert by :func:`engine.text.inert`.
"""

from __future__ import annotations

from msgspec import Struct


class Host(Struct, frozen=True):
    """Who this node is; read once."""

    name: str
    system: str
    """Kernel name and release, as ``uname -sr`` prints them."""
    cores: int
    """Logical processors that are online."""
    memory_total_bytes: int


class Cpu(Struct, frozen=True):
    """Processor use over the interval, from ``/proc/stat``; shares are percent of all cores."""

    percent: float
    per_core: tuple[float, ...]
    """Percent of each online core, in order of its number."""
    user: float
    """User and nice time."""
    system: float
    """System, irq and softirq time."""
    iowait: float
    steal: float
    load: tuple[float, float, float]
    """Load averages over 1, 5 and 15 minutes."""
    runnable: int
    """Tasks that run or wait for a processor (``procs_running``)."""
    blocked: int
    """Tasks in uninterruptible sleep (``procs_blocked``)."""
    frequency_mhz: float | None = None
    temperature_c: float | None = None


class Memory(Struct, frozen=True):
    """Memory and swap, from ``/proc/meminfo`` and ``/proc/vmstat``."""

    total_bytes: int
    available_bytes: int
    used_bytes: int
    """``total - available``: what programs hold and the kernel cannot take back."""
    free_bytes: int
    buffers_bytes: int
    cached_bytes: int
    dirty_bytes: int
    swap_total_bytes: int
    swap_used_bytes: int
    swap_in_bytes_s: float
    swap_out_bytes_s: float

    @property
    def percent(self) -> float:
        """Used memory, percent of the total."""
        return 100.0 * self.used_bytes / self.total_bytes if self.total_bytes else 0.0

    @property
    def swap_percent(self) -> float:
        """Used swap, percent of all swap; 0 without swap."""
        return 100.0 * self.swap_used_bytes / self.swap_total_bytes if self.swap_total_bytes else 0.0


class Stall(Struct, frozen=True):
    """Pressure stall information of one resource (Linux ``Documentation/accounting/psi.rst``)."""

    some_avg10: float
    """Percent of the last 10 s in which at least one task stalled on the resource."""
    some_avg60: float
    full_avg10: float
    """Percent of the last 10 s in which all tasks stalled on it."""
    full_avg60: float
    some_percent: float
    """Percent of this interval, from the delta of ``total``."""


class Pressure(Struct, frozen=True):
    """PSI of the node; a resource is ``None`` where the kernel does not report it."""

    cpu: Stall | None = None
    memory: Stall | None = None
    io: Stall | None = None


class Disk(Struct, frozen=True):
    """One block device, from ``/proc/diskstats``; partitions are left out."""

    name: str
    read_bytes_s: float
    write_bytes_s: float
    read_ops_s: float
    write_ops_s: float
    busy_percent: float
    """Share of the interval in which the device had a request in flight."""


class Filesystem(Struct, frozen=True):
    """Space of one mounted file system, by ``statvfs``."""

    mount: str
    device: str
    kind: str
    total_bytes: int
    used_bytes: int
    available_bytes: int
    """What an unprivileged user may still write."""
    read_only: bool

    @property
    def percent(self) -> float:
        """Used space in percent of what users can have, as ``df`` counts it."""
        usable = self.used_bytes + self.available_bytes
        return 100.0 * self.used_bytes / usable if usable else 0.0


class Interface(Struct, frozen=True):
    """One network interface, from ``/proc/net/dev``."""

    name: str
    receive_bytes_s: float
    transmit_bytes_s: float
    receive_packets_s: float
    transmit_packets_s: float
    errors_s: float
    """Errors and drops of both directions."""


class GpuProcess(Struct, frozen=True):
    """What one process holds on a GPU."""

    pid: int
    memory_bytes: int | None


class Gpu(Struct, frozen=True):
    """One GPU; what its driver does not tell is ``None``."""

    index: int
    name: str
    vendor: str
    busy_percent: float | None = None
    memory_used_bytes: int | None = None
    memory_total_bytes: int | None = None
    temperature_c: float | None = None
    power_w: float | None = None
    power_limit_w: float | None = None
    processes: tuple[GpuProcess, ...] = ()


class Process(Struct, frozen=True):
    """One process, from ``/proc/PID/stat`` and, once per (pid, start), its user and command line."""

    pid: int
    ppid: int
    name: str
    """The kernel's ``comm``: at most 15 bytes."""
    user: str
    state: str
    """One letter, as ``ps`` shows it: R S D Z T t I X."""
    cpu_percent: float
    rss_bytes: int
    threads: int
    nice: int
    cpu_seconds: float
    """User and system time since its start."""
    started: float
    """Seconds after boot at which it started; with the pid it names the process beyond recycling."""
    command: str
    """The command line joined by spaces, or the name where it has none."""
    kernel: bool
    """A kernel thread."""
    read_bytes_s: float | None = None
    """Bytes per second read from storage; ``None`` when not permitted or not read in this sample."""
    write_bytes_s: float | None = None


class SelfUse(Struct, frozen=True):
    """What telltop itself costs the node."""

    pid: int
    cpu_percent: float
    """Of one core, all threads, the model included."""
    rss_bytes: int


class Snapshot(Struct, frozen=True, eq=False):
    """One sample of the node. Two snapshots are equal only if they are the same object: comparison must be cheap."""

    sequence: int
    time: float
    """Wall-clock seconds since the epoch: for people and files only."""
    monotonic: float
    """Seconds of the monotonic clock: for arithmetic."""
    interval_s: float
    """Seconds since the sample before."""
    uptime_s: float
    host: Host
    cpu: Cpu
    memory: Memory
    pressure: Pressure
    disks: tuple[Disk, ...]
    filesystems: tuple[Filesystem, ...]
    interfaces: tuple[Interface, ...]
    gpus: tuple[Gpu, ...]
    processes: tuple[Process, ...]
    self_use: SelfUse
    sample_s: float
    """Seconds that taking this sample took."""
    notes: tuple[str, ...] = ()
    """What could not be read and why, a sentence each."""
