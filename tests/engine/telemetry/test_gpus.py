"""NVIDIA with figures recorded from NVML's calls (no driver is needed), AMD with a recorded tree."""

import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

from engine.snapshot import Gpu, GpuProcess
from engine.telemetry.apart import PATIENCE_S
from engine.telemetry.gpus import nvidia
from engine.telemetry.gpus.nvidia import RETRY_S, NvidiaReader
from engine.telemetry.gpus.reader import GpuReader
from engine.telemetry.roots import Roots
from tests.engine.telemetry.conftest import REPOSITORY, Tree

DEADLINE = 10.0
MIB = 2**20


class Nvml(SimpleNamespace):
    """NVML of a node with one data-centre and one old card; its errors are the module's own."""

    NVMLError = pynvml.NVMLError
    NVMLError_NotSupported = pynvml.NVMLError_NotSupported
    NVMLError_NoPermission = pynvml.NVMLError_NoPermission
    NVMLError_FunctionNotFound = pynvml.NVMLError_FunctionNotFound
    NVMLError_NoData = pynvml.NVMLError_NoData
    NVMLError_NotFound = pynvml.NVMLError_NotFound
    NVML_TEMPERATURE_GPU = pynvml.NVML_TEMPERATURE_GPU
    NVML_CLOCK_SM, NVML_CLOCK_MEM = pynvml.NVML_CLOCK_SM, pynvml.NVML_CLOCK_MEM
    NVML_VOLATILE_ECC = pynvml.NVML_VOLATILE_ECC
    NVML_MEMORY_ERROR_TYPE_CORRECTED = pynvml.NVML_MEMORY_ERROR_TYPE_CORRECTED
    NVML_MEMORY_ERROR_TYPE_UNCORRECTED = pynvml.NVML_MEMORY_ERROR_TYPE_UNCORRECTED

    def __init__(self) -> None:
        self.begun = self.ended = 0
        self.fails: int | None = None
        self.gate = threading.Event()
        self.gate.set()
        memory = SimpleNamespace(total=81559 * MIB, free=1559 * MIB, used=80000 * MIB)
        old_memory = SimpleNamespace(total=11441 * MIB, free=11441 * MIB, used=0)
        trains, hides = (
            SimpleNamespace(pid=4121, usedGpuMemory=79000 * MIB),
            SimpleNamespace(pid=77, usedGpuMemory=None),
        )
        draws = SimpleNamespace(pid=4121, usedGpuMemory=None)
        super().__init__(
            nvmlInit=self._begin,
            nvmlShutdown=self._end,
            nvmlDeviceGetCount=lambda: 2,
            nvmlDeviceGetHandleByIndex=lambda index: index,
            nvmlDeviceGetName=self._call("NVIDIA H100 80GB HBM3", b"Tesla \x1b[31mK40m"),
            nvmlDeviceGetUtilizationRates=self._call(SimpleNamespace(gpu=97, memory=41)),
            nvmlDeviceGetMemoryInfo=self._call(memory, old_memory),
            nvmlDeviceGetTemperature=self._call(61, 35),
            nvmlDeviceGetPowerUsage=self._call(612_345),
            nvmlDeviceGetEnforcedPowerLimit=self._call(700_000),
            nvmlDeviceGetClockInfo=lambda handle, kind: self._call(1980 if kind == pynvml.NVML_CLOCK_SM else 2619)(
                handle
            ),
            nvmlDeviceGetMaxClockInfo=self._call(1980),
            nvmlDeviceGetCurrentClocksThrottleReasons=self._call(
                pynvml.nvmlClocksThrottleReasonSwPowerCap | pynvml.nvmlClocksThrottleReasonGpuIdle, 0
            ),
            nvmlDeviceGetTotalEccErrors=lambda handle, kind, _: self._call(3 - 3 * kind)(handle),
            nvmlDeviceGetFanSpeed=self._call(None, 40),
            nvmlDeviceGetProcessUtilization=self._used,
            nvmlDeviceGetComputeRunningProcesses=self._call([trains, hides], []),
            nvmlDeviceGetGraphicsRunningProcesses=self._call([draws], []),
        )

    def _used(self, handle: int, since: int) -> list[SimpleNamespace]:
        """Samples that are newer than asked, as the driver gives them; without any it says that it found none."""
        samples = [SimpleNamespace(pid=4121, timeStamp=at, smUtil=share) for at, share in ((100, 50), (200, 93))]
        newer = [sample for sample in samples if sample.timeStamp > since]
        if handle == 1 or not newer:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return newer

    def _call(self, new: object, old: object = None) -> Callable[..., object]:
        """What the new and the old card answer; the old one has nothing to say to most questions."""

        def answer(handle: int, *_: object) -> object:
            assert self.gate.wait(DEADLINE)
            if self.fails is not None:
                raise pynvml.NVMLError(self.fails)
            if handle == 1 and old is None:
                raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_SUPPORTED)
            return old if handle == 1 else new

        return answer

    def _begin(self) -> None:
        self.begun += 1
        if self.fails is not None:
            raise pynvml.NVMLError(self.fails)

    def _end(self) -> None:
        self.ended += 1
        if self.fails is not None:
            raise pynvml.NVMLError(pynvml.NVML_ERROR_UNINITIALIZED)


