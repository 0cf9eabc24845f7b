"""The dashboard asks only for what the code emits."""

import json
from pathlib import Path
from typing import Any

import pytest

from shared.observability import metrics
from tests.support.promql import Reader
from tests.unit.deploy.test_alerts import KNOWN, unknown_words

ROOT = Path(__file__).resolve().parents[3]
BOARD: dict[str, Any] = json.loads((ROOT / "deploy/grafana/siyu.json").read_text("utf-8"))
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
ASKED = {
    f"{panel['title']}: {target['refId']}": target["expr"]
    for panel in PANELS
    for target in panel["targets"]
}


@pytest.mark.parametrize("place", ASKED)
def test_a_panel_asks_only_for_names_and_labels_of_the_code(place: str) -> None:
    assert unknown_words(ASKED[place]) == []


def test_every_metric_of_ours_is_on_the_dashboard() -> None:
    shown = {
        node.name
        for expression in ASKED.values()
        for node in Reader(expression).read().walk()
        if node.kind == "select"
    }
    missing = [
        names[0]
        for collector, names in metrics.registry._collector_to_names.items()
        if hasattr(collector, "_labelnames")
        and not shown & {*names, *(f"{n}_total" for n in names)}
    ]
    assert missing == []
    assert shown <= set(KNOWN)


def test_a_panel_has_a_title_in_both_languages_a_unit_and_a_place_of_its_own() -> None:
    places: set[tuple[int, int]] = set()
    for panel in PANELS:
        assert " · " in panel["title"], panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"], panel["title"]
        at = panel["gridPos"]
        cells = {(at["x"] + x, at["y"] + y) for x in range(at["w"]) for y in range(at["h"])}
        assert not places & cells, panel["title"]
        assert at["x"] + at["w"] <= 24
        places |= cells


def test_the_dashboard_belongs_to_no_one_grafana() -> None:
    assert BOARD["uid"] == "siyu"
    assert {panel["datasource"]["uid"] for panel in PANELS} == {"${datasource}"}
