"""NVIDIA GPUs, through NVML (``pynvml`` of the package nvidia-ml-py)."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from engine.snapshot import Gpu, GpuProcess
from engine.telemetry.roots import Roots
from engine.text import inert

T = TypeVar("T")

RETRY_S = 60.0
_THROTTLES = (
    (0x0000000000000040, "too hot (hardware)"),
    (0x0000000000000020, "too hot (driver)"),
    (0x0000000000000080, "power brake"),
    (0x0000000000000008, "hardware slowdown"),
    (0x0000000000000004, "power limit"),
    (0x0000000000000010, "held to the pace of others"),
)
"""Bits of ``nvmlDeviceGetCurrentClocksThrottleReasons``; idleness and clocks that somebody chose are none."""
_DEVICES = (Path("/dev/nvidiactl"), Path("/usr/lib/wsl/lib/libnvidia-ml.so.1"))  # in a container; in Windows' Linux


def present(roots: Roots) -> bool:
    """A driver looks loaded; without one the library is not even looked for."""
    places = (roots.proc / "driver" / "nvidia", *(_DEVICES if roots.live else ()))
    return any(place.exists() for place in places)


def load() -> Any:
    """NVML's Python module; imported only where a driver is."""
    import pynvml

    return pynvml


class NvidiaReader:
    """Reads every GPU that NVML lists; after a failure NVML is left alone for ``RETRY_S`` and then begun anew."""

    def __init__(self, load: Callable[[], Any] = load) -> None:
        self._load = load
        self._nvml: Any = None
        self._handles: list[Any] = []
        self._again = float("-inf")
        self._seen: dict[int, int] = {}
        """By GPU: the time of the newest sample of its processes, in the driver's microseconds."""
        self.notes: tuple[str, ...] = ()

    def read(self, now: float) -> tuple[Gpu, ...]:
        """May block in the driver. A GPU that is lost closes NVML, as the driver asks."""
        if now < self._again:
            return ()
        nvml = self._nvml if self._nvml is not None else self._load()
        try:
            if self._nvml is None:
                nvml.nvmlInit()
                self._nvml = nvml
                self._handles = [nvml.nvmlDeviceGetHandleByIndex(i) for i in range(nvml.nvmlDeviceGetCount())]
            gpus = tuple(self._gpu(index, handle) for index, handle in enumerate(self._handles))
        except nvml.NVMLError as error:
            self._fail(nvml, now, error)
            return ()
        self.notes = ()
        return gpus

    def _fail(self, nvml: Any, now: float, error: Exception) -> None:
        self._again = now + RETRY_S
        self.notes = (f"The NVIDIA driver does not tell about its GPUs: {inert(str(error), 200)}.",)
        if self._nvml is not None:
            self._nvml = None
            try:
                nvml.nvmlShutdown()
            except nvml.NVMLError as shutdown:
                self.notes += (f"NVML could not be closed: {inert(str(shutdown), 200)}.",)

    def _told(self, ask: Callable[..., T], *arguments: object) -> T | None:
        """What one call answers, ``None`` where this GPU or driver has no such figure."""
        nvml = self._nvml
        try:
            return ask(*arguments)
        except (nvml.NVMLError_NotSupported, nvml.NVMLError_NoPermission, nvml.NVMLError_FunctionNotFound):
            return None
        except nvml.NVMLError_NoData:
            return None

    def _gpu(self, index: int, handle: Any) -> Gpu:
        nvml = self._nvml
        busy = self._told(nvml.nvmlDeviceGetUtilizationRates, handle)
        memory = self._told(nvml.nvmlDeviceGetMemoryInfo, handle)
        temperature = self._told(nvml.nvmlDeviceGetTemperature, handle, nvml.NVML_TEMPERATURE_GPU)
        power = self._told(nvml.nvmlDeviceGetPowerUsage, handle)
        limit = self._told(nvml.nvmlDeviceGetEnforcedPowerLimit, handle)
        name = self._told(nvml.nvmlDeviceGetName, handle) or "NVIDIA GPU"
        return Gpu(
            index=index,
            name=inert(name.decode("utf-8", "backslashreplace") if isinstance(name, bytes) else str(name), 96),
            vendor="nvidia",
            busy_percent=None if busy is None else float(busy.gpu),
            memory_used_bytes=None if memory is None else int(memory.used),
            memory_total_bytes=None if memory is None else int(memory.total),
            temperature_c=None if temperature is None else float(temperature),
            power_w=None if power is None else power / 1000,
            power_limit_w=None if limit is None else limit / 1000,
            processes=self._processes(index, handle),
            memory_busy_percent=None if busy is None else float(busy.memory),
            clock_mhz=_number(self._told(nvml.nvmlDeviceGetClockInfo, handle, nvml.NVML_CLOCK_SM)),
            clock_max_mhz=_number(self._told(nvml.nvmlDeviceGetMaxClockInfo, handle, nvml.NVML_CLOCK_SM)),
            memory_clock_mhz=_number(self._told(nvml.nvmlDeviceGetClockInfo, handle, nvml.NVML_CLOCK_MEM)),
            throttled=self._throttled(handle),
            ecc_corrected=self._errors(handle, nvml.NVML_MEMORY_ERROR_TYPE_CORRECTED),
            ecc_uncorrected=self._errors(handle, nvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED),
            fan_percent=_number(self._told(nvml.nvmlDeviceGetFanSpeed, handle)),
        )

    def _throttled(self, handle: Any) -> tuple[str, ...]:
        mask = self._told(self._nvml.nvmlDeviceGetCurrentClocksThrottleReasons, handle) or 0
        return tuple(words for bit, words in _THROTTLES if mask & bit)

    def _errors(self, handle: Any, kind: int) -> int | None:
        return self._told(self._nvml.nvmlDeviceGetTotalEccErrors, handle, kind, self._nvml.NVML_VOLATILE_ECC)

    def _busy(self, index: int, handle: Any) -> dict[int, float]:
        """Share of the SMs by pid, from the newest sample of each since the reading before."""
        nvml = self._nvml
        try:
            samples = nvml.nvmlDeviceGetProcessUtilization(handle, self._seen.get(index, 0))
        except (nvml.NVMLError_NotFound, nvml.NVMLError_NotSupported, nvml.NVMLError_NoPermission):
            return {}  # not found: nobody used it meanwhile
        except nvml.NVMLError_FunctionNotFound:
            return {}
        newest: dict[int, Any] = {}
        for sample in samples:
            if sample.pid not in newest or sample.timeStamp > newest[sample.pid].timeStamp:
                newest[sample.pid] = sample
        self._seen[index] = max((int(s.timeStamp) for s in newest.values()), default=self._seen.get(index, 0))
        return {pid: float(sample.smUtil) for pid, sample in newest.items() if sample.smUtil <= 100}

    def _processes(self, index: int, handle: Any) -> tuple[GpuProcess, ...]:
        """Those that compute and those that draw; one that does both is told of twice, with the same memory."""
        nvml = self._nvml
        held: dict[int, int | None] = {}
        for ask in (nvml.nvmlDeviceGetComputeRunningProcesses, nvml.nvmlDeviceGetGraphicsRunningProcesses):
            for process in self._told(ask, handle) or ():
                held[process.pid] = process.usedGpuMemory or held.get(process.pid)
        busy = self._busy(index, handle) if held else {}
        return tuple(GpuProcess(pid, memory, busy.get(pid)) for pid, memory in sorted(held.items()))


def _number(value: int | None) -> float | None:
    return None if value is None else float(value)