@pytest.fixture
def nvml() -> Nvml:
    return Nvml()


@pytest.fixture
def driver(tree: Tree) -> Tree:
    tree.proc("driver/nvidia/version", "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15\n")
    return tree


def fresh(reader: GpuReader, now: float) -> tuple[Gpu, ...]:
    """Read until the answer to this very reading is in; the courtesy may be too short on a busy machine."""
    reader.read(now)
    for vendor in reader._vendors.values():
        assert vendor._idle.wait(DEADLINE)
    return tuple(gpu for vendor in reader._vendors.values() for gpu in vendor._value)


def test_all_that_nvml_tells(nvml: Nvml) -> None:
    reader = NvidiaReader(lambda: nvml)
    assert reader.read(0.0) == (
        Gpu(
            index=0,
            name="NVIDIA H100 80GB HBM3",
            vendor="nvidia",
            busy_percent=97.0,
            memory_used_bytes=80000 * MIB,
            memory_total_bytes=81559 * MIB,
            temperature_c=61.0,
            power_w=612.345,
            power_limit_w=700.0,
            processes=(GpuProcess(77, None), GpuProcess(4121, 79000 * MIB, 93.0)),
            memory_busy_percent=41.0,
            clock_mhz=1980.0,
            clock_max_mhz=1980.0,
            memory_clock_mhz=2619.0,
            throttled=("power limit",),
            ecc_corrected=3,
            ecc_uncorrected=0,
        ),
        Gpu(
            index=1,
            name="Tesla \\x1b[31mK40m",
            vendor="nvidia",
            memory_used_bytes=0,
            memory_total_bytes=11441 * MIB,
            temperature_c=35.0,
            fan_percent=40.0,
        ),
    )
    assert not reader.notes
    assert [process.busy_percent for process in reader.read(1.0)[0].processes] == [None, None]  # no newer sample
    assert nvml.begun == 1


def test_a_gpu_that_falls_off_the_bus_closes_nvml_which_is_tried_again_later(nvml: Nvml) -> None:
    reader = NvidiaReader(lambda: nvml)
    reader.read(0.0)
    nvml.fails = pynvml.NVML_ERROR_GPU_IS_LOST
    assert reader.read(1.0) == ()
    assert "does not tell about its GPUs" in reader.notes[0]
    assert nvml.ended == 1
    nvml.fails = None
    assert reader.read(2.0) == ()
    assert nvml.begun == 1
    assert len(reader.read(1.0 + RETRY_S)) == 2
    assert (nvml.begun, reader.notes) == (2, ())


def test_a_library_that_does_not_fit_the_driver_is_not_tried_each_tick(nvml: Nvml) -> None:
    nvml.fails = pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH
    reader = NvidiaReader(lambda: nvml)
    for now in range(5):
        assert reader.read(float(now)) == ()
    assert (nvml.begun, len(reader.notes)) == (1, 1)


def test_a_driver_that_hangs_costs_the_panel_a_note(driver: Tree, nvml: Nvml) -> None:
    reader = GpuReader(driver.roots, lambda: nvml)
    assert len(fresh(reader, 0.0)) == 2
    nvml.gate.clear()
    for now in (1.0, 2.0 + PATIENCE_S):
        assert len(reader.read(now)) == 2
    assert "has not answered" in reader.notes[0]
    nvml.gate.set()
    for vendor in reader._vendors.values():
        assert vendor._idle.wait(DEADLINE)
    fresh(reader, 20.0)
    reader.read(21.0)
    assert not reader.notes
    reader.close()


