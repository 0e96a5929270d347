"""Instructions: what a prompt asks of a reply's form that can be checked, and whether a reply does it.

The 25 kinds are those of IFEval (Zhou et al., "Instruction-Following Evaluation for Large Language Models", 2023),
verified as described there; M-IFEval (Dussolle et al., 2025) is their multilingual kin. Detection reads prompts by
rules of our own. A rule that is not sure says nothing: an instruction that was never given would turn healthy
replies into breaks.
"""

from understudy_analyzers.instruction.declare import declare
from understudy_analyzers.instruction.detect import detect
from understudy_analyzers.instruction.kind import Kind, Relation
from understudy_analyzers.instruction.verdict import Instruction, verify

__all__ = ["Instruction", "Kind", "Relation", "declare", "detect", "verify"]
