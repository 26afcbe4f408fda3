import psutil
import pytest

from engine.telemetry.procfs.cpu import CpuReader, parse
from engine.telemetry.roots import Roots
from tests.engine.telemetry.conftest import STAT, Tree


@pytest.fixture
def reader(tree: Tree) -> CpuReader:
    tree.whole()
    return CpuReader(tree.roots)


def test_shares_of_the_interval(tree: Tree, reader: CpuReader) -> None:
    first = reader.read(0.0)
    assert (first.percent, first.per_core, first.user) == (0.0, (0.0, 0.0), 0.0)
    assert (first.load, first.runnable, first.blocked) == ((0.5, 0.4, 0.3), 3, 1)
    tree.proc(
        "stat",
        "cpu  1030 110 520 8100 320 25 85 10 0 0\n"
        "cpu0 530 60 270 4000 150 15 45 10 0 0\n"
        "cpu1 500 50 250 4100 170 10 40 0 0 0\n",
    )
    cpu = reader.read(1.0)
    assert cpu.percent == pytest.approx(40.0)  # 80 of 200 ticks
    assert cpu.per_core == pytest.approx((100.0, 0.0))
    assert (cpu.user, cpu.system, cpu.iowait, cpu.steal) == pytest.approx((20.0, 15.0, 10.0, 5.0))


def test_a_core_that_is_unplugged_and_plugged_again(tree: Tree, reader: CpuReader) -> None:
    reader.read(0.0)
    tree.proc("stat", "cpu  1100 100 500 8100 300 20 80 0\ncpu1 550 50 250 4050 150 10 40 0\n")
    assert reader.read(1.0).per_core == pytest.approx((50.0,))  # cpu1 is held against cpu1
    tree.proc("stat", "cpu  1200 100 500 8200 300 20 80 0\ncpu0 5 0 0 7 0 0 0 0\ncpu1 560 50 250 4140 150 10 40 0\n")
    assert reader.read(2.0).per_core == pytest.approx((0.0, 10.0))
    tree.proc("stat", "cpu  1300 100 500 8300 300 20 80 0\ncpu0 80 0 0 32 0 0 0 0\ncpu1 660 50 250 4140 150 10 40 0\n")
    assert reader.read(3.0).per_core == pytest.approx((75.0, 100.0))


def test_counters_that_run_backwards_are_no_negative_share(tree: Tree, reader: CpuReader) -> None:
    reader.read(0.0)
    tree.proc("stat", "cpu  1100 100 500 8100 200 20 80 0\n")
    cpu = reader.read(1.0)
    assert cpu.iowait == 0.0
    assert cpu.percent == pytest.approx(50.0)


def test_a_machine_of_many_cores(tree: Tree, reader: CpuReader) -> None:
    def stat(busy: int) -> str:
        cores = "".join(f"cpu{n} {busy * (n % 2)} 0 0 {busy * (1 - n % 2)} 0 0 0 0 0 0\n" for n in range(512))
        return f"cpu  {busy * 256} 0 0 {busy * 256} 0 0 0 0 0 0\n{cores}intr {'7 ' * 50_000}\nprocs_running 9\n"

    tree.proc("stat", stat(100))
    reader.read(0.0)
    tree.proc("stat", stat(200))
    cpu = reader.read(1.0)
    assert cpu.percent == pytest.approx(50.0)
    assert cpu.per_core == (0.0, 100.0) * 256
    assert cpu.runnable == 9


def test_an_old_kernel_without_steal() -> None:
    assert parse(b"cpu  10 1 2 30 4\n").total == (10, 1, 2, 30, 4, 0, 0, 0)


