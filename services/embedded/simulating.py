"""`siyu simulate`: play a scenario file against a simulator that runs."""

from datetime import timedelta
from pathlib import Path

from services.douyin_simulator.actions.playing import Advance, play
from services.douyin_simulator.actions.scenario_files import Scenario, ScenarioError, read_scenario
from services.douyin_simulator.clients.controls import ControlRefusedError, Controls
from services.embedded.demo.asking import read_facts
from services.embedded.demo.commands import advance_clock
from services.embedded.servers import CannotStart
from services.embedded.settings import EmbeddedSettings
from shared.errors import NeighbourAway


async def simulate(file: Path, simulator_url: str) -> bool:
    """Play the file; True if every expectation held.

    Without a URL it is the simulator of the demo, and its clock moves together with ours.
    """
    scenario = _read(file)
    url = simulator_url or read_facts(EmbeddedSettings.read())["simulator_url"]
    controls = Controls(url)
    advance = _only_there(controls) if simulator_url else _everywhere
    try:
        return await play(scenario, controls, print, advance)
    except ControlRefusedError as refused:
        raise CannotStart(f"{file} cannot be played on: {refused}.", exit_code=2) from None
    except NeighbourAway:
        raise CannotStart(f"no simulator answers at {url}.", exit_code=2) from None
    finally:
        await controls.close()


def _read(file: Path) -> Scenario:
    try:
        return read_scenario(file)
    except ScenarioError as error:
        raise CannotStart(str(error), exit_code=2) from None


async def _everywhere(seconds: float) -> None:
    await advance_clock(timedelta(seconds=seconds))


def _only_there(controls: Controls) -> Advance:
    async def advance(seconds: float) -> None:
        await controls.post("clock", {"advance_ms": round(seconds * 1000)})

    return advance
