"""A small decoder-only language model: RMSNorm, rotary positions, SwiGLU, tied embeddings, a static KV cache.

The same code trains on a GPU, evaluates there, and serves on a CPU. Shapes in docstrings: B rows, T positions,
H heads, D width of a head, V vocabulary.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from understudy.errors import EngineError


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes a set of weights was trained with; stored in the weights file's metadata."""

    vocabulary: int = 1024
    width: int = 256
    layers: int = 4
    heads: int = 8
    hidden: int = 640
    context: int = 1024

    def metadata(self) -> dict[str, str]:
        """As safetensors metadata: strings."""
        return {name: str(value) for name, value in asdict(self).items()}


class Pool:
    """A static KV cache of `rows` rows and `context` positions, float32.

    Rows in use are kept at the front by its owner; what lies beyond a row's position is never read.
    """

    def __init__(self, shape: Shape, rows: int, context: int, device: torch.device | str = "cpu") -> None:
        size = (rows, shape.heads, context, shape.width // shape.heads)
        self.keys = [torch.zeros(size, device=device) for _ in range(shape.layers)]
        self.values = [torch.zeros(size, device=device) for _ in range(shape.layers)]
        self.context = context
        self.rows = rows

    def copy(self, row: int, source: "Pool", source_row: int, length: int) -> None:
        """Copy the first `length` positions of a row of `source`."""
        for mine, theirs in ((self.keys, source.keys), (self.values, source.values)):
            for to, of in zip(mine, theirs, strict=True):
                to[row, :, :length] = of[source_row, :, :length]


class Part(NamedTuple):
    """Rows [0, rows) of a pool that take part in a step; they attend to `length` positions at most."""

    pool: Pool
    rows: int
    length: int


class Block(nn.Module):
    """One layer: attention, then the gated feed-forward, each on the normalised residual."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.heads = shape.heads
        self.norm_attention = nn.Parameter(torch.ones(shape.width))
        self.norm_forward = nn.Parameter(torch.ones(shape.width))
        self.qkv = nn.Linear(shape.width, 3 * shape.width, bias=False)
        self.out = nn.Linear(shape.width, shape.width, bias=False)
        self.up = nn.Linear(shape.width, 2 * shape.hidden, bias=False)
        self.down = nn.Linear(shape.hidden, shape.width, bias=False)

    def project(self, x: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values (B, H, T, D) of x (B, T, width), positions applied."""
        rows, steps, width = x.shape
        qkv = self.qkv(F.rms_norm(x, (width,), self.norm_attention, 1e-5))
        qkv = qkv.view(rows, steps, 3 * self.heads, -1).transpose(1, 2)
        turned, v = qkv[:, : 2 * self.heads], qkv[:, 2 * self.heads :]
        first, second = turned.chunk(2, dim=-1)
        turned = torch.cat((first * cos - second * sin, second * cos + first * sin), dim=-1).to(x.dtype)
        return turned[:, : self.heads], turned[:, self.heads :], v

    def finish(self, x: Tensor, attended: Tensor) -> Tensor:
        """The rest of the layer, given attention's result (B, T, width)."""
        x = x + self.out(attended)
        gate, up = self.up(F.rms_norm(x, (x.shape[-1],), self.norm_forward, 1e-5)).chunk(2, dim=-1)
        result: Tensor = x + self.down(F.silu(gate) * up)
        return result


class Decoder(nn.Module):
    """The whole model."""

    cos: Tensor
    sin: Tensor

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.embedding = nn.Embedding(shape.vocabulary, shape.width)
        self.blocks = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = nn.Parameter(torch.ones(shape.width))
        half = shape.width // shape.heads // 2
        angles = torch.outer(torch.arange(shape.context), 10000.0 ** (-torch.arange(half) / half))
        self.register_buffer("cos", angles.cos(), persistent=False)
        self.register_buffer("sin", angles.sin(), persistent=False)
        for name, weight in self.named_parameters():
            if weight.ndim == 2:
                scale = (
                    0.02 / (2 * shape.layers) ** 0.5 if name.endswith(("out.weight", "down.weight")) else 0.02
                )
                nn.init.normal_(weight, std=scale)

    def forward(self, tokens: Tensor) -> Tensor:
        """Logits (B, T, V) for tokens (B, T), each position seeing those before it: for training."""
        logits, _ = self._run(tokens, None)
        return logits

    def _run(self, tokens: Tensor, pool: Pool | None, last: Tensor | None = None) -> tuple[Tensor, None]:
        rows, steps = tokens.shape
        x = self.embedding(tokens)
        cos, sin = self.cos[:steps], self.sin[:steps]
        for i, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            q, k, v = block.project(x, cos, sin)
            if pool is not None:
                pool.keys[i][:rows, :, :steps] = k
                pool.values[i][:rows, :, :steps] = v
            attended = F.scaled_dot_product_attention(q, k, v, is_causal=True)
            x = block.finish(x, attended.transpose(1, 2).reshape(rows, steps, -1))
        if last is not None:
            x = x[torch.arange(rows, device=x.device), last]
        return self.head(x), None

    def head(self, x: Tensor) -> Tensor:
        """Logits of the last layer's output."""
        logits: Tensor = F.linear(F.rms_norm(x, (x.shape[-1],), self.norm, 1e-5), self.embedding.weight)
        return logits

    def prefill(self, tokens: Tensor, lengths: Tensor, pool: Pool) -> Tensor:
        """Take prompts in: fills rows [0, B) of pool, returns the logits (B, V) after each prompt's last token.

        Args:
            tokens: (B, T), padded on the right; what the padding writes is overwritten before it is read.
            lengths: (B,), each at least 1.
            pool: At least B rows and T positions.
        """
        logits, _ = self._run(tokens, pool, lengths - 1)
        return logits

    def step(self, tokens: Tensor, positions: Tensor, parts: Sequence[Part]) -> Tensor:
        """One token for every row: logits (B, V) for tokens (B,) at positions (B,).

        Rows are those of the parts in order. Each part attends over its own length, so that a few long rows do
        not make the short ones pay for theirs.
        """
        x = self.embedding(tokens)[:, None]
        cos, sin = self.cos[positions][:, None, None], self.sin[positions][:, None, None]
        spans, start = [], 0
        for pool, count, length in parts:
            rows = torch.arange(count, device=tokens.device)
            at = positions[start : start + count]
            seen = torch.arange(length, device=tokens.device)[None] <= at[:, None]
            spans.append((slice(start, start + count), pool, rows, at, seen[:, None, None], length))
            start += count
        for i, block in enumerate(self.blocks):
            assert isinstance(block, Block)
            q, k, v = block.project(x, cos, sin)
            attended = []
            for span, pool, rows, at, mask, length in spans:
                pool.keys[i][rows, :, at] = k[span, :, 0]
                pool.values[i][rows, :, at] = v[span, :, 0]
                keys, values = pool.keys[i][: len(rows), :, :length], pool.values[i][: len(rows), :, :length]
                attended.append(F.scaled_dot_product_attention(q[span], keys, values, attn_mask=mask))
            joined = attended[0] if len(attended) == 1 else torch.cat(attended)
            x = block.finish(x, joined.transpose(1, 2).reshape(len(tokens), 1, -1))
        return self.head(x[:, 0])


class Packed(nn.Module):
    """A linear layer for inference alone, its weight laid out once for oneDNN.

    torch's default, MKL, is twice as slow for the few rows of a decode step on processors that are not Intel's;
    a row alone is a matrix-vector product and stays with it. The operator is what torch.compile emits.
    """

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight = linear.weight
        self._packed = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach(), None)

    def forward(self, x: Tensor) -> Tensor:
        """X (..., in) to (..., out)."""
        if x.numel() == x.shape[-1]:
            return F.linear(x, self.weight)
        result: Tensor = torch.ops.mkldnn._linear_pointwise(x, self._packed, None, "none", [], "")
        return result


