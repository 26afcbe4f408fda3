"""A node whose processes have parents, containers, units, a GPU, and kernel threads."""

from __future__ import annotations

import msgspec

from engine.events import SnapshotTaken
from engine.node import Listener as Hearer
from engine.snapshot import Listener, Process
from tests.engine.factory import MIB, make_process
from tests.tui.recorded import RecordedNode, findings, snapshot

_LINES: tuple[tuple[int, int, str, str, float, int, str], ...] = (
    # pid, parent, user, command, cpu, MiB, unit
    (1, 0, "root", "/sbin/init", 0.0, 12, "init.scope"),
    (2, 0, "root", "kthreadd", 0.0, 0, ""),
    (3, 2, "root", "kworker/0:1", 0.0, 0, ""),
    (4, 2, "root", "kworker/1:0", 0.4, 0, ""),
    (5, 2, "root", "ksoftirqd/0", 0.0, 0, ""),
    (300, 1, "root", "/usr/lib/systemd/systemd-journald", 0.1, 30, "systemd-journald.service"),
    (400, 1, "root", "nginx: master process /usr/sbin/nginx", 0.0, 8, "nginx.service"),
    (401, 400, "www-data", "nginx: worker process", 3.0, 40, "nginx.service"),
    (402, 400, "www-data", "nginx: worker process", 5.0, 44, "nginx.service"),
    (403, 400, "www-data", "nginx: worker process", 0.5, 41, "nginx.service"),
    (500, 1, "root", "/usr/bin/containerd-shim-runc-v2 -namespace moby", 0.0, 10, "docker.service"),
    (510, 500, "ml", "/opt/venv/bin/python3 /srv/train/train.py --batch-size 64 --epochs 90", 310.0, 4200, ""),
    (511, 510, "ml", "/opt/venv/bin/python3 -c from multiprocessing.spawn import spawn_main", 20.0, 300, ""),
    (512, 510, "ml", "/opt/venv/bin/python3 -c from multiprocessing.spawn import spawn_main", 21.0, 310, ""),
    (600, 1, "root", "sshd: /usr/sbin/sshd -D [listener]", 0.0, 5, "ssh.service"),
    (601, 600, "deploy", "-bash", 0.0, 4, "session-3.scope"),
    (602, 601, "deploy", "vim /etc/nginx/nginx.conf", 0.0, 20, "session-3.scope"),
)


def family() -> tuple[Process, ...]:
    """Seventeen processes in four generations."""
    made = []
    for pid, parent, user, command, cpu, mib, unit in _LINES:
        kernel = pid == 2 or parent == 2
        boxed = 510 <= pid <= 512
        name = command if kernel else command.split()[0].rpartition("/")[2].strip(":-")
        made.append(
            make_process(
                pid,
                name[:15],
                ppid=parent,
                user=user,
                command=command,
                cpu_percent=cpu,
                rss_bytes=mib * MIB,
                unit=unit,
                kernel=kernel,
                container="3f2a91c04d7e" if boxed else "",
                gpu_percent=88.0 if pid == 510 else None,
                gpu_memory_bytes=9000 * MIB if pid == 510 else None,
                state="R" if cpu > 100 else "I" if kernel else "S",
                read_bytes_s=3.0 * MIB if pid == 510 else 0.0,
                write_bytes_s=0.0,
            )
        )
    return tuple(made)


class FamilyNode(RecordedNode):
    """Shows the family once, and nginx listening."""

    def __init__(self) -> None:
        super().__init__(samples=0)

    def start(self, listener: Hearer) -> None:
        """Say the one sample."""
        self.listener = listener
        self.show(family())
        self.analyze()

    def show(self, processes: tuple[Process, ...], sequence: int = 1) -> None:
        """Say a sample of these processes."""
        taken = msgspec.structs.replace(
            snapshot(sequence, shown=processes),
            listeners=(Listener("tcp", "0.0.0.0", 443, wildcard=True, pid=400, name="nginx"),),
        )
        self.say(SnapshotTaken(taken, findings()))
