"""The levels and times of every kind of finding, with where each comes from.

A level is compared with >=. A condition must hold for ``fire_s`` (in four of five samples) to become a finding, and
stay below ``clear`` for ``clear_s`` to be over: the gap between the levels, and the two times, keep it from flapping.
"""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

Grade = Literal["hold", "warning", "critical"]
"""``hold``: below the warning level but not yet clear; keeps a finding open, opens none."""

MIB = 1024 * 1024
GIB = 1024 * MIB


class Limits(Struct, frozen=True):
    """Three levels of one figure, rising, and two times in seconds."""

    clear: float
    warning: float
    critical: float
    fire_s: float = 6.0
    clear_s: float = 12.0

    def grade(self, value: float) -> Grade | None:
        """What ``value`` amounts to; ``None`` is well."""
        if value >= self.critical:
            return "critical"
        if value >= self.warning:
            return "warning"
        return "hold" if value >= self.clear else None


class Settings(Struct, frozen=True):
    """Thresholds of the detectors. Percentages are 0..100, sizes bytes, rates per second."""

    cpu_queue: Limits = Limits(1.2, 1.5, 4.0)
    """``cpu_saturated``: runnable tasks per core. A run queue longer than the cores is what saturation of a processor
    is (Gregg, "The USE Method": ``vmstat`` r > CPU count); half as many again leaves room for a ``make -j`` that just
    fills the node, which is busy and healthy."""
    cpu_busy_percent: float = 90.0
    """... and the node at least this busy; 80 to 90 % is where queueing delay takes off (Gregg, *Systems Performance*,
    2.3.4 and 6.3.4)."""
    cpu_stall_percent: float = 20.0
    """... and, where the kernel has PSI, some task waiting for a core this percent of the interval."""
    cpu_spin: Limits = Limits(60.0, 85.0, 100.0)
    """``cpu_spin``: percent of one core that a single process takes. 85 leaves room for a neighbour on that core.
    Critical where it takes ``spin_node_percent`` of the whole node and others wait for the processor."""
    spin_node_percent: float = 90.0
    stuck: Limits = Limits(2, 4, 20, fire_s=3.0)
    """``load_high``: processes that were in uninterruptible sleep in every sample of ``stuck_s``. Linux counts them
    into the load average though they use no processor (``kernel/sched/loadavg.c``; Gregg, "Linux Load Averages:
    Solving the Mystery", 2017). Four that do not move at all is more than storage in good health shows."""
    stuck_s: float = 3.5
    iowait: Limits = Limits(10.0, 20.0, 50.0)
    """``iowait_high``: percent of all cores idle with storage outstanding (``/proc/stat``). 20 % is the customary alert
    level (for instance the awesome-prometheus-alerts rule "Host CPU high iowait" and Red Hat's ``sar`` guides)."""
    steal: Limits = Limits(5.0, 10.0, 25.0)
    """``steal_high``: percent of all cores that the hypervisor gave to others; 10 % is the level of
    awesome-prometheus-alerts, "Host CPU steal noisy neighbor"."""
    memory_stall: Limits = Limits(5.0, 10.0, 40.0, fire_s=5.0)
    """``memory_pressure``: percent of the interval in which a task stalled on memory (PSI ``some``). Kernel
    documentation (accounting/psi.rst) has a monitor act at 15 % (150 ms in 1 s); systemd-oomd begins to kill at 60 %
    over 30 s, so 10 warns well before it and 40 is short of it."""
    memory_taken: Limits = Limits(88.0, 92.0, 97.0)
    """``memory_pressure`` where the kernel has no PSI: percent of memory that is not available."""
    oom: Limits = Limits(88.0, 90.0, 95.0, fire_s=3.0)
    """``oom_risk``: the lower of the taken percentages of memory and of swap (100 without swap). earlyoom sends SIGTERM
    when both free shares are under 10 %, SIGKILL under 5 %."""
    thrash: Limits = Limits(0.25 * MIB, 1.0 * MIB, 32.0 * MIB, fire_s=5.0)
    """``swap_thrash``: the slower of swap-in and swap-out, bytes/s. Pages that go out and come back at the same time
    are thrashing (Denning 1968); swapping out alone is housekeeping. 1 MiB/s is 256 pages a second."""
    leak_minutes: Limits = Limits(1.0, 1.0, 12.0, fire_s=2.0, clear_s=20.0)
    """``memory_leak``: times an hour that the growth would fill what memory is left: 1 is an hour, 12 five minutes."""
    leak_window_s: float = 40.0
    """Growth must be steady over this long ..."""
    leak_bytes: float = 64.0 * MIB
    """... and come to this much, or ``leak_share`` of memory where that is more."""
    leak_share: float = 0.005
    disk_busy: Limits = Limits(75.0, 90.0, 101.0)
    """``disk_saturated``: percent of the interval with a request in flight. ``iostat(1)`` warns that this alone is no
    saturation where a device works in parallel, so that tasks must stall too. Critical by ``disk_stall_critical``."""
    disk_stall_percent: float = 20.0
    """PSI ``some`` of I/O that must go with a busy device; not asked where the kernel has no PSI."""
    disk_stall_critical: float = 60.0
    """PSI ``full`` (avg10) of I/O from which a saturated disk is critical: nothing but waiting gets done."""
    disk_taken: Limits = Limits(88.0, 90.0, 95.0, fire_s=2.0, clear_s=10.0)
    """``disk_full``: percent as ``df`` counts it. 95 is where ext4's reserve for root (5 %) begins to matter, and
    node_exporter's mixin alerts at 5 % and 3 % left; 10 % left is the earlier warning."""
    disk_room_bytes: float = 32.0 * GIB
    """A file system with more room than this is not full, whatever the percentage."""
    zombies: Limits = Limits(4, 6, 200)
    """``zombies``: the sample configuration of Nagios warns above 5 (``check_procs -w 5 -c 10 -s Z``). They hold a pid
    and nothing else, so critical is where they begin to eat the pid space of a small container."""
    storm: Limits = Limits(60, 100, 2000, fire_s=3.0)
    """``fork_storm``: processes of one name that are younger than 12 s, for each 8 cores (and for fewer). ``make -j``
    is advised with as many jobs as cores, so that a hundred of one name is ten times a build; systemd's ``TasksMax``
    for a user (33 % of the limit) and the kernel's pid space (32768) are far above it still."""
    flood: Limits = Limits(60.0, 100.0, 2000.0, fire_s=5.0)
    """``short_job_flood``: processes of one name a second that begin and end between two samples. A fork and exec
    costs about 1 ms of a core (lmbench's lat_proc), so that 100 of them take a tenth of one for nothing; a configure
    script starts as many, but of many names."""
    descriptors: Limits = Limits(75.0, 80.0, 95.0, fire_s=4.0)
    """``fd_exhaustion``: percent of ``RLIMIT_NOFILE``. 80 % is the level of the Prometheus mixins for file descriptors
    (``process_open_fds / process_max_fds > 0.8``); beyond 100 ``open`` and ``accept`` fail with EMFILE."""
    threads: Limits = Limits(300, 500, 8000, fire_s=3.0)
    """``thread_explosion``: threads started by one process within a minute. Pools are of a few hundred at most
    (Tomcat's default is 200); the default pid space of 32768 is shared by all threads of the node."""
    connections: Limits = Limits(300, 500, 20000, fire_s=3.0)
    """``connection_flood``: TCP connections more than at the least of the last minute, where they are twice as many.
    A backlog holds 4096 at most by default (``net.core.somaxconn``), ephemeral ports are 28232."""
    gpu_taken: Limits = Limits(92.0, 95.0, 98.5)
    """``gpu_memory_full``: percent of a GPU's memory. vLLM takes 90 % by design, JAX 75 %: above 95 is unintended."""
    gpu_busy: Limits = Limits(90.0, 97.0, 101.0, fire_s=30.0)
    """``gpu_saturated``: percent of the time in which a GPU had work, with two processes or more on it. What
    ``nvidia-smi`` calls utilisation is that a kernel ran at all, so that only near 100 says that others wait."""
    gpu_working_percent: float = 50.0
    """``gpu_throttled`` is only said of a GPU at work."""
    gpu_errors: Limits = Limits(1, 1, 10, fire_s=3.0)
    """``gpu_ecc``: uncorrected errors since the driver was loaded; NVIDIA's guide to GPU debugging has a node drained
    at the first."""
    gpu_held: Limits = Limits(20.0, 25.0, 101.0, fire_s=600.0)
    """``gpu_idle_but_held``: percent of memory held for ten minutes in which nothing ran."""
    inodes: Limits = Limits(88.0, 90.0, 97.0, fire_s=3.0)
    """``inodes_full``: percent in use; node_exporter's mixin alerts at 5 % and 3 % left."""
    silence: Limits = Limits(4.0, 5.0, 60.0, fire_s=3.0)
    """``mount_hung``: seconds without an answer to ``statvfs``. An NFS client retries for the first time after 60 s
    over TCP (nfs(5), ``timeo``); a local file system answers within milliseconds."""
    throttled: Limits = Limits(15.0, 25.0, 75.0)
    """``cgroup_throttled``: percent of periods; 25 % is kubernetes-mixin's CPUThrottlingHigh."""
    heat: Limits = Limits(93.0, 96.0, 100.0)
    """``thermal_throttled``: percent of the temperature that the chip calls critical (``tempN_crit``)."""
    packet_errors: Limits = Limits(0.5, 1.0, 10.0)
    """``network_errors``: percent of packets; 1 % is node_exporter's mixin, NodeNetworkReceiveErrs."""
    event: Limits = Limits(1, 1, 1, fire_s=2.5)
    """Of what is so or is not so: ``oom_kill``, ``unit_failed``, ``port_exposed``, ``filesystem_read_only``."""
    lasting: Limits = Limits(1, 1, 1, fire_s=8.0)
    """... and must last: ``gpu_throttled``."""
    score: Limits = Limits(4.0, 6.0, 1e9, fire_s=10.0, clear_s=20.0)
    """``unusual``: robust z-score. Iglewicz and Hoaglin (1993) call more than 3.5 an outlier; load comes in bursts and
    is no normal distribution, so that it takes more. Never critical: unusual is not yet wrong."""
    most_per_hour: int = 10
    """Findings that may open within an hour; from then on they are folded into one (``restless``), but for those of a
    kind that is new in this hour and critical."""
    most_per_kind: int = 3
    """Findings of one kind that may be open at a time: more say nothing new."""
    refresh_s: float = 3.0
    """An open finding's figures are renewed at most this often, and only when they have moved noticeably."""
