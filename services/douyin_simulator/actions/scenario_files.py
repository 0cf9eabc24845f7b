"""Scenario files: YAML in, a checked scenario out, or one sentence with the line that is wrong."""

from pathlib import Path
from typing import Annotated, Any, Final, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

from services.douyin_simulator.domain.scenes import Wanted, seconds_of

_MOST_BYTES: Final = 256 * 1024
_ACTS: Final = (
    "says", "enters", "follows", "fills", "recalls", "joins", "clock", "fault", "withdraw", "expect",
)  # fmt: skip
_OF_FANS: Final = frozenset({"says", "enters", "follows", "fills", "recalls", "joins"})


class ScenarioError(Exception):
    """A file that cannot be played; the message names the file, the line and what is wrong."""


def _span(text: str) -> str:
    if seconds_of(text) is None:
        raise ValueError(f"{text!r} is no span of time: write 300ms, 90s, 30m, 24h or 31d")
    return text


Span = Annotated[str, AfterValidator(_span)]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Words = Annotated[str, Field(min_length=1, max_length=20_000)]
Count = Annotated[int, Field(ge=0, le=1000)]
Body = dict[str, Any]  # Any: handed to a control, which checks it


class Part(BaseModel):
    """Known fields only, of exactly the types that they name."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class ScenarioFan(Part):
    """A fan by the name that the file uses; without `open_id` a new person in every play."""

    name: Name
    open_id: Name | None = None
    nickname: Name | None = None
    follows: bool = False
    club_level: Annotated[int, Field(ge=0)] | None = None
    active: bool | None = None
    city: str | None = None
    gender: Annotated[int, Field(ge=0, le=2)] | None = None


class Expectation(Part):
    """What a fan gets, counted from the beginning of the play, at the latest after `within`."""

    fan: Name
    receives: Count | None = None
    at_least: Count | None = None
    at_most: Count | None = None
    contains: Words | list[Words] = Field(default_factory=list)
    lacks: Words | list[Words] = Field(default_factory=list)
    within: Span = "5s"

    @model_validator(mode="after")
    def _it_expects_something(self) -> "Expectation":
        exact, bounds = self.receives is not None, (self.at_least, self.at_most)
        if exact and bounds != (None, None):
            raise ValueError("give either receives, or at_least and at_most")
        if not exact and bounds == (None, None) and not self.contains and not self.lacks:
            raise ValueError("give receives, at_least, at_most, contains or lacks")
        return self

    @property
    def patience_s(self) -> float:
        """How long to wait."""
        return seconds_of(self.within) or 0.0

    @property
    def wanted(self) -> Wanted:
        """The same in the words of the judge."""
        least = self.receives if self.receives is not None else self.at_least or 0
        most = self.receives if self.receives is not None else self.at_most
        return Wanted(least, most, _listed(self.contains), _listed(self.lacks))


class Step(Part):
    """One thing that happens, `at` so much time after the beginning."""

    at: Span = "0s"
    fan: Name | None = None
    staff: Name | None = None
    says: Words | None = None
    enters: Literal[True] | None = None
    follows: bool | None = None
    fills: Name | None = None
    values: dict[str, str] = Field(default_factory=dict)
    recalls: Literal["last"] | None = None
    joins: Name | None = None
    clock: Span | None = None
    fault: Body | None = None
    withdraw: Literal[True] | None = None
    expect: Expectation | None = None

    @model_validator(mode="after")
    def _one_thing_happens(self) -> "Step":
        acts = [name for name in _ACTS if getattr(self, name) is not None]
        if len(acts) != 1:
            raise ValueError(f"give exactly one of {', '.join(_ACTS)}")
        act = acts[0]
        if act in _OF_FANS and (self.fan is None) == (self.staff is None or act != "says"):
            raise ValueError("say who: fan, or with says also staff, which writes to that fan")
        if act not in _OF_FANS and (self.fan or self.staff):
            raise ValueError(f"{act} is nobody's act: leave out fan and staff")
        return self

    @property
    def at_s(self) -> float:
        """When, in seconds."""
        return seconds_of(self.at) or 0.0


class Scenario(Part):
    """A whole play: who is there, what holds, what happens and what is expected."""

    name: Name
    description: str = ""
    account: Name | None = None
    fans: Annotated[list[ScenarioFan], Field(min_length=1)]
    caps: Body = Field(default_factory=dict)
    manners: Body = Field(default_factory=dict)
    faults: list[Body] = Field(default_factory=list)
    timeline: Annotated[list[Step], Field(min_length=1)]
    expectations: list[Expectation] = Field(default_factory=list)


def read_scenario(path: Path) -> Scenario:
    """The scenario in a file. Raises ScenarioError."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise ScenarioError(f"{path}: {error.strerror}.") from error
    if len(raw) > _MOST_BYTES:
        raise ScenarioError(f"{path} is longer than {_MOST_BYTES} bytes.")
    try:
        text = raw.decode()
        root = yaml.compose(text, Loader=yaml.SafeLoader)
        if root is None:
            raise _at(path, 1, "the file is empty")
        _refuse_tricks(path, root, text)
        content = yaml.safe_load(text)
    except UnicodeDecodeError as error:
        raise ScenarioError(f"{path} is not UTF-8.") from error
    except RecursionError as error:
        raise _at(path, 1, "this is nested too deep") from error
    except yaml.YAMLError as error:
        raise _at(path, _line_of_error(error), f"this is not YAML: {_problem(error)}") from error
    try:
        scenario = Scenario.model_validate(content)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = "".join(f"{step}." for step in first["loc"])[:-1]
        said = first["msg"].removeprefix("Value error, ")
        told = f"{place}: {said}" if place else said
        raise _at(path, _line(root, first["loc"]), told) from error
    _check_names(path, root, scenario)
    return scenario


