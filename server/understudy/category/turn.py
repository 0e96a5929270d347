"""How far a conversation has come: what a long one does to a model, a first message does not show."""

from typing import Final

from understudy.pair import Category, Request

EARLY: Final = 4
"""The last turn that is early."""

REPLIES: Final = (
    "<|im_start|>assistant",
    "<|start_header_id|>assistant",
    "<start_of_turn>model",
    "[/INST]",
    "<|assistant|>",
    "<\uff5cAssistant\uff5c>",
    "\nAssistant:",
)
"""Where the assistant begins to speak, in the common chat templates: ChatML, Llama 3, Gemma, Llama 2 and Mistral, Phi,
DeepSeek, and transcripts. The last one of a prompt opens the reply that is asked for."""


class Turn:
    """first | early (2 to 4) | late; None where neither the caller nor a chat template tells."""

    name = "turn"

    def categorize(self, request: Request) -> Category | None:
        """The turn that the caller says (0 and 1 are the first), else the replies counted in the prompt."""
        turn, source = request.turn, "declared"
        if turn is None:
            turn, source = max(map(request.text.count, REPLIES)), "rule"
            if not turn:
                return None
        return Category("first" if turn <= 1 else "early" if turn <= EARLY else "late", source)
