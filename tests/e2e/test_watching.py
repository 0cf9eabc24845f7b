"""A running house shows what alerts and dashboard look at."""

from prometheus_client.parser import text_string_to_metric_families as families

from tests.e2e.house import House, eventually
from tests.support.promql import Reader
from tests.unit.deploy.test_alerts import RULES


def names_in(expression: str) -> set[str]:
    return {n.name for n in Reader(expression).read().walk() if n.kind == "select"}


def on_the_wire(house: House) -> set[str]:
    text = house.http.get(f"{house.base}/metrics").text
    return {sample.name for family in families(text) for sample in family.samples}


def test_every_series_of_every_alert_is_on_the_wire(house: House) -> None:
    assert house.siyu("demo").returncode == 0  # some begin with the first thing that they count
    wanted = set().union(*(names_in(rule["expr"]) for rule in RULES.values()))
    eventually(lambda: wanted <= on_the_wire(house), 15, lambda: wanted - on_the_wire(house))


def test_the_process_beats_and_every_role_is_young(house: House) -> None:
    beats = "SELECT process, now() - beat_at < interval '15 seconds' AS young FROM siyu.heartbeat"
    eventually(lambda: house.rows(beats) == [{"process": "embedded", "young": True}])
