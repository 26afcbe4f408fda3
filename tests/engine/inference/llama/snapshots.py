"""A snapshot of an idle node: the model reads the messages, not this, but a request must carry one."""

from engine.snapshot import Cpu, Host, Memory, Pressure, SelfUse, Snapshot

SNAPSHOT = Snapshot(
    sequence=1,
    time=0.0,
    monotonic=0.0,
    interval_s=1.0,
    uptime_s=1.0,
    host=Host(name="node", system="Linux", cores=1, memory_total_bytes=1 << 30),
    cpu=Cpu(
        percent=0.0,
        per_core=(0.0,),
        user=0.0,
        system=0.0,
        iowait=0.0,
        steal=0.0,
        load=(0.0, 0.0, 0.0),
        runnable=1,
        blocked=0,
    ),
    memory=Memory(
        total_bytes=1 << 30,
        available_bytes=1 << 29,
        used_bytes=1 << 29,
        free_bytes=1 << 29,
        buffers_bytes=0,
        cached_bytes=0,
        dirty_bytes=0,
        swap_total_bytes=0,
        swap_used_bytes=0,
        swap_in_bytes_s=0.0,
        swap_out_bytes_s=0.0,
    ),
    pressure=Pressure(),
    disks=(),
    filesystems=(),
    interfaces=(),
    gpus=(),
    processes=(),
    self_use=SelfUse(pid=1, cpu_percent=0.0, rss_bytes=1),
    sample_s=0.0,
)
