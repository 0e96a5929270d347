"""Analyzer `refusal_hf`: a Hugging Face text classifier says who refuses. Never a default: it loads a model.

    [analyzers]
    names = ["refusal", "refusal_hf"]
    [analyzers.parameters.refusal_hf]
    model = "/models/rejection"      # a folder, or a name that the hub or its local cache knows
    refuses = ["REJECTION"]          # its labels that mean a refusal

The pair is judged jointly as by `refusal`: beside a leg that refuses, a doubtful one does too.
"""

from collections.abc import Sequence
from importlib import import_module
from typing import Any

from understudy.pair import Pair
from understudy.score import Metric, Score, Sense

from understudy_analyzers import judge
from understudy_analyzers.refusal.analyzer import found
from understudy_analyzers.refusal.reading import LIKELY
from understudy_analyzers.refusal.stance import Reading, Stance

LABELS = ("refusal", "rejection", "refuse", "reject", "refused", "rejected")
"""Labels that mean a refusal in the public classifiers of refusals, in lower case."""
READ = 4_000
"""Characters of a reply that are classified; the tokenizer cuts what its model cannot take."""
METRIC = Metric(
    "refusal_hf", Sense.BOTH, "a classifier of your choice says the reply declines", prefix_safe=True
)


class RefusalClassifier:
    """Whether each leg refused, in the view of a classifier that the operator names."""

    name = "refusal_hf"
    version = "1"
    metrics = (METRIC,)

    def __init__(self, model: str, refuses: Sequence[str] = LABELS) -> None:
        """Load the model.

        Raises:
            ValueError: transformers is not installed, or cannot load the model.
        """
        try:
            transformers: Any = import_module("transformers")
        except ImportError as error:
            raise ValueError(
                f"refusal_hf: transformers cannot be imported ({error}): pip install transformers torch"
            ) from error
        try:
            self._classify: Any = transformers.pipeline(
                "text-classification", model=model, top_k=None, truncation=True
            )
        except Exception as error:  # whatever a model's files hold
            raise ValueError(
                f"refusal_hf: model {model!r} cannot be loaded ({' '.join(str(error).split())[:200]}): "
                "name a folder that holds one, or a name on the hub"
            ) from error
        self._refuses = {label.lower() for label in refuses}

    def score(self, pair: Pair) -> Sequence[Score]:
        """One score: refusal per leg, read jointly over the pair's legs."""
        outputs = judge.texts(pair)
        if not outputs:
            return ()
        readings = {text: self._read(text) for text in sorted(set(outputs.values()))}
        return (judge.score(self.name, self.version, METRIC, found(outputs, readings)),)

    def _read(self, text: str) -> Reading:
        labels = self._classify([text[:READ]])[0]
        chance = sum(float(one["score"]) for one in labels if str(one["label"]).lower() in self._refuses)
        return Reading(Stance.DECLINE if chance >= LIKELY else Stance.COMPLY, False, min(1.0, chance))
