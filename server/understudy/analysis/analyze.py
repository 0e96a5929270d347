"""From pairs at rest to verdicts: the categorizers, analyzers and drift engine that run live, over files.

The input is one announced start of weight 1 with its budget of false alarms per run; pairs are taken in
order, in ticks of 50. Requests lie in the files before anything is measured, so their slices are read in a
first pass and every cell counts from its first vote.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from understudy import plugins
from understudy.analysis import outputs
from understudy.analysis.hazard import Hazard
from understudy.analysis.inputs import Duplicates, Item, Seen, load
from understudy.analysis.means import Means, Worsts, slices_of
from understudy.analysis.notes import ended, notes, provenance
from understudy.analysis.result import Cost, Result
from understudy.analysis.workers import scoring
from understudy.capture.row import WITHHELD
from understudy.category import LOAD, Categorizer
from understudy.category.build import build
from understudy.category.build import versions as told_versions
from understudy.config import Analyzers, Categories, chosen
from understudy.drift.engine import Drift
from understudy.drift.spelling import made, strange
from understudy.drift.tolerance import Tolerances
from understudy.drift.verdict import Change, Why, lane_key
from understudy.drift.vote import EVERY, FAILURE, UNSCORED, ballot
from understudy.errors import ConfigError
from understudy.pair import Pair, Stratum
from understudy.report import State, write
from understudy.report.cells import cell_report, headline, overall
from understudy.score import Metric, Score, Sense
from understudy.service.build import identity
from understudy.votes.run import TICK_PAIRS

TRAIL = 200
"""Points of a cell's evidence that are kept."""

Progress = Callable[[int, int], None]
"""(pairs done, pairs in all)."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How to analyze."""

    analyzers: Analyzers = field(default_factory=Analyzers)
    """Which, with their parameters and bounds; where they run live does not matter here."""
    categories: Categories = field(default_factory=Categories)
    """Which categorizers; a pair's own categories stand."""
    workers: int = 0
    """Processes that score; 0 = this one, where nothing bounds an analyzer's time and memory."""
    duplicates: Duplicates = Duplicates.ERROR
    """What to do about an id that comes twice: error or suffix."""
    absolute: bool = False
    """Judge agreement without a control, against perfect agreement, as if the tolerance file said so."""
    file: str = ""
    """Where the tolerances came from, to name it in an error."""

    @classmethod
    def of(cls, config: Path | None, **more: Any) -> "Settings":
        """Those of a deployment's config, or the defaults; `more` are other fields.

        Raises:
            ConfigError: the file is wrong.
        """
        analyzers, categories = chosen(config)
        return cls(analyzers, categories, **more)


