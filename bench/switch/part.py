"""What a process of callers is told: whom to ask, how much, and where its records go."""

import base64
import json
from dataclasses import asdict, dataclass
from pathlib import Path

from understudy.codec.kserve import KServeCodec
from understudy.pair import Sampling

MODEL = "switch"
UNARY = "say 1 messages 15 ms apart"
BRIEF = "say 5 messages 10 ms apart"
HELD = ("say 5 messages 10 ms apart", "say 40 messages 20 ms apart")
"""In turn: one that is soon over, and one that is likely to be under way at a switch."""
LONGEST_S = 0.8
"""How long the longest of these takes."""
LIMIT_S = 30.0
"""Deadline of a short RPC."""
PAUSE_S = (0.04, 0.12)
"""Between an answer and the next request, on held streams too: then they are idle."""


@dataclass(frozen=True, slots=True)
class Part:
    """One process."""

    client: str
    address: str
    file: str
    """Its records."""
    ids: str = ""
    """What the ids of its requests begin with: no other process's do."""
    ca: str = ""
    """Certificate of the authority; empty: plaintext."""
    channels: int = 3
    """Connections."""
    unary: int = 1
    brief: int = 1
    held: int = 1
    """Callers of each kind on a connection."""
    knocks: bool = False
    """Whether one of the callers only connects."""

    def write(self, path: Path, *, offset: int = 0, library: str = "") -> None:
        """Tell it, in a file. For Node: its library, the requests as they are, wall clock less monotonic clock, ns."""
        requests = {"unary": [UNARY], "brief": [BRIEF], "held": list(HELD)}
        more = {
            "offset": str(offset),
            "library": library,
            "limit_s": LIMIT_S,
            "pause_s": PAUSE_S,
            "requests": {
                kind: [
                    {
                        "raw": base64.b64encode(request("", prompt, kind != "unary")).decode(),
                        "asked": messages(prompt),
                    }
                    for prompt in prompts
                ]
                for kind, prompts in requests.items()
            },
        }
        path.write_text(json.dumps({"part": asdict(self), **more}))

    @classmethod
    def read(cls, path: Path) -> "Part":
        """What it was told."""
        return cls(**json.loads(path.read_text())["part"])


def messages(prompt: str) -> int:
    """How many messages a whole answer has."""
    return int(prompt.split()[1])


def request(id: str, prompt: str, stream: bool) -> bytes:
    """A ModelInferRequest."""
    sampling = Sampling(temperature=0, max_tokens=64)
    return KServeCodec().encode(model=MODEL, id=id, prompt=prompt, sampling=sampling, stream=stream)
