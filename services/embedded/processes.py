"""What the commands run: set-up, the application, one role of one service."""

from collections.abc import Sequence

from pydantic import ValidationError

from services.embedded import demo
from services.embedded.console.front import build_console
from services.embedded.servers import CannotStart
from services.embedded.servers.errors import CONFIGURATION_ERROR
from services.embedded.services import BY_NAME, SERVICES
from services.embedded.settings import EmbeddedSettings
from shared.db.migrations import let_clock_move, migrate
from shared.observability.tracing import TracesUnavailable
from shared.runtime import Resources, Service
from shared.runtime.process import Process, serve
from shared.settings import ProcessSettings


def read_settings() -> ProcessSettings:
    """Settings of this process. Raises CannotStart with one sentence."""
    try:
        settings = ProcessSettings()
    except ValidationError as problem:
        error = problem.errors(include_input=False, include_url=False)[0]
        name = str(error["loc"][0]) if error["loc"] else "a setting"
        variable = name if name.isupper() else f"SIYU_{name.upper()}"
        sentence = f"{variable} is wrong: {error['msg']}."
        raise CannotStart(sentence, exit_code=CONFIGURATION_ERROR) from None
    if len(settings.master_key.get_secret_value()) < 32:
        sentence = "SIYU_MASTER_KEY needs at least 32 characters."
        raise CannotStart(sentence, exit_code=CONFIGURATION_ERROR)
    return settings


async def migrate_services(settings: ProcessSettings, services: Sequence[Service]) -> None:
    """Bring every schema to the newest version."""
    resources = Resources(settings, "migrate")
    url = settings.database_url.get_secret_value()
    for service in services:
        password = resources.role_password(service.name)
        await migrate(url, service.name, service.metadata, password)
    await resources.close()


async def prepare(settings: ProcessSettings) -> None:
    """What embedded mode does before its application starts: schemas, then the demo tenant."""
    await migrate_services(settings, SERVICES)
    if settings.embedded:
        await let_clock_move(settings.database_url.get_secret_value())
    resources = Resources(settings, "prepare")
    try:
        await demo.seed(resources, EmbeddedSettings.read())
    finally:
        await resources.close()


def run_application(settings: ProcessSettings) -> None:
    """Every API, consumer, relay and clock in one loop, on the public port."""
    listening = EmbeddedSettings.read()
    process = Process(SERVICES, front=build_console)
    _serve(process, Resources(settings, "embedded"), listening.host, listening.port)


def run_console(settings: ProcessSettings, host: str, port: int) -> None:
    """The console and every API, over the databases of services whose workers run elsewhere."""
    process = Process(SERVICES, worker=False, front=build_console)
    _serve(process, Resources(settings, "console"), host, port)


def run_role(settings: ProcessSettings, service: str, role: str, host: str, port: int) -> None:
    """The API or the worker of one service, as a container runs it."""
    process = Process([BY_NAME[service]], api=role == "api", worker=role == "worker")
    _serve(process, Resources(settings, f"{service}-{role}"), host, port)


def _serve(process: Process, resources: Resources, host: str, port: int) -> None:
    try:
        serve(process, resources, host, port)
    except TracesUnavailable as missing:
        sentence = f"SIYU_TRACES_URL is set, and what sends traces is not installed: {missing}."
        raise CannotStart(sentence, exit_code=CONFIGURATION_ERROR) from None
