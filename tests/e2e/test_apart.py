"""`siyu console` beside services of which every role is a process of its own."""

import json
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest

from services.embedded.servers import Command
from services.embedded.servers.ports import free_port
from shared.contracts.envelope import Envelope, Origin
from shared.contracts.events.direct_messages import SendNotRequested
from tests.e2e.house import eventually
from tests.load.system import Layout, System, environment_of, separate_processes

FAN, SHOP = "fan-open-id-0042", "biz-open-id-0001"


class Apart:
    """A system of many processes, and the console that was started beside it."""

    def __init__(self, system: System, folder: Path) -> None:
        self.system = system
        self.demo: dict[str, str] = json.loads((folder / "demo.json").read_text("utf-8"))
        self.port = free_port()
        words = ["-m", "services.embedded", "console", "--port", str(self.port)]
        self.console = Command(
            "console",
            [sys.executable, *words],
            folder / "console.log",
            environment=environment_of(system, folder),
            serves=("127.0.0.1", self.port),
        )
        self.http = httpx2.Client(timeout=20, trust_env=False)

    def api(self, method: str, path: str, body: Any = None) -> Any:
        """Ask the console with the demo's key."""
        answer = self.http.request(
            *(method, f"http://127.0.0.1:{self.port}{path}"),
            json=body,
            headers={"Authorization": f"Bearer {self.demo['api_key']}"},
        )
        assert answer.is_success, answer.text
        return answer.json()

    def ask_the_price(self) -> None:
        """A fan writes, and is answered."""
        before = len(self.answers())
        self.system.ask("messages", {"from": FAN, "to": SHOP, "text": "多少钱"})
        eventually(lambda: len(self.answers()) > before, 30)

    def answers(self) -> list[dict[str, Any]]:
        """What the platform accepted for the fan."""
        return [one for one in self.system.sent() if one["to_user_id"] == FAN]

    def put_aside(self) -> str:
        """An event of a hold that nobody has, in quota's quarantine; its id."""
        event = SendNotRequested(operation_id="op_nobody", reservation_id="rsv_nobody")
        origin = Origin(self.demo["organization_id"], self.demo["account_id"], "evt_nobody", "-")
        letter = Envelope.of(event, origin, subject="x", seq=1, at=datetime.now(UTC))
        self.system.sql(
            "INSERT INTO quota.quarantine (id, lane, envelope, attempts, reason, quarantined_at)"
            " VALUES ($1, 'settled', $2, 5, 'handler failed', now()) RETURNING id",
            *(letter.id, letter.dump()),
        )
        return letter.id


@pytest.fixture(scope="module")
def apart(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Apart]:
    """Ten processes of services, and the console."""
    folder = tmp_path_factory.mktemp("apart")
    with separate_processes(folder, Layout()) as system:
        made = Apart(system, folder)
        made.console.launch()
        try:
            made.console.wait_ready()
            yield made
        finally:
            made.console.stop()
            made.http.close()


def test_it_shows_what_the_other_processes_do(apart: Apart) -> None:
    apart.ask_the_price()
    account = apart.demo["account_id"]
    conversations = apart.api("GET", f"/v1/accounts/{account}/conversations")["data"]
    (mine,) = [one for one in conversations if one["fan_open_id"] == FAN]
    timeline = apart.api("GET", f"/v1/conversations/{mine['id']}/timeline")["data"]
    asked = next(one for one in timeline if one["direction"] == "in")
    assert apart.api("GET", f"/v1/messages/{asked['id']}/decision")["outcome"] == "replied"

    def standing() -> Any:
        return apart.api("GET", "/v1/operations/standing")

    def is_measured() -> bool:
        lanes = [lane["entries"] for one in standing()["services"] for lane in one["lanes"]]
        return bool(lanes) and None not in lanes

    eventually(is_measured, 30, standing)
    assert len(standing()["services"]) == len({service for service, _ in apart.system.ports})


def test_what_it_redrives_is_handled_by_the_worker_of_the_service(apart: Apart) -> None:
    letter = apart.put_aside()
    body = {"letters": [{"service": "quota", "id": letter}]}
    (told,) = apart.api("POST", "/v1/operations/dead-letters/redrive", body)["results"]
    assert told["result"] == "handled", told
    assert not apart.system.sql("SELECT 1 FROM quota.quarantine WHERE id = $1", letter)


def test_without_it_fans_are_answered_and_it_comes_back(apart: Apart) -> None:
    apart.console.kill()
    eventually(lambda: not apart.console.alive())
    apart.ask_the_price()
    apart.console.await_end(0)
    apart.console.launch()
    apart.console.wait_ready()
    assert apart.http.get(f"http://127.0.0.1:{apart.port}/console").status_code == 200