@pytest.mark.parametrize("garbage", [b"", b"cpu  one two\n", b"cpux 1 2 3\n", b"\xff\x00"])
def test_garbage_is_a_value_error(garbage: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse(garbage)


def test_times_agree_with_psutil_in_the_same_run() -> None:
    ours = parse((Roots().proc / "stat").read_bytes())
    theirs = psutil.cpu_times()
    assert ours.total[0] / 100 == pytest.approx(theirs.user, abs=2.0)
    assert ours.total[3] / 100 == pytest.approx(theirs.idle, abs=2.0)
    assert len(ours.cores) == psutil.cpu_count()


def test_frequency_from_cpuinfo_is_read_after_the_priming(tree: Tree, reader: CpuReader) -> None:
    tree.proc("cpuinfo", "processor\t: 0\ncpu MHz\t\t: 2000.000\nprocessor\t: 1\ncpu MHz\t\t: 3000.000\n")
    assert reader.read(0.0).frequency_mhz is None
    assert reader.read(0.2).frequency_mhz == pytest.approx(2500.0)
    tree.proc("cpuinfo", "cpu MHz\t\t: 1000.000\n")
    assert reader.read(3.0).frequency_mhz == pytest.approx(2500.0)  # dear, therefore kept for 10 s
    assert reader.read(11.0).frequency_mhz == pytest.approx(1000.0)


def test_frequency_and_temperature_from_sysfs(tree: Tree, reader: CpuReader) -> None:
    tree.sys("devices/system/cpu/cpufreq/policy0/scaling_cur_freq", "1800000\n")
    tree.sys("devices/system/cpu/cpufreq/policy1/scaling_cur_freq", "2200000\n")
    tree.sys("class/hwmon/hwmon0/name", "nvme\n")
    tree.sys("class/hwmon/hwmon0/temp1_input", "30000\n")
    tree.sys("class/hwmon/hwmon1/name", "coretemp\n")
    tree.sys("class/hwmon/hwmon1/temp1_label", "Core 0\n")
    tree.sys("class/hwmon/hwmon1/temp1_input", "41000\n")
    tree.sys("class/hwmon/hwmon1/temp2_label", "Package id 0\n")
    package = tree.sys("class/hwmon/hwmon1/temp2_input", "55500\n")
    reader.read(0.0)
    cpu = reader.read(1.0)
    assert (cpu.frequency_mhz, cpu.temperature_c) == (2000.0, 55.5)
    package.unlink()  # its driver is unloaded
    assert reader.read(4.0).temperature_c is None
    assert reader.read(70.0).temperature_c == 41.0


def test_temperature_from_a_thermal_zone(tree: Tree, reader: CpuReader) -> None:
    tree.sys("class/thermal/thermal_zone0/type", "iwlwifi_1\n")
    tree.sys("class/thermal/thermal_zone0/temp", "77000\n")
    tree.sys("class/thermal/thermal_zone1/type", "x86_pkg_temp\n")
    tree.sys("class/thermal/thermal_zone1/temp", "48000\n")
    reader.read(0.0)
    assert reader.read(1.0).temperature_c == 48.0


def test_stat_of_the_fixture_is_the_shape_of_the_real_one() -> None:
    assert parse(STAT.encode()).cores.keys() == {0, 1}


def test_each_core_is_split(tree: Tree, reader: CpuReader) -> None:
    reader.read(0.0)
    tree.proc("stat", "cpu  1100 100 500 8100 300 20 80 0\ncpu1 510 60 270 4010 160 15 55 10 0 0\n")
    (core,) = reader.read(1.0).cores
    assert core.number == 1  # cpu0 was unplugged
    spent = 10 + 10 + 20 + 10 + 10 + 5 + 15 + 10
    assert core.percent == pytest.approx(100 * (spent - 20) / spent)
    shares = (core.user, core.nice, core.system, core.iowait, core.irq, core.steal)
    assert shares == pytest.approx([100 * part / spent for part in (10, 10, 20, 10, 20, 10)])


def test_switches_interrupts_and_forks_per_second(tree: Tree, reader: CpuReader) -> None:
    first = reader.read(0.0)
    assert (first.context_switches_s, first.interrupts_s, first.forks_s) == (0.0, 0.0, 0.0)
    tree.proc("stat", STAT.replace("70451912", "70453912").replace("33396712", "33396812").replace("123456", "123476"))
    cpu = reader.read(2.0)
    assert (cpu.context_switches_s, cpu.interrupts_s, cpu.forks_s) == (1000.0, 50.0, 10.0)
    tree.proc("stat", "cpu  1 2 3 4\n")
    assert reader.read(3.0).forks_s is None


def test_the_quota_of_a_container(tree: Tree, reader: CpuReader) -> None:
    assert reader.read(0.0).quota is None
    tree.sys("fs/cgroup/cpu.max", "200000 100000\n")
    quota = CpuReader(tree.roots).read(0.0).quota
    assert quota is not None
    assert quota.cores == 2.0