def analyze(
    paths: Sequence[str | Path],
    out: Path | None = None,
    settings: Settings | None = None,
    tolerances: Tolerances | None = None,
    progress: Progress = lambda done, total: None,
    *,
    manifests: Mapping[str, Mapping[str, Any]] | None = None,
    remarks: Sequence[str] = (),
) -> Result:
    """Analyze pairs; with `out`, write scores.parquet, verdicts.jsonl, summary.json and report.html there.

    `manifests` (leg -> the engine's manifest) and `remarks` are stated in the report: the pairs' files do not
    know them.

    Raises:
        DataError: an input is broken.
        PluginError: an analyzer or categorizer cannot be loaded.
        ConfigError: `out` cannot be written, or a tolerance names no metric or slice there can be.
    """
    settings, tolerances = settings or Settings(), tolerances or Tolerances.default()
    if settings.absolute:
        limits = {name: replace(limit, absolute=True) for name, limit in tolerances.metrics.items()}
        tolerances = replace(tolerances, metrics=limits)
    workers = scoring(settings.analyzers, settings.workers)
    categorizers = build(plugins.load("categorizers", settings.categories.names), settings.categories.topic)
    identities = {one.analyzer: identity(one.version, one.parameters) for one in workers.declared}
    versions = ", ".join(f"{name} {told}" for name, told in identities.items())
    versions += "".join(f", categorizer {name} {told}" for name, told in told_versions(categorizers).items())
    drift = Drift(tolerances, analyzers=versions, run=True, tick_s=float(TICK_PAIRS))
    seen, coupled, lanes, slices = Seen(), set[bool](), dict[str, None](), dict[str, None]()
    stored = set[str]()
    for item in load(paths, seen, settings.duplicates):
        lanes[lane_key(item.pair.lane)] = None
        coupled.add(item.pair.stratum is Stratum.COUPLED)
        slices |= dict.fromkeys(slices_of(_categorized(item, categorizers)))
        stored |= {score.metric for score in item.scores}
    controls = seen.no_control < seen.pairs
    declared = [one.metric for one in workers.declared]
    # Scores that were stored may be other analyzers': of what sense is not known, so any name made of theirs will do.
    known = made(declared) | made([Metric(name, sense, "") for name in stored for sense in Sense])
    categorized = {name.partition("=")[0] for name in slices if "=" in name}
    categorized |= {LOAD, *(one.name for one in categorizers)}
    for wrong in strange(tolerances, known, categorized):
        raise ConfigError(f"{settings.file}: {wrong}" if settings.file else wrong)
    names = _metrics(declared, coupled, controls, tolerances)
    for lane in lanes:
        drift.declare(lane, slices, names)

    run = _Run(drift, declared, _out(out), seen.pairs, progress)
    jobs = (
        ((item, pair), pair if item.content else None)
        for item in load(paths, Seen(), settings.duplicates)
        for pair in [_categorized(item, categorizers)]
    )
    try:
        for index, ((item, pair), scores) in enumerate(workers.run(jobs)):
            run.add(index, pair, scores if item.content else item.scores, content=item.content)
        run.close()
    except BaseException:
        if run.scores:
            run.scores.abandon()
        raise
    finally:
        workers.close()
    result = run.result(
        (*remarks, *notes(seen, tolerances, run.votes, lanes), *ended(workers.lost)),
        provenance(paths, tolerances, versions, lanes, manifests or {}),
        tuple(
            Cost(name, told, workers.cost_ns[name] / 1e9, workers.pairs) for name, told in identities.items()
        ),
    )
    if out is not None:
        lines = outputs.verdict_lines(result.changes, result.verdicts, float(TICK_PAIRS))
        outputs.write_text(out / "verdicts.jsonl", lines)
        outputs.write_json(out / "summary.json", result.summary())
        title = (
            "Understudy: "
            + ", ".join(Path(path).name for path in paths[:3])
            + (" ..." if len(paths) > 3 else "")
        )
        write(result.report(title), out / "report.html")
    return result


