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
    os: str = ""
    """The distribution, from ``PRETTY_NAME`` of os-release(5); empty where there is none."""
    virtualization: str = ""
    """What runs this machine (``kvm``, ``vmware``, ``xen``, ``vm`` where it is not said which); empty on metal."""
    container: str = ""
    """What this is a container of (``docker``, ``lxc``, ``kubernetes``, ...); empty where it is none."""


class Core(Struct, frozen=True):
    """One processor over the interval, from its line of ``/proc/stat``; percent of its own time."""

    number: int
    """As the kernel numbers it; those that are offline leave gaps."""
    percent: float
    user: float
    """Without nice time."""
    nice: float
    system: float
    """Without interrupts."""
    iowait: float
    irq: float
    """Hard and soft interrupts."""
    steal: float


class CpuQuota(Struct, frozen=True):
    """What the container that this node is may use, from ``cpu.max``/``cpu.stat`` (v1: ``cpu.cfs_*``)."""

    cores: float
    """Processor time per second of wall time."""
    throttled_percent: float
    """Scheduling periods of the interval in which it had to wait for the next, percent of those it ran in."""
    throttled_s: float
    """Seconds per second that its tasks were held back, summed over processors."""


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
    nice: float = 0.0
    """The part of ``user`` that ran at a lowered priority."""
    irq: float = 0.0
    """The part of ``system`` that hard and soft interrupts took."""
    cores: tuple[Core, ...] = ()
    """The split of each online core; ``per_core`` is their ``percent``."""
    context_switches_s: float | None = None
    """``ctxt`` of ``/proc/stat``, per second."""
    interrupts_s: float | None = None
    """``intr``: all interrupts, per second."""
    forks_s: float | None = None
    """``processes``: forks and new threads, per second."""
    quota: CpuQuota | None = None
    """``None`` where no cgroup limits the node."""


class OomKill(Struct, frozen=True):
    """A process that the kernel killed for want of memory, from the kernel log."""

    at_s: float
    """Seconds after boot, by the kernel log's clock."""
    pid: int
    name: str


class MemoryLimit(Struct, frozen=True):
    """The limit of the container that this node is, from ``memory.max``/``memory.current`` (v1: ``*_in_bytes``)."""

    limit_bytes: int
    used_bytes: int
    """Current use less inactive page cache, which the kernel takes back first."""
    cache_bytes: int
    """Inactive page cache (``inactive_file`` of ``memory.stat``)."""

    @property
    def percent(self) -> float:
        """Used memory, percent of the limit."""
        return 100.0 * self.used_bytes / self.limit_bytes if self.limit_bytes else 0.0


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
    shared_bytes: int = 0
    """``Shmem``: tmpfs and shared memory."""
    slab_bytes: int = 0
    """``Slab``: the kernel's own objects."""
    slab_reclaimable_bytes: int = 0
    """The part of them that the kernel can take back."""
    huge_total_bytes: int = 0
    """The pool of huge pages; it counts as used, whoever holds it."""
    huge_free_bytes: int = 0
    zram_stored_bytes: int = 0
    """What was swapped to zram devices, before compression (``mm_stat``)."""
    zram_used_bytes: int = 0
    """Memory that the zram devices take for it."""
    arc_bytes: int = 0
    """The cache of ZFS; what it would give back is counted within ``available_bytes``."""
    limit: MemoryLimit | None = None
    """``None`` where no cgroup limits the node."""
    oom_kills: int | None = None
    """Processes killed for want of memory since boot (``oom_kill`` of ``/proc/vmstat``, since Linux 4.13)."""
    oom_kills_now: int = 0
    """Those of this interval."""
    oom_killed: tuple[OomKill, ...] = ()
    """The last of them that the kernel log names, oldest first; at most 8."""

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
    full_percent: float = 0.0
    """The same of the time in which all tasks stalled."""


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
    read_await_ms: float | None = None
    """Mean time from queueing to completion of the reads that ended in the interval; ``None`` if none did."""
    write_await_ms: float | None = None
    queue: float = 0.0
    """Requests in flight, mean over the interval (``aqu-sz`` of iostat)."""
    in_flight: int = 0
    """Requests in flight at the moment."""


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
    inodes_total: int | None = None
    """``None`` where the file system makes them as needed."""
    inodes_free: int | None = None
    silent_s: float | None = None
    """Seconds for which it has not answered; sizes are then from before, 0 if it never did."""

    @property
    def percent(self) -> float:
        """Used space in percent of what users can have, as ``df`` counts it."""
        usable = self.used_bytes + self.available_bytes
        return 100.0 * self.used_bytes / usable if usable else 0.0

    @property
    def inode_percent(self) -> float | None:
        """Used inodes, percent of all; ``None`` where they are not limited."""
        if not self.inodes_total or self.inodes_free is None:
            return None
        return 100.0 * (self.inodes_total - self.inodes_free) / self.inodes_total


class Interface(Struct, frozen=True):
    """One network interface, from ``/proc/net/dev``."""

    name: str
    receive_bytes_s: float
    transmit_bytes_s: float
    receive_packets_s: float
    transmit_packets_s: float
    errors_s: float
    """Errors and drops of both directions."""
    receive_errors_s: float = 0.0
    transmit_errors_s: float = 0.0
    receive_drops_s: float = 0.0
    transmit_drops_s: float = 0.0


