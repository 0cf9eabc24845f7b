"""The command line: `siyu`."""

import asyncio
import re
import sys
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal

import typer

from services.embedded import operations, processes, simulating
from services.embedded.console.dead_letters import WEBHOOKS
from services.embedded.demo import commands as demo_commands
from services.embedded.demo.starting_anew import start_anew
from services.embedded.servers import CannotStart
from services.embedded.services import BY_NAME, SERVICES
from services.embedded.up import up as run_up
from shared.observability import configure_logs

app = typer.Typer(
    help="Siyu: the open backend for Douyin Enterprise Accounts.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
clock = typer.Typer(help="The business clock of embedded mode.", no_args_is_help=True)
app.add_typer(clock, name="clock")

_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days"}


@app.command()
def up() -> None:
    """Start everything on this machine and keep it alive."""
    raise typer.Exit(run_up())


@app.command()
def run(
    service: str,
    role: Annotated[Literal["api", "worker"], typer.Argument()],
    host: str = "127.0.0.1",
    port: int = 0,
) -> None:
    """Run the API or the worker of one service, as a container does."""
    _known(service)
    settings = processes.read_settings()
    processes.run_role(settings, service, role, host, port or settings.health_port)


@app.command()
def console(host: str = "127.0.0.1", port: int = 8000) -> None:
    """Serve the console and every API beside services that run as processes of their own."""
    processes.run_console(processes.read_settings(), host, port)


@app.command()
def migrate(service: Annotated[str, typer.Argument()] = "") -> None:
    """Bring the schemas of all services, or of one, to the newest version."""
    chosen = [BY_NAME[_known(service)]] if service else SERVICES
    asyncio.run(processes.migrate_services(processes.read_settings(), chosen))


@app.command("check-migrations")
def check_migrations() -> None:
    """Prove on an empty PostgreSQL that the migrations make exactly the tables of the code."""
    operations.check_migrations()


@app.command()
def migration(service: str, message: str) -> None:
    """Write a migration of `service` from the difference to its tables."""
    operations.new_migration(_known(service), message)


@app.command()
def quarantine() -> None:
    """List envelopes that were put aside."""
    asyncio.run(operations.list_quarantine(processes.read_settings()))


@app.command()
def redrive(service: str, event: Annotated[str, typer.Argument()] = "") -> None:
    """Hand one quarantined envelope or webhook (douyin.inbound), or all of a service, over again."""
    known = service if service == WEBHOOKS else _known(service)
    asyncio.run(operations.redrive(processes.read_settings(), known, event))


@app.command()
def webhook(event: str) -> None:
    """Show what Douyin posted: `evt_…`, the cause that decisions, attempts and logs name."""
    asyncio.run(operations.show_webhook(processes.read_settings(), event))


@app.command("send-dm")
def send_dm(fan: str = "fan-open-id-0002", text: str = "你好，多少钱") -> None:
    """Say something as a fan, and show what is answered and why."""
    asyncio.run(demo_commands.send_dm(fan, text))


@app.command()
def demo(*, reset: Annotated[bool, typer.Option("--reset")] = False) -> None:
    """Tell the story of one fan against what `up` started, or (--reset) let both sides start anew."""
    if reset:
        print(start_anew())
    else:
        asyncio.run(demo_commands.tell_story())


@app.command()
def simulate(
    file: Path,
    simulator: Annotated[str, typer.Option(help="Its URL; the demo's if left out.")] = "",
) -> None:
    """Play a scenario file. Exit code 1: an expectation was broken, 2: it cannot be played."""
    raise typer.Exit(0 if asyncio.run(simulating.simulate(file, simulator)) else 1)


@clock.command()
def advance(by: str) -> None:
    """Move the business clock and the simulator's: 90s, 30m, 24h, 31d."""
    found = re.fullmatch(r"(\d+)([smhd])", by)
    if found is None:
        raise CannotStart(f"{by!r} is no span of time: write 90s, 30m, 24h or 31d.", exit_code=2)
    asyncio.run(demo_commands.advance_clock(timedelta(**{_UNITS[found[2]]: int(found[1])})))


@app.command(hidden=True)
def prepare() -> None:
    """Migrate and seed: what `up` does before the application starts."""
    asyncio.run(processes.prepare(processes.read_settings()))


@app.command(hidden=True)
def application() -> None:
    """The application process of embedded mode."""
    processes.run_application(processes.read_settings())


def _known(service: str) -> str:
    if service not in BY_NAME:
        raise CannotStart(f"no service is called {service!r}: {', '.join(BY_NAME)}.", exit_code=2)
    return service


def main() -> None:
    """Run a command; what cannot be done is said in one sentence."""
    # unconfigured, an error would be shown with all local variables
    configure_logs("warning", "siyu")
    try:
        app()
    except CannotStart as problem:
        print(problem, file=sys.stderr)
        sys.exit(problem.exit_code)
