"""A node that was recorded: the same figures at every run, so that looks can be compared."""

from __future__ import annotations

from engine.events import (
    AnalysisDelta,
    AnalysisFinished,
    AnalysisStarted,
    AnswerDelta,
    AnswerFinished,
    AnswerStarted,
    Event,
    ModelChanged,
    SnapshotTaken,
)
from engine.finding import Culprit, Fact, Finding
from engine.inference.protocol import Form
from engine.node import Listener
from engine.report import Analysis, Answer, Grounding, Source, Timings
from engine.snapshot import (
    Cpu,
    Disk,
    Filesystem,
    Gpu,
    Host,
    Interface,
    Memory,
    Pressure,
    Process,
    SelfUse,
    Snapshot,
    Stall,
)

NOON = 1_790_000_000.0
GIB, MIB = 1 << 30, 1 << 20

_NAMES = (
    ("ml", "python3 train.py --batch-size 64 --epochs 90", 312.0, 4.1),
    ("postgres", "postgres: writer process", 9.1, 0.8),
    ("root", "dockerd -H fd://", 2.0, 0.1),
    ("www-data", "nginx: worker process", 1.4, 0.05),
    ("root", "sshd: deploy@pts/0", 0.3, 0.01),
    ("redis", "redis-server 127.0.0.1:6379", 0.9, 0.3),
    ("deploy", "-bash", 0.0, 0.01),
)


def processes(count: int = 60) -> tuple[Process, ...]:
    """Some known programs and many that sleep."""
    made = []
    for index in range(count):
        user, command, cpu, gib = _NAMES[index] if index < len(_NAMES) else ("root", f"kworker/{index}:1", 0.0, 0.0)
        made.append(
            Process(
                pid=412 + 37 * index,
                ppid=1,
                name=command.split()[0].rstrip(":")[:15],
                user=user,
                state="R" if cpu > 100 else "S" if gib else "I",
                cpu_percent=cpu,
                rss_bytes=int(gib * GIB),
                threads=1 + index % 5,
                nice=0,
                cpu_seconds=cpu * 60,
                started=100.0 + index,
                command=command,
                kernel=not gib,
                read_bytes_s=12.0 * MIB if cpu > 100 else None,
                write_bytes_s=0.0 if cpu > 100 else None,
            )
        )
    return tuple(made)


def snapshot(sequence: int = 1, *, shown: tuple[Process, ...] | None = None, gpu: bool = True) -> Snapshot:
    """A busy node; the sequence moves its processor use."""
    cpu = 30.0 + (sequence * 37) % 60
    return Snapshot(
        sequence=sequence,
        time=NOON + sequence,
        monotonic=1000.0 + sequence,
        interval_s=1.0,
        uptime_s=12 * 86400 + 4 * 3600,
        host=Host(name="web01", system="Linux 6.8.0", cores=8, memory_total_bytes=32 * GIB),
        cpu=Cpu(
            percent=cpu,
            per_core=(97.0, 88.0, 31.0, 4.0, 76.0, 90.0, 12.0, 55.0),
            user=cpu - 9,
            system=9.0,
            iowait=4.0,
            steal=0.0,
            load=(3.1, 2.8, 2.2),
            runnable=5,
            blocked=1,
            frequency_mhz=3400.0,
            temperature_c=61.0,
        ),
        memory=Memory(
            total_bytes=32 * GIB,
            available_bytes=int(4.2 * GIB),
            used_bytes=int(27.8 * GIB),
            free_bytes=1 * GIB,
            buffers_bytes=300 * MIB,
            cached_bytes=3 * GIB,
            dirty_bytes=12 * MIB,
            swap_total_bytes=8 * GIB,
            swap_used_bytes=int(1.2 * GIB),
            swap_in_bytes_s=0.0,
            swap_out_bytes_s=1.0 * MIB,
        ),
        pressure=Pressure(
            cpu=Stall(21.0, 14.0, 0.0, 0.0, 22.0),
            memory=Stall(4.0, 2.0, 1.0, 0.4, 4.0),
            io=Stall(0.3, 0.2, 0.1, 0.0, 0.2),
        ),
        disks=(
            Disk("nvme0n1", 12.0 * MIB, 3.0 * MIB, 120.0, 40.0, 18.0),
            Disk("sda", 0.0, 0.0, 0.0, 0.0, 0.0),
        ),
        filesystems=(
            Filesystem("/", "/dev/nvme0n1p2", "ext4", 400 * GIB, 300 * GIB, 80 * GIB, read_only=False),
            Filesystem("/srv/data", "/dev/sda1", "xfs", 4000 * GIB, 3800 * GIB, 200 * GIB, read_only=True),
        ),
        interfaces=(
            Interface("eth0", 1.2 * MIB, 0.3 * MIB, 900.0, 500.0, 0.0),
            Interface("lo", 10_000.0, 10_000.0, 10.0, 10.0, 0.0),
        ),
        gpus=(Gpu(0, "NVIDIA RTX 4090", "nvidia", 97.0, 22 * GIB, 24 * GIB, 78.0, 410.0, 450.0),) if gpu else (),
        processes=processes() if shown is None else shown,
        self_use=SelfUse(pid=9999, cpu_percent=0.9, rss_bytes=58 * MIB),
        sample_s=0.002,
    )


