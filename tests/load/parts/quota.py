"""P4: quota decisions through the service's batch API, each with its reservation and ledger line.

Every fan is asked for seven times within one window of six: exactly six are granted.
"""

import json
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from services.embedded.demo import ACCOUNT, ORGANIZATION
from services.embedded.servers import ValkeyServer
from tests.load.figures import Peer, Result, at_least, below, figure, percentile
from tests.load.generator import Outcome, Post, a_request, post_all
from tests.load.parts import Shape
from tests.load.peers import told
from tests.load.rules import resources_of
from tests.load.system import MASTER_KEY, Layout, System, Void, separate_processes

_BATCH = 100
_CAP, _ASKS = 6, 7
_AT_ONCE = 4  # callers, each with one batch under way
_COUNT = "SELECT count(*) FROM quota.ledger WHERE entry = 'held' AND subject LIKE $1"
_OVER = "SELECT count(*) FROM quota.bucket WHERE used + held > cap"


def measure(shape: Shape) -> list[Result]:
    """Decisions a second in batches, milliseconds of a single one, and `limits` beside them."""
    fans = shape.of(5_000, 200)
    rates: list[float] = []
    singles: list[float] = []
    costs: list[float] = []
    theirs: list[dict[str, float]] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        layout = Layout(roles=[("quota", "api")])
        system = stack.enter_context(separate_processes(folder, layout))
        valkey = stack.enter_context(ValkeyServer(folder / "of-limits", tcp_port=0))
        token = _token(system)
        _run(system, token, "warm", _BATCH)
        for run in range(shape.runs):
            before = system.cpu()
            took = _run(system, token, f"q{run}", fans)
            spent = sum(now - before[name] for name, now in system.cpu().items())
            rates.append(fans * _ASKS / took)
            costs.append(spent / (fans * _ASKS) * 1e6)
            singles.append(_single(system, token, f"s{run}", shape.of(200, 20)))
            if shape.peers is not None:
                url = f"async+{valkey.tcp_url()}"
                words = ["-m", "tests.load.peers.limits_hits", url, f"l{run}", str(fans // 2)]
                theirs.append(_checked(told([str(shape.peers), *words]), fans // 2))
    return _results(rates, singles, costs, theirs)


def _results(
    rates: list[float], singles: list[float], costs: list[float], theirs: list[dict[str, float]]
) -> list[Result]:
    many = one = None
    if theirs:
        seen = [(found["granted"] + found["denied"]) / found["seconds"] for found in theirs]
        many = Peer("limits in process, over Valkey, 64 at once, no ledger", seen)
        one = Peer("limits in process", [found["single_ms"] for found in theirs])
    return [
        figure("P4 decisions in batches of 100", "decisions/s", rates, at_least(20_000), many),
        figure("P4 single decision, p50", "ms", singles, below(5), one),
        figure("P4 CPU of all processes", "µs/decision", costs),
    ]


def _token(system: System) -> str:
    resources = resources_of(system.database_url, system.redis_url, MASTER_KEY)
    return resources.tokens.issue_internal("bench")


def _run(system: System, token: str, mark: str, fans: int) -> float:
    """Seconds for all questions. Raises Void unless exactly six a fan were granted and written down."""
    opened = datetime.now(UTC).isoformat()
    posts = [
        _ask(token, f"{mark}-{ask}-{start}", [_question(mark, fan, ask, opened) for fan in chosen])
        for ask in range(_ASKS)
        for start, chosen in _batches(fans)
    ]
    outcome = post_all(
        system.ports["quota", "api"], posts, rate=None, connections=_AT_ONCE, keep=True
    )
    answers = Counter(kind for body in _bodies(outcome, len(posts)) for kind in _kinds(body))
    written = int(system.sql(_COUNT, f"{mark}-fan-%")[0][0])
    over = int(system.sql(_OVER)[0][0])
    if answers != {"granted": _CAP * fans, "denied": (_ASKS - _CAP) * fans}:
        raise Void(f"quota answered {dict(answers)} for {fans} fans")
    if written != _CAP * fans or over:
        raise Void(
            f"{written} ledger lines for {_CAP * fans} grants, {over} buckets over their cap"
        )
    return outcome.seconds


def _single(system: System, token: str, mark: str, count: int) -> float:
    opened = datetime.now(UTC).isoformat()
    posts = [
        _ask(token, f"{mark}-{fan}", [_question(mark, fan, 0, opened)]) for fan in range(count)
    ]
    outcome = post_all(system.ports["quota", "api"], posts, rate=None, connections=1, keep=True)
    if any(_kinds(body) != ["granted"] for body in _bodies(outcome, count)):
        raise Void("a single question was not granted")
    return percentile(outcome.latencies(), 0.5)


def _batches(fans: int) -> Iterator[tuple[int, range]]:
    for start in range(0, fans, _BATCH):
        yield start, range(start, min(start + _BATCH, fans))


def _question(mark: str, fan: int, ask: int, opened: str) -> dict[str, Any]:
    return {
        "organization_id": ORGANIZATION,
        "account_id": ACCOUNT,
        "operation_id": f"op-{mark}-{fan}-{ask}",
        "purpose": "dm.reply",
        "subject": f"{mark}-fan-{fan}",
        "items": 1,
        "actor": "person",  # a bot leaves the reserve for people alone
        "window": {"opened_by": f"@{mark}-{fan}==", "opened_at": opened},
        "planned_at": None,
        "cause": f"evt-{mark}-{fan}",
    }


def _ask(token: str, name: str, questions: list[dict[str, Any]]) -> Post:
    body = json.dumps({"requests": questions}).encode()
    headers = {"Authorization": f"Bearer {token}"}
    return Post(name, a_request("/internal/quota/reserve", body, headers))


def _bodies(outcome: Outcome, asked: int) -> list[bytes]:
    if len(outcome.acknowledged) != asked:
        raise Void(f"quota refused to answer: {set(outcome.refused.values())}")
    return list(outcome.bodies.values())


def _kinds(body: bytes) -> list[str]:
    return ["granted" if one["granted"] else "denied" for one in json.loads(body)["answers"]]


def _checked(found: dict[str, float], fans: int) -> dict[str, float]:
    if (found["granted"], found["denied"]) != (_CAP * fans, (_ASKS - _CAP) * fans):
        raise Void(f"limits granted {found['granted']} for {fans} fans")
    return found