def test_a_driver_that_fails_midway_costs_the_panel_a_note(driver: Tree, nvml: Nvml) -> None:
    reader = GpuReader(driver.roots, lambda: nvml)
    assert len(fresh(reader, 0.0)) == 2
    nvml.fails = pynvml.NVML_ERROR_UNKNOWN
    assert fresh(reader, 1.0) == ()
    reader.read(2.0)
    assert "NVIDIA" in reader.notes[0]
    reader.close()


def test_the_real_library_without_a_driver_is_one_note(tree: Tree) -> None:
    if nvidia.present(Roots()):
        pytest.skip("there is an NVIDIA driver here")
    reader = NvidiaReader()
    assert reader.read(0.0) == ()
    assert len(reader.notes) == 1


def test_without_a_driver_there_is_nothing_to_note_and_nothing_to_load(tree: Tree) -> None:
    def load() -> Any:
        raise AssertionError("nothing is to be loaded")

    reader = GpuReader(tree.roots, load)
    assert reader.read(0.0) == ()
    assert not reader.notes
    assert not reader._vendors


def test_a_sample_without_a_gpu_imports_neither_nvml_nor_psutil() -> None:
    script = (
        "import sys; from engine.telemetry.sampler import Sampler; Sampler().sample()\n"
        "print([name for name in ('pynvml', 'psutil', 'ctypes') if name in sys.modules])"
    )
    if nvidia.present(Roots()):
        pytest.skip("there is an NVIDIA driver here")
    done = subprocess.run([sys.executable, "-c", script], cwd=REPOSITORY, capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@pytest.fixture
def radeon(tree: Tree) -> Tree:
    device = "class/drm/card1/device"
    for path, text in {
        "vendor": "0x1002",
        "device": "0x73bf",
        "gpu_busy_percent": "87",
        "mem_info_vram_total": str(16368 * MIB),
        "mem_info_vram_used": str(9000 * MIB),
        "hwmon/hwmon5/temp1_input": "64000",
        "hwmon/hwmon5/power1_average": "203000000",
        "hwmon/hwmon5/power1_cap": "255000000",
        "power/runtime_status": "active",
    }.items():
        tree.sys(f"{device}/{path}", text + "\n")
    tree.sys("class/drm/card0/device/vendor", "0x8086\n")
    tree.sys("class/drm/card1-DP-1/status", "connected\n")
    return tree


def test_an_amd_card(radeon: Tree) -> None:
    reader = GpuReader(radeon.roots)
    assert fresh(reader, 0.0) == (
        Gpu(
            index=0,
            name="AMD GPU 0x73bf",
            vendor="amd",
            busy_percent=87.0,
            memory_used_bytes=9000 * MIB,
            memory_total_bytes=16368 * MIB,
            temperature_c=64.0,
            power_w=203.0,
            power_limit_w=255.0,
        ),
    )
    assert not reader.notes
    reader.close()


def test_an_amd_card_that_sleeps_is_not_woken(radeon: Tree) -> None:
    radeon.sys("class/drm/card1/device/power/runtime_status", "suspended\n")
    radeon.sys("class/drm/card1/device/product_name", "AMD Radeon \x1b Pro\n")
    reader = GpuReader(radeon.roots)
    assert fresh(reader, 0.0) == (Gpu(index=0, name="AMD Radeon \\x1b Pro", vendor="amd", asleep=True),)
    reader.close()


def test_an_amd_card_that_tells_little_or_is_unplugged(radeon: Tree, tmp_path: Path) -> None:
    device = radeon.roots.sys / "class/drm/card1/device"
    for name in ("gpu_busy_percent", "hwmon/hwmon5/power1_average", "hwmon/hwmon5/temp1_input", "mem_info_vram_used"):
        (device / name).unlink()
    reader = GpuReader(radeon.roots)
    (gpu,) = fresh(reader, 0.0)
    assert (gpu.busy_percent, gpu.power_w, gpu.temperature_c, gpu.memory_used_bytes) == (None, None, None, None)
    device.rename(tmp_path / "gone")
    assert fresh(reader, 1.0) == ()
    reader.close()