def findings() -> tuple[Finding, ...]:
    """One critical, one warning."""
    return (
        Finding(
            id="oom_risk-1",
            kind="oom_risk",
            severity="critical",
            since=NOON - 480,
            sentence="memory is full in about 19 min: python3 (412) holds 4.1 GiB",
            culprits=(Culprit(412, "python3", 100.0, 0.8),),
            facts=(Fact("f1", "available memory", 4.2 * GIB, "B"),),
            advice="stop python3 (412) or add memory",
        ),
        Finding(
            id="cpu_spin-1",
            kind="cpu_spin",
            severity="warning",
            since=NOON - 60,
            sentence="python3 (412) has used 312 % of a core for 1 min",
            culprits=(Culprit(412, "python3", 100.0, 0.9),),
        ),
    )


TEXT = (
    "The node is **running out of memory**: python3 (412) holds 4.1 GiB, and 4.2 GiB is available.\n\n"
    "- Stop python3 (412) or give it a smaller batch.\n- Watch swap: 1.2 GiB is in use.\n"
)


class RecordedNode:
    """A node that says what was recorded and writes fixed words at once."""

    def __init__(self, samples: int = 3, *, with_findings: bool = True, model: str = "") -> None:
        self.samples = samples
        self.findings = findings() if with_findings else ()
        self.model = model
        self.listener: Listener | None = None
        self.asked: list[str] = []
        self.cancelled: list[str] = []
        self.analyses = 0
        self.forgotten = 0
        self.closed = False

    def start(self, listener: Listener) -> None:
        self.listener = listener
        for sequence in range(1, self.samples + 1):
            self.say(SnapshotTaken(snapshot(sequence), self.findings))
        if self.model:
            self.say(ModelChanged(state="ready", name=self.model, progress=1.0))
        self.analyze()

    def say(self, event: Event) -> None:
        assert self.listener is not None
        self.listener(event)

    async def close(self) -> None:
        self.closed = True

    def analyze(self, form: Form = "full") -> str:
        self.analyses += 1
        identity = f"a{self.analyses}"
        self.say(AnalysisStarted(identity, NOON, "demand", self.source, self.model or "rules"))
        self.say(AnalysisDelta(identity, TEXT))
        self.say(
            AnalysisFinished(
                Analysis(
                    id=identity,
                    time=NOON,
                    trigger="demand",
                    text=TEXT,
                    source=self.source,
                    model=self.model or "rules",
                    degraded=False,
                    outcome="stop",
                    grounding=Grounding(grounded=9, claims=9),
                    timings=self.timings,
                    snapshot=self.samples,
                )
            )
        )
        return identity

    @property
    def source(self) -> Source:
        return "model" if self.model else "rules"

    @property
    def timings(self) -> Timings:
        return Timings(500, 320, 60, 0.2, 1500.0, 61.0) if self.model else Timings()

    def ask(self, question: str) -> str:
        self.asked.append(question)
        identity = f"q{len(self.asked)}"
        self.say(AnswerStarted(identity, NOON, question, self.source, self.model or "rules"))
        self.say(AnswerDelta(identity, "Load is 3.1 because python3 (412) uses three cores."))
        self.say(
            AnswerFinished(
                Answer(
                    id=identity,
                    time=NOON,
                    question=question,
                    text="Load is 3.1 because python3 (412) uses three cores.",
                    source=self.source,
                    model=self.model or "rules",
                    degraded=False,
                    outcome="stop",
                    grounding=Grounding(grounded=2, claims=2),
                    timings=self.timings,
                    snapshot=self.samples,
                )
            )
        )
        return identity

    def cancel(self, identity: str) -> bool:
        self.cancelled.append(identity)
        return True

    def forget(self) -> None:
        self.forgotten += 1
