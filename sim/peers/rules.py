"""All rules, ours first, with the setting of each."""

from sim.peers import counts, diffy, kayenta, ours, river, sequential
from sim.peers.look import Rule

TOLERATED, SAME = "tau", "no change"

RULES = (
    Rule(
        "understudy",
        TOLERATED,
        "one cell, alpha .05 in the run: start weight 1 over its ticks, threshold 20",
        "server/understudy/drift; arXiv 2203.03532, 2010.09686",
        ours.alone,
        ours=True,
    ),
    Rule(
        "understudy, shipped",
        TOLERATED,
        "one of 300 cells that share .5 false alarms a month, unannounced",
        "server/understudy/drift",
        ours.shipped,
        ours=True,
    ),
    Rule(
        "z-test, each look",
        TOLERATED,
        "one-sided 5 % at every tick",
        "textbook; the habit of dashboards",
        counts.tolerant,
    ),
    Rule(
        "z-test against 0",
        SAME,
        "two-sided 5 % at every tick",
        "textbook; the habit of dashboards",
        counts.plain,
    ),
    Rule(
        "McNemar, each look",
        SAME,
        "chi-square with 1 degree, 5 % at every tick, 10 discordant pairs or more",
        "McNemar, Psychometrika 1947",
        counts.mcnemar,
    ),
    Rule(
        "z-test, Bonferroni",
        TOLERATED,
        "one-sided, 5 % split over all ticks of the run",
        "textbook; the number of looks must be known",
        counts.bonferroni,
    ),
    Rule(
        "AsympCS",
        TOLERATED,
        "alpha .05, tuning 5000 (GrowthBook's default), lower end above tau",
        "arXiv 2103.06476; GrowthBook gbstats",
        sequential.asymptotic,
    ),
    Rule(
        "mSPRT",
        TOLERATED,
        "alpha .05, normal mixture of sd .03 around tau, plug-in variance",
        "Johari et al., arXiv 1512.04922",
        sequential.mixture,
    ),
    Rule(
        "Diffy",
        SAME,
        "relative 20 %, absolute .03 % (its defaults), control replies for every pair",
        "twitter/diffy, DifferencesFilterFactory",
        diffy.thresholds,
    ),
    Rule(
        "Kayenta Mann-Whitney",
        SAME,
        "last 60 ticks as points, every 10 ticks; tolerance .25, confidence .98 (its defaults)",
        "spinnaker/kayenta, MannWhitneyClassifier",
        kayenta.mann_whitney,
        slow=True,
    ),
    Rule(
        "River ADWIN",
        SAME,
        "delta .002 (its default), of (1 + D) / 2",
        "Bifet & Gavalda 2007; river.drift.ADWIN",
        river.adwin,
        slow=True,
    ),
    Rule(
        "River Page-Hinkley",
        SAME,
        "delta .005, threshold 50, both directions (its defaults), of D",
        "Page 1954; river.drift.PageHinkley",
        river.page_hinkley,
        slow=True,
    ),
)


def present() -> tuple[Rule, ...]:
    """Those that can run here: River's need the package."""
    return tuple(rule for rule in RULES if not rule.name.startswith("River") or river.installed())
