"""What `/metrics` exports is what the catalogue and docs/metrics.md promise: no more, no less."""

import re
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families
from understudy.telemetry import (
    MAX_CELLS,
    OTHER,
    VERDICTS,
    CellReading,
    EngineReading,
    Kind,
    Prometheus,
    Reading,
    catalogue,
    set_up,
    table,
)

CELL = CellReading("task=math", "refusal_lost", "b..c", "BREACH", 0.15, 1.4, 0.99, 180)
FULL = Reading(
    version="0.1.0",
    primary="candidate",
    latched=True,
    requests=20,
    eligible=10,
    paired=7,
    in_flight=1,
    shed={("mirror", "rate"): 1},
    failed={"undecodable": 1},
    lost={"crashed": 0},
    skipped={"not_sampled": 10},
    unobserved={"blind": 0},
    unscored={"no_control": 3},
    late=0,
    leg_errors={"candidate": 2},
    observer_lag_s=0.01,
    relay_loop_lag_s=0.001,
    connections=3,
    blind_connections=1,
    path_events={("relay", "accepted"): 4, ("relay", "handshake_tls"): 1, ("compat", "calls"): 2},
    upstream_failures={"baseline": 1},
    callers_unreached={"baseline": 0},
    watermark_age_s=1.5,
    queue_items={"pairs": 2},
    queue_bytes={"pairs": 2048},
    cells=(CELL,),
    alerts_firing={"Breach": 1},
    engines={"baseline": EngineReading("b" * 64, "bls", "none", "torch 2")},
    analyzer_seconds={"refusal": 0.5},
    scores={("refusal", "refusal", "scored"): 7, ("refusal", "refusal", "unscored"): 1},
    notify_failures={"webhook": 0},
    notify_dropped={"webhook": 0},
    capture_bytes=4096,
    capture_pairs=7,
    capture_dropped={"disk": 2},
)

Samples = dict[str, list[tuple[dict[str, str], float]]]


def scrape(exporter: Prometheus) -> tuple[Samples, dict[str, str]]:
    body, content_type = exporter()
    assert content_type.startswith("text/plain")
    samples: Samples = {}
    kinds = {}
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            kinds[sample.name] = family.type
            samples.setdefault(sample.name, []).append((dict(sample.labels), sample.value))
    return samples, kinds


def test_the_export_is_exactly_the_catalogue() -> None:
    exporter = set_up()
    exporter.telemetry.reading = FULL
    exporter.telemetry.observe_leg("candidate", 42.0)
    samples, kinds = scrape(exporter)
    exporter.shutdown()
    got = {}
    for name, points in samples.items():
        base = re.sub(r"_(bucket|sum|count)$", "", name) if kinds[name] == "histogram" else name
        labels = {label for found, _ in points for label in found} - {"le"}
        got[base] = (kinds[name], labels)
    assert got == {item.name: (item.kind.value, set(item.labels)) for item in catalogue()}
    assert samples["understudy_pairs_total"] == [({}, 7.0)]
    assert samples["understudy_shed_total"] == [({"stage": "mirror", "reason": "rate"}, 1.0)]
    states = {labels["state"]: value for labels, value in samples["understudy_verdict"]}
    assert states == {state: float(state == "BREACH") for state in VERDICTS}
    buckets = {labels["le"]: value for labels, value in samples["understudy_leg_latency_seconds_bucket"]}
    assert (buckets["30.0"], buckets["60.0"], buckets["600.0"]) == (0.0, 1.0, 1.0)


def test_the_page_of_metrics_is_the_catalogue() -> None:
    text = (Path(__file__).parent.parent / "docs" / "metrics.md").read_text()
    assert table() in text, (
        'renew it with: python -c "from understudy.telemetry import table; print(table())"'
    )


def test_names_follow_the_rules_of_prometheus() -> None:
    for item in catalogue():
        assert re.fullmatch(r"understudy_[a-z_]+", item.name)
        assert item.name.endswith("_total") == (item.kind is Kind.COUNTER), item.name
        assert not {"id", "request", "prompt", "user", "run"} & set(item.labels)


def test_a_closed_lane_and_an_unknown_value_leave_the_export() -> None:
    exporter = set_up()
    exporter.telemetry.reading = FULL
    scrape(exporter)
    exporter.telemetry.reading = replace(FULL, cells=(), watermark_age_s=None)
    samples, _ = scrape(exporter)
    exporter.shutdown()
    assert "understudy_verdict" not in samples
    assert "understudy_watermark_age_seconds" not in samples
    assert "understudy_pairs_total" in samples


@pytest.mark.parametrize("count", [MAX_CELLS + 7])
def test_labels_are_bounded_and_what_breached_is_never_what_falls_off(count: int) -> None:
    calm = tuple(
        replace(CELL, slice=f"s={n}", verdict="WITHIN", evidence_ratio=5.0) for n in range(count - 1)
    )
    exporter = set_up()
    exporter.telemetry.reading = replace(
        FULL, cells=(*calm, CELL), failed={f"r{n}": 1.0 for n in range(1000)}
    )
    samples, _ = scrape(exporter)
    exporter.shutdown()
    assert len(samples["understudy_effect"]) == MAX_CELLS
    assert samples["understudy_cells_hidden"] == [({}, 7.0)]
    assert any(labels["slice"] == "task=math" for labels, _ in samples["understudy_effect"])
    # Every state of every cell shown: the SDK folded nothing together.
    assert len(samples["understudy_verdict"]) == MAX_CELLS * len(VERDICTS)
    reasons = {labels["reason"]: value for labels, value in samples["understudy_failed_total"]}
    assert (len(reasons), reasons[OTHER], sum(reasons.values())) == (201, 800.0, 1000.0)
