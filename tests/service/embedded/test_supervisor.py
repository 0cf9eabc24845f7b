"""The supervisor, seen from outside: everything is a real process."""

import os
import shutil
import signal
import socket
import time

import pytest

from tests.service.embedded.conftest import House, eventually, kill


def test_data_is_kept_and_no_process_whoever_runs_it_and_however_it_ends(
    anybodys_house: House,
) -> None:
    house = anybodys_house
    for starts, end in enumerate((signal.SIGKILL, signal.SIGTERM, signal.SIGINT), start=1):
        supervisor = house.start_and_wait()
        assert house.starts() == f"starts: {starts} and {starts}"
        assert len(house.processes()) >= 4

        supervisor.send_signal(end)
        assert supervisor.wait(10) == (0 if end is not signal.SIGKILL else -signal.SIGKILL)
        patience = 5 if end is signal.SIGKILL else 0
        eventually(lambda: house.processes() == [], within=patience, why=house.processes)


def test_nothing_is_left_when_the_supervisor_is_killed_while_it_starts(house: House) -> None:
    shutil.rmtree(house.data)
    supervisor = house.start()
    eventually((house.data / "postgres/cluster.new").exists)
    time.sleep(0.2)
    kill(supervisor.pid)
    supervisor.wait()
    eventually(lambda: house.processes() == [], within=5, why=house.processes)
    house.start()
    house.wait_for("PostgreSQL is ready")


def test_servers_that_are_killed_come_back_with_their_data(house: House) -> None:
    supervisor = house.start_and_wait()
    for server, name in (("postgres", "PostgreSQL"), ("valkey", "Valkey")):
        before = house.pid_of(server)
        kill(before)
        house.wait_for(f"{name} is ready", times=2)
        assert house.pid_of(server) != before
    supervisor.terminate()
    supervisor.wait(10)

    house.start_and_wait()
    assert house.starts() == "starts: 2 and 2"


def test_an_application_that_is_killed_again_and_again_comes_back(house: House) -> None:
    house.start_and_wait()
    for times in (2, 3):
        app = next(found for found in house.processes() if "house.py\0app" in found)
        kill(int(app.split()[0]))
        house.wait_for("app is ready", times=times)
    assert "app ended with code -9" in house.said()


def test_an_application_that_hangs_is_killed_and_comes_back(house: House) -> None:
    house.start(HOUSE_HUNG_AFTER="2")
    house.wait_for("everything is ready")
    app = next(found for found in house.processes() if "house.py\0app" in found)
    os.kill(int(app.split()[0]), signal.SIGSTOP)
    house.wait_for("app is ready", times=2)
    assert "app has not answered for" in house.said()


def test_an_application_that_does_not_stop_is_killed(house: House) -> None:
    supervisor = house.start(app="stubborn")
    house.wait_for("everything is ready")
    supervisor.terminate()
    assert supervisor.wait(10) == 0
    assert "app did not stop and is killed" in house.said()
    assert house.processes() == []


def test_a_stop_during_the_start_stops_everything(house: House) -> None:
    supervisor = house.start(app="late")
    house.wait_for("Valkey is ready")
    supervisor.terminate()
    assert supervisor.wait(10) == 0
    assert house.processes() == []


def test_a_configuration_error_ends_everything_with_its_sentence(house: House) -> None:
    supervisor = house.start(app="misconfigured")
    assert supervisor.wait(20) == 78
    assert house.said().splitlines()[-1] == "SIYU_MASTER_KEY is too short."
    assert house.processes() == []


def test_an_application_that_never_becomes_ready_ends_everything(house: House) -> None:
    supervisor = house.start(app="broken")
    assert supervisor.wait(20) == 1
    last = house.said().splitlines()[-1]
    assert last.startswith("app ended with code 3: the flux capacitor is missing")
    assert house.processes() == []


def test_a_second_supervisor_says_who_has_the_data_directory(house: House) -> None:
    first = house.start_and_wait()
    second = house.start(SIYU_PORT="1")
    assert second.wait(10) == 1
    assert house.said() == f"{house.data} is already in use by process {first.pid}.\n"
    assert first.poll() is None


def test_a_port_in_use_is_named_before_anything_starts(house: House) -> None:
    with socket.create_server(("127.0.0.1", house.port)):
        supervisor = house.start()
        assert supervisor.wait(10) == 1
    expected = f"Port {house.port} on 127.0.0.1 is already in use: set SIYU_PORT to another one.\n"
    assert house.said() == expected
    assert not (house.data / "logs").exists()


def test_a_broken_data_directory_ends_everything_with_one_sentence(house: House) -> None:
    house.start()
    house.wait_for("PostgreSQL is ready")
    house.end()
    (house.data / "postgres/cluster/global/pg_control").unlink()

    assert house.start().wait(20) == 1
    assert (
        house.said()
        .splitlines()[-1]
        .startswith(f"PostgreSQL cannot run on {house.data}/postgres/cluster: could not open file")
    )
    assert house.processes() == []


def test_a_file_in_the_place_of_the_data_directory_is_named(house: House) -> None:
    shutil.rmtree(house.data)
    house.data.write_text("")
    assert house.start().wait(10) == 1
    assert house.said() == f"{house.data} is not a directory.\n"


def test_a_data_directory_that_cannot_be_written_is_named(anybodys_house: House) -> None:
    house = anybodys_house
    if house.is_roots:
        pytest.skip("root may write everywhere")
    house.data.mkdir(mode=0o500)
    owner = house.data.parent.stat()
    os.chown(house.data, owner.st_uid, owner.st_gid)
    assert house.start().wait(10) == 1
    assert house.said() == f"The directory {house.data} cannot be written by this user.\n"


def test_permissions_of_folders_that_were_there_stay_as_they_were(house: House) -> None:
    house.data.chmod(0o750)
    before = {folder: folder.stat().st_mode for folder in house.data.parents}
    house.start_and_wait()
    assert {folder: folder.stat().st_mode for folder in house.data.parents} == before
    assert house.data.stat().st_mode & 0o777 == 0o750
    for secret in ("postgres/password", "valkey/password", "valkey/valkey.conf"):
        assert (house.data / secret).stat().st_mode & 0o777 == 0o600