class Tcp(Struct, frozen=True):
    """TCP of this network namespace, from ``/proc/net/snmp``, ``netstat`` and ``sockstat``."""

    established: int
    """``CurrEstab``: connections established or waiting to be closed."""
    time_wait: int
    orphans: int
    """Connections that no process holds any more."""
    sockets: int
    """Sockets of every kind in use."""
    memory_bytes: int
    """What the buffers of all TCP sockets take."""
    retransmits_s: float
    retransmit_percent: float
    """Segments sent again, percent of those sent in the interval."""
    opened_s: float
    """Connections opened from here, per second (``ActiveOpens``)."""
    accepted_s: float
    """Connections accepted here, per second (``PassiveOpens``)."""
    resets_s: float
    """Resets sent, per second (``OutRsts``)."""
    failed_s: float
    """Connection attempts that failed, per second (``AttemptFails``)."""
    listen_drops_s: float | None = None
    """Connections dropped because a listener's queue was full or for another reason (``ListenDrops``)."""
    udp_errors_s: float = 0.0
    """UDP datagrams received that could not be delivered, per second (``InErrors`` of UDP)."""
    states: tuple[tuple[str, int], ...] = ()
    """Connections by state as ``ss`` names it, the most first, from ``/proc/net/tcp``; renewed every 30 s."""
    states_partial: bool = False
    """There are so many that only a part was counted."""


class Listener(Struct, frozen=True):
    """A socket that takes connections or datagrams, from ``/proc/net/tcp``, ``tcp6``, ``udp`` and ``udp6``."""

    protocol: str
    """``tcp`` or ``udp``; IPv6 too."""
    address: str
    port: int
    wildcard: bool
    """Bound to every address of the node (``0.0.0.0`` or ``::``)."""
    pid: int | None = None
    """Who holds it; ``None`` where that may not be seen."""
    name: str = ""


class GpuProcess(Struct, frozen=True):
    """What one process holds on a GPU."""

    pid: int
    memory_bytes: int | None
    busy_percent: float | None = None
    """Its share of the GPU's busiest engine."""


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
    memory_busy_percent: float | None = None
    """Share of the time in which its memory was read or written (bandwidth use, as ``nvidia-smi`` tells it)."""
    clock_mhz: float | None = None
    clock_max_mhz: float | None = None
    memory_clock_mhz: float | None = None
    throttled: tuple[str, ...] = ()
    """Why it runs slower than it could, a few words each; being idle is no reason."""
    ecc_corrected: int | None = None
    """Memory errors since the driver was loaded that were corrected; ``None`` without ECC."""
    ecc_uncorrected: int | None = None
    fan_percent: float | None = None
    asleep: bool = False
    """Suspended by its driver; reading its figures would wake it."""


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
    gpu_percent: float | None = None
    """Its share of GPUs, summed; ``None`` where no GPU tells of it."""
    gpu_memory_bytes: int | None = None
    container: str = ""
    """Id of its container, 12 characters as ``docker ps`` shows it or its name; empty outside of one."""
    runtime: str = ""
    """``docker``, ``containerd``, ``cri-o``, ``podman``, ``lxc``, ``nspawn``, ...; empty outside of a container."""
    pod: str = ""
    """UID of its Kubernetes pod."""
    unit: str = ""
    """Its systemd unit: a service or scope."""


class ShortLived(Struct, frozen=True):
    """Processes of one name that began and ended between two samples."""

    name: str
    count: int
    parent: int | None = None
    """Pid of the parent of the last of them."""


class OpenFiles(Struct, frozen=True):
    """How many files one process has open, of how many that it may, from ``/proc/PID/fd`` and ``limits``."""

    pid: int
    count: int
    limit: int | None = None
    """The soft limit; ``None`` where there is none, or it may not be seen."""

    @property
    def percent(self) -> float:
        """Open files, percent of the limit; 0 without one."""
        return 100.0 * self.count / self.limit if self.limit else 0.0


class Turnover(Struct, frozen=True):
    """How many tasks began and ended."""

    births_s: float
    """Per second."""
    deaths_s: float
    source: str
    """``events``: processes, by the kernel's proc connector; ``counters``: processes and threads, by differences."""
    short_lived: tuple[ShortLived, ...] = ()
    """The most frequent first, at most 10. By counters only those that were seen in one sample."""
    lost: int = 0
    """Events of this interval that came faster than they could be taken; the births are then too few."""


class Sensor(Struct, frozen=True):
    """A temperature or a fan, from ``/sys/class/hwmon`` (Linux ``Documentation/hwmon/sysfs-interface.rst``)."""

    chip: str
    label: str
    kind: str
    """``temperature`` in degrees Celsius, ``fan`` in revolutions per minute."""
    value: float
    limit: float | None = None
    """The temperature that the chip calls critical."""


class Battery(Struct, frozen=True):
    """All batteries together, from ``/sys/class/power_supply``."""

    percent: float
    state: str
    """``charging``, ``discharging``, ``full`` or ``idle``."""
    power_w: float | None = None
    left_s: float | None = None
    """Seconds until it is empty, or full while it charges."""


class Login(Struct, frozen=True):
    """Somebody who is logged in, from systemd-logind's sessions or utmp(5)."""

    user: str
    terminal: str
    host: str
    """Where from; empty for the node itself."""
    since: float | None = None
    """Seconds since the epoch."""


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
    tcp: Tcp | None = None
    listeners: tuple[Listener, ...] = ()
    """Renewed every 30 s; TCP first, by port."""
    turnover: Turnover | None = None
    """``None`` of the first sample, and where the system does not tell."""
    sensors: tuple[Sensor, ...] = ()
    battery: Battery | None = None
    logins: tuple[Login, ...] = ()
    open_files: tuple[OpenFiles, ...] = ()
    """Processes with many open files: those nearest to their limits and those with the most; renewed every 2 s."""
    failed_units: tuple[str, ...] | None = None
    """Systemd's units that failed, renewed every 60 s; ``None`` where systemd does not run the node."""
