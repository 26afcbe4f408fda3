import threading
from pathlib import Path
from queue import Empty

import pytest

from engine.telemetry.procfs.users import Users

PASSWD = b"root:x:0:0:root:/root:/bin/sh\n# a comment\n\nml\x1b[1m:x:1000:1000::/:/bin/sh\nbroken:x:y\n\xff\n"


@pytest.fixture
def passwd(tmp_path: Path) -> Path:
    path = tmp_path / "passwd"
    path.write_bytes(PASSWD)
    return path


def never(uid: int) -> str:
    raise AssertionError(f"the name service was asked about {uid}")


def test_the_nodes_own_users_are_told_without_asking_anybody(passwd: Path) -> None:
    users = Users(passwd, never)
    assert (users.name(0), users.name(1000)) == ("root", "ml\\x1b[1m")


def test_a_name_service_that_hangs_blocks_nobody(passwd: Path) -> None:
    release, asked = threading.Event(), threading.Event()

    def ask(uid: int) -> str:
        asked.set()
        assert release.wait(10)
        return "alice"

    users = Users(passwd, ask)
    assert users.name(5000) == "5000"
    assert asked.wait(10)
    assert users.name(5000) == "5000"
    assert users.name(6000) == "6000"
    release.set()
    assert [users.answered.get(timeout=10) for _ in range(2)] == [5000, 6000]
    assert users.name(5000) == "alice"


def test_nobody_of_that_number_stays_a_number(passwd: Path) -> None:
    asked = threading.Event()

    def ask(uid: int) -> str:
        if uid == 5001:
            asked.set()
        raise KeyError(uid)

    users = Users(passwd, ask)
    users.name(5000)
    users.name(5001)
    assert asked.wait(10)
    with pytest.raises(Empty):
        users.answered.get_nowait()
    assert users.name(5000) == "5000"


def test_without_passwd_the_name_service_answers(tmp_path: Path) -> None:
    users = Users(tmp_path / "absent")
    assert users.name(0) == "0"
    assert users.answered.get(timeout=10) == 0
    assert users.name(0) == "root"
