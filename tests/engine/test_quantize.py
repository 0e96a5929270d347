import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from understudy.engine.quantize import Method, Quantization, quantize, rounded
from understudy.errors import ConfigError

pytestmark = pytest.mark.engines

INTEGERS = [Method.INT2, Method.INT3, Method.INT4, Method.INT8]


@given(st.integers(0, 2**31), st.sampled_from(INTEGERS), st.sampled_from([0, 4, 16]), st.floats(1e-3, 1e3))
@settings(max_examples=60, deadline=None)
def test_no_weight_moves_by_more_than_half_a_step(
    seed: int, method: Method, group: int, scale: float
) -> None:
    weight = torch.randn(6, 16, generator=torch.Generator().manual_seed(seed)) * scale
    result = rounded(weight, Quantization(method, group))
    size = group or 16
    step = weight.reshape(6, -1, size).abs().amax(-1, keepdim=True) / (2 ** (method.bits - 1) - 1)
    moved = (result - weight).reshape(6, -1, size).abs()
    assert bool((moved <= step / 2 * (1 + 1e-5)).all())


@given(st.integers(0, 2**31), st.sampled_from(INTEGERS))
@settings(max_examples=40, deadline=None)
def test_a_channel_takes_no_more_values_than_its_bits_allow_and_rounding_again_changes_nothing(
    seed: int, method: Method
) -> None:
    quantization = Quantization(method)
    once = rounded(torch.randn(3, 64, generator=torch.Generator().manual_seed(seed)), quantization)
    assert all(len(row.unique()) <= 2**method.bits - 1 for row in once)
    assert torch.allclose(rounded(once, quantization), once, rtol=1e-5, atol=1e-7)


def test_fewer_bits_and_larger_groups_lose_more() -> None:
    weight = torch.randn(64, 128, generator=torch.Generator().manual_seed(0))

    def error(method: Method, group: int = 0) -> float:
        return float((rounded(weight, Quantization(method, group)) - weight).square().mean())

    assert error(Method.NONE) == 0 < error(Method.INT8) < error(Method.INT4) < error(Method.INT3)
    assert error(Method.INT3, 32) < error(Method.INT3) < error(Method.INT2)
    assert error(Method.INT8) < error(Method.FP8) < error(Method.INT4)


def test_a_channel_of_zeros_stays_zero() -> None:
    assert not rounded(torch.zeros(2, 8), Quantization(Method.INT3)).any()


def test_only_linear_layers_are_rounded() -> None:
    model = torch.nn.Sequential(torch.nn.Embedding(8, 8), torch.nn.Linear(8, 8))
    before = [p.detach().clone() for p in model.parameters()]
    quantize(model, Quantization(Method.INT2))
    embedding, weight, bias = model.parameters()
    assert torch.equal(embedding, before[0]) and torch.equal(bias, before[2])
    assert not torch.equal(weight, before[1])


@pytest.mark.parametrize(("method", "group"), [("int5", 0), ("int4", -1)])
def test_what_cannot_be_is_one_line(method: str, group: int) -> None:
    with pytest.raises(ConfigError, match="use"):
        Quantization.parse(method, group)


def test_a_group_size_that_does_not_divide_is_named() -> None:
    with pytest.raises(ConfigError, match="does not divide"):
        rounded(torch.zeros(2, 10), Quantization(Method.INT4, 4))