class _Run:
    """One pass over the pairs."""

    def __init__(
        self,
        drift: Drift,
        metrics: Sequence[Metric],
        scores: outputs.Scores | None,
        total: int,
        progress: Progress,
    ) -> None:
        self.drift = drift
        self.scores = scores
        self.means, self.worsts, self.hazard = Means(), Worsts(), Hazard()
        self.changes: list[Change] = []
        self.votes = self.pairs = 0
        self._total, self._progress = total, progress
        self._prefix_safe = frozenset(metric.name for metric in metrics if metric.prefix_safe)
        self._every = max(1, total // TICK_PAIRS // TRAIL)
        self._trails: dict[tuple[str, str, str], list[tuple[int, float, float]]] = {}
        self._clusters: set[bytes] = set()

    def add(self, index: int, pair: Pair, scores: Sequence[Score], *, content: bool) -> None:
        """Cast one pair's votes; without its content nobody knows how far its replies went."""
        slices = slices_of(pair)
        # The row's number is the clock: 50 pairs are a tick.
        timed = replace(pair, admitted_ns=index * 1_000_000_000)
        votes = ballot(timed, scores, self.drift.tolerances, prefix_safe=self._prefix_safe)
        self.drift.add(votes)
        self.means.add(slices, scores)
        if content:
            self.hazard.add(pair, scores)
        self.worsts.add(index, pair, votes, scores, self.drift.discovered)
        if self.scores:
            self.scores.add(index, pair, slices, scores)
        self._clusters.add(
            hashlib.blake2b(pair.request.cluster.encode("utf-8", "replace"), digest_size=8).digest()
        )
        self.pairs = index + 1
        if self.pairs % TICK_PAIRS == 0:
            self._tick(index // TICK_PAIRS)

    def _tick(self, tick: int) -> None:
        self.changes += self.drift.close(tick)
        self._progress(self.pairs, self._total)
        if tick % self._every == 0 or self.pairs == self._total:
            for v in self.drift.verdicts():
                # The sum over cells can only breach: there is no certificate of it.
                within = v.certificate / v.certificate_threshold if v.certificate_threshold else 0.0
                point = (self.pairs, v.evidence / v.threshold, within)
                self._trails.setdefault((lane_key(v.lane), v.slice, v.metric), []).append(point)

    def close(self) -> None:
        """Count what the last, unfinished tick holds."""
        if self.pairs % TICK_PAIRS:
            self._tick((self.pairs - 1) // TICK_PAIRS)
        self.votes = len(self._clusters)
        if self.scores:
            self.scores.close()

    def result(
        self,
        notes: tuple[str, ...],
        provenance: tuple[tuple[str, str], ...],
        costs: tuple[Cost, ...],
    ) -> Result:
        """Everything, once."""
        # Cells were declared for every metric; those that no pair ever touched say nothing.
        verdicts = [v for v in self.drift.verdicts() if v.votes or v.coverage < 1.0 or v.reason is Why.SPREAD]
        several = len({v.lane for v in verdicts}) > 1
        first: dict[tuple[str, str, str], int] = {}
        for change in self.changes:
            v = change.verdict
            if v.state == State.BREACH.value and v.metric != EVERY:  # whose votes are those of all cells
                first.setdefault((lane_key(v.lane), v.slice, v.metric), v.votes)
        cells = tuple(
            cell_report(
                v,
                trail=self._trails.get((lane_key(v.lane), v.slice, v.metric), ()),
                breached_at=first.get((lane_key(v.lane), v.slice, v.metric)),
                prefix=f"{v.lane} " if several else "",
            )
            for v in verdicts
        )
        faults = self.drift.instrument_faults()
        state = overall(cells, faulty=bool(faults))
        if faults:
            named = ", ".join(f"{slice_} {metric}" for _, slice_, metric in faults[:5])
            notes = (f"The baseline differs from its own second reply beyond tolerance: {named}.", *notes)
        return Result(
            state=state,
            headline=headline(state, cells),
            pairs=self.pairs,
            votes=self.votes,
            cells=cells,
            means=self.means.all(),
            worst=self.worsts.of(cells),
            verdicts=tuple(verdicts),
            changes=tuple(self.changes),
            notes=notes,
            provenance=provenance,
            costs=costs,
            stretches=self.hazard.stretches(),
        )


def _categorized(item: Item, categorizers: Sequence[Categorizer]) -> Pair:
    request = item.pair.request
    if not item.content or not request.text or request.text == WITHHELD:
        return item.pair  # nothing to tell a category from
    known = dict(request.categories)
    for categorizer in categorizers:
        if categorizer.name not in known:
            category = categorizer.categorize(request)
            if category is not None:
                known[categorizer.name] = category
    return replace(item.pair, request=replace(request, categories=known))


def _metrics(
    declared: Sequence[Metric], coupled: set[bool], controls: bool, tolerances: Tolerances
) -> tuple[str, ...]:
    """Names of the cells' metrics that these pairs can have votes in."""
    names = [FAILURE, UNSCORED]
    for metric in declared:
        against = [metric.name]
        if metric.sense is Sense.BOTH:
            names += [f"{metric.name}_gained", f"{metric.name}_lost"]
            against = [f"{metric.name}_flip"]
        elif metric.sense is Sense.BAD:
            names.append(metric.name)
            continue
        for name in against:
            for variant in [name + "_coupled"] * (True in coupled) + [name] * (False in coupled):
                if controls or tolerances.limit(variant).absolute:
                    names.append(variant)
    return tuple(names)


def _out(out: Path | None) -> outputs.Scores | None:
    if out is None:
        return None
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        return outputs.Scores(out)
    except OSError as error:
        raise ConfigError(f"{out}: {error.strerror}; give a directory that can be written") from None
