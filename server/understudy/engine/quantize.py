"""Round-to-nearest weight quantization of the embedded model.

Every linear layer's weights are rounded to the grid of the method and the model then computes with the
*dequantized* float32 values: the error is the real one, the speed is not, and no speed is claimed from it.
Norms and the (tied) embedding stay as they are, as exporters for real engines leave them. Nothing is calibrated.
"""

from dataclasses import dataclass
from enum import StrEnum

import torch
from torch import Tensor, nn

from understudy.errors import ConfigError


class Method(StrEnum):
    """What the weights are rounded to."""

    NONE = "none"
    """Left in the precision they are stored in."""
    FP8 = "fp8"
    """float8 e4m3."""
    INT8 = "int8"
    INT4 = "int4"
    INT3 = "int3"
    INT2 = "int2"

    @property
    def bits(self) -> int:
        """Bits a weight; 16 when not quantized."""
        return {"none": 16, "fp8": 8}.get(self.value) or int(self.value.removeprefix("int"))


@dataclass(frozen=True, slots=True)
class Quantization:
    """A method and how many weights of an output channel share one scale."""

    method: Method = Method.NONE
    group_size: int = 0
    """Consecutive input weights that share a scale; 0 = the whole output channel."""

    @classmethod
    def parse(cls, method: str, group_size: int = 0) -> "Quantization":
        """From the command line's words.

        Raises:
            ConfigError: An unknown method or a negative group size.
        """
        if method not in tuple(Method):
            raise ConfigError(f"quantization {method!r} is unknown: use one of {', '.join(Method)}")
        if group_size < 0:
            raise ConfigError(
                f"group size {group_size} is negative: use 0 for whole channels, or 32, 64, ..."
            )
        return cls(Method(method), group_size)

    def __str__(self) -> str:
        return self.method.value + (f"-g{self.group_size}" if self.group_size else "")


def rounded(weight: Tensor, quantization: Quantization) -> Tensor:
    """The nearest representable values, dequantized: same shape and dtype as weight (out, in).

    Symmetric: a scale per group maps its largest magnitude to the largest level, so that zero stays zero, no
    value is clipped, and no weight moves by more than half a step (scale / 2).
    """
    method = quantization.method
    if method is Method.NONE:
        return weight
    rows, columns = weight.shape
    size = quantization.group_size or columns
    if columns % size:
        raise ConfigError(f"group size {size} does not divide {columns} inputs: use a divisor of it, or 0")
    groups = weight.reshape(rows, columns // size, size).float()
    peak = groups.abs().amax(dim=-1, keepdim=True)
    if method is Method.FP8:
        scale = (peak / 448.0).clamp_min(1e-12)
        result = (groups / scale).to(torch.float8_e4m3fn).float() * scale
    else:
        top = 2 ** (method.bits - 1) - 1
        scale = (peak / top).clamp_min(1e-12)
        result = (groups / scale).round().clamp(-top, top) * scale
    return result.reshape(rows, columns).to(weight.dtype)


def quantize(model: nn.Module, quantization: Quantization) -> None:
    """Round the weights of every linear layer of a model in place."""
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, nn.Linear):
                module.weight.copy_(rounded(module.weight, quantization))