def _check_names(path: Path, root: Any, scenario: Scenario) -> None:  # Any: a YAML node
    names = [fan.name for fan in scenario.fans]
    for place, name in enumerate(names):
        if name in names[:place]:
            raise _at(path, _line(root, ("fans", place)), f"there is a fan {name} already")
    latest = 0.0
    for place, step in enumerate(scenario.timeline):
        line = _line(root, ("timeline", place))
        who = step.expect.fan if step.expect else step.fan or step.staff
        if who is not None and who not in names:
            raise _at(path, line, f"there is no fan {who}: {', '.join(names)}")
        if step.at_s < latest:
            raise _at(path, line, "this happens before the step above it")
        latest = step.at_s
    for place, expectation in enumerate(scenario.expectations):
        if expectation.fan not in names:
            line = _line(root, ("expectations", place))
            raise _at(path, line, f"there is no fan {expectation.fan}: {', '.join(names)}")


def _refuse_tricks(path: Path, node: Any, text: str) -> None:  # Any: a YAML node
    """A key given twice would win silently; an alias could make a small file enormous."""
    for token in yaml.scan(text, Loader=yaml.SafeLoader):
        if isinstance(token, yaml.AliasToken):
            raise _at(path, token.start_mark.line + 1, "aliases (*name) are not read")
    waiting = [node]
    while waiting:
        one = waiting.pop()
        if isinstance(one, yaml.SequenceNode):
            waiting += one.value
        elif isinstance(one, yaml.MappingNode):
            seen: set[str] = set()
            for key, value in one.value:
                name = str(key.value)
                if name in seen:
                    raise _at(path, key.start_mark.line + 1, f"{name} is given twice")
                seen.add(name)
                waiting.append(value)


def _line(node: Any, place: tuple[int | str, ...]) -> int:  # Any: a YAML node
    """The line of the deepest part of `place` that the file has."""
    line = node.start_mark.line + 1 if node is not None else 1
    for step in place:
        if isinstance(node, yaml.MappingNode):
            found = [(key, value) for key, value in node.value if key.value == step]
            if not found:
                break
            key, node = found[0]
            line = key.start_mark.line + 1
        elif isinstance(node, yaml.SequenceNode) and isinstance(step, int):
            node = node.value[step]
            line = node.start_mark.line + 1
        else:
            break
    return line


def _line_of_error(error: yaml.YAMLError) -> int:
    mark = getattr(error, "problem_mark", None)
    return mark.line + 1 if mark else 1


def _problem(error: yaml.YAMLError) -> str:
    return str(getattr(error, "problem", None) or "it cannot be read")


def _at(path: Path, line: int, said: str) -> ScenarioError:
    return ScenarioError(f"{path}:{line}: {said}.")


def _listed(words: str | list[str]) -> tuple[str, ...]:
    return (words,) if isinstance(words, str) else tuple(words)