def pack(model: Decoder) -> None:
    """Make a model on a CPU faster, in place, where this build of torch can; its weights must not change after."""
    if not torch.backends.mkldnn.is_available():  # type: ignore[no-untyped-call]
        return
    with torch.no_grad():
        for block in model.blocks:
            for name, layer in tuple(block.named_children()):
                if isinstance(layer, nn.Linear):
                    setattr(block, name, Packed(layer))


def save(model: Decoder, path: Path) -> None:
    """Write the weights as float16 safetensors; the shape goes into the file's metadata."""
    from safetensors.torch import save_file

    tensors = {
        name: t.detach().to("cpu", torch.float16).contiguous() for name, t in model.state_dict().items()
    }
    save_file(tensors, str(path), metadata=model.shape.metadata())


def load(path: Path) -> Decoder:
    """Read weights written by `save`, as float32, ready to serve."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(str(path), framework="pt") as file:
            shape = Shape(**{name: int(value) for name, value in (file.metadata() or {}).items()})
            model = Decoder(shape)
            model.load_state_dict({name: file.get_tensor(name).float() for name in file.keys()})
    except (OSError, SafetensorError, RuntimeError, TypeError, ValueError) as error:
        text = str(error).splitlines()[0]
        raise EngineError(
            f"{path} does not hold this engine's weights: {text}; install understudy again"
        ) from None
    return model.eval().requires_grad_(False)
