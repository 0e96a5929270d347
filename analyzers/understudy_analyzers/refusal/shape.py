"""The signs of a reply as numbers, for the regression."""

import math

from understudy_analyzers.refusal.signs import READ, STRONG, Sign, Signs

SHAPE = (
    "decline soon",
    "decline",
    "declines",
    "inability soon",
    "inability",
    "inabilities",
    "refute soon",
    "refute",
    "refutes",
    "moral",
    "moral density",
    "advice",
    "advice density",
    "pivot",
    "pivot after",
    "caveat",
    "caveat soon",
    "affirm",
    "closer",
    "steps",
    "many steps",
    "rest",
    "long rest",
    "short",
    "work",
    "plain",
    "denial",
    "denials",
    "absurd",
    "absurd, not declined",
    "equal",
    "equal with caveat",
    "neutral",
    "neutral characters",
    "neutral share",
    "defines",
    "declines and neutral",
)
"""What each number of `shape` says."""


def shape(found: Signs) -> list[float]:
    """The signs as numbers of about [0, 1], in the order of SHAPE."""
    count, first = found.count, found.first
    read = max(80, min(found.length, READ))

    def soon(sign: Sign, within: int = 90) -> float:
        return float(sign in first and first[sign][0] < within)

    def many(sign: Sign, most: int) -> float:
        return min(count.get(sign, 0), most) / most

    def dense(sign: Sign) -> float:
        return min(1.0, 100 * count.get(sign, 0) / read)

    strong = [first[sign][0] for sign in STRONG if sign in first]
    return [
        soon(Sign.DECLINE),
        float(Sign.DECLINE in first),
        many(Sign.DECLINE, 4),
        soon(Sign.INABILITY),
        float(Sign.INABILITY in first),
        many(Sign.INABILITY, 3),
        soon(Sign.REFUTE),
        float(Sign.REFUTE in first),
        many(Sign.REFUTE, 5),
        math.log1p(count[Sign.MORAL]) / 3,
        dense(Sign.MORAL),
        math.log1p(count[Sign.ADVICE]) / 2,
        dense(Sign.ADVICE),
        float(count[Sign.PIVOT] > 0),
        float(bool(strong) and Sign.PIVOT in first and first[Sign.PIVOT][0] > min(strong)),
        many(Sign.CAVEAT, 2),
        soon(Sign.CAVEAT),
        float(count[Sign.AFFIRM] > 0),
        float(count[Sign.CLOSER] > 0),
        min(found.steps, 4) / 4,
        min(found.steps, 12) / 12,
        min(found.rest, 500) / 500,
        min(found.rest, 2_000) / 2_000,
        float(found.length < 160),
        float(found.work),
        float(not strong),
        soon(Sign.DENIAL, 200),
        many(Sign.DENIAL, 3),
        many(Sign.ABSURD, 2),
        many(Sign.ABSURD, 2) * (Sign.DECLINE not in first),
        many(Sign.EQUAL, 6),
        many(Sign.EQUAL, 6) * soon(Sign.CAVEAT),
        min(found.neutral[0], 6) / 6,
        min(found.neutral[1], 600) / 600,
        min(1.0, found.neutral[1] / read),
        float(found.defines),
        float(Sign.DECLINE in first) * min(found.neutral[1], 500) / 500,
    ]
