"""TCP ports of this machine: is one free, and which one."""

import http
import http.client
import socket
import time

from services.embedded.servers.errors import CannotStart


def free_port() -> int:
    """Return a port on 127.0.0.1 that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def require_free(host: str, port: int, setting: str, *, patience: float = 0.5) -> None:
    """Say in one sentence that a port is taken. A process that is just ending gets a moment."""
    deadline = time.monotonic() + patience
    while (problem := _problem_with(host, port)) is not None:
        if time.monotonic() > deadline:
            raise CannotStart(f"Port {port} on {host} {problem}: set {setting} to another one.")
        time.sleep(0.05)


def _problem_with(host: str, port: int) -> str | None:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError as problem:
            if isinstance(problem, PermissionError):
                return "may not be used by this user"
            return "is already in use" if _answers(host, port) else f"is {_short(problem)}"
    return None


def _answers(host: str, port: int) -> bool:
    reachable = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - a comparison
    try:
        with socket.create_connection((reachable, port), timeout=0.5):
            return True
    except OSError:
        return False


def _short(problem: OSError) -> str:
    return f"not available ({(problem.strerror or str(problem)).lower()})"


def answers_ok(host: str, port: int, path: str = "/readyz", timeout: float = 1.0) -> bool:
    """Whether GET on a path answers 200: the readiness question for a program with an API."""
    asked = http.client.HTTPConnection(host, port, timeout=timeout)
    try:
        asked.request("GET", path)
        return asked.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        asked.close()
