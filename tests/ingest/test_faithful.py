"""What Envoy tells becomes the same pairs, outcomes and counts as what a relay copies."""

import asyncio
from pathlib import Path

import grpc
import pytest
from understudy.codec.kserve import INFER, STREAM
from understudy.ingest import Settings
from understudy.pair import Finish, Leg

from tests.ingest.stage import staged


async def test_a_unary_call_becomes_a_pair(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.infer("tell me", metadata=(("x-understudy-cluster", "a conversation"),))
        pair = await stage.pair()
        assert (pair.request.text, pair.request.method) == ("tell me", INFER)
        assert pair.request.route == f"127.0.0.1:{stage.port}" and pair.request.cluster
        assert (pair.baseline.text, pair.candidate.text) == ("baseline says so", "candidate says so")
        assert pair.baseline.live and not pair.candidate.live and not pair.censored
        assert pair.baseline.upstream == stage.baseline.address
        assert pair.baseline.last_ns is not None and 0 < pair.baseline.last_ns < 5e9
        assert not stage.unobserved


async def test_each_request_of_a_held_stream_becomes_a_pair(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        call = stage.stream()
        for number in range(3):
            await call.write(stage.raw(f"question {number}", id=str(number)))
            for _ in stage.baseline.words:
                await call.read()
        pairs = await stage.count(3)  # while the stream is still held
        assert [pair.request.text for pair in pairs] == ["question 0", "question 1", "question 2"]
        assert {pair.baseline.text for pair in pairs} == {"baseline says so"}
        assert all(len(pair.baseline.chunks_ns) == len(stage.baseline.words) for pair in pairs)
        await call.done_writing()
        assert await call.code() is grpc.StatusCode.OK


async def test_the_cluster_that_envoy_chose_says_which_engine_served(tmp_path: Path) -> None:
    async with staged(tmp_path, route="cluster: candidate") as stage:
        await stage.infer("who is there")
        pair = await stage.pair()
        assert pair.candidate.live and not pair.baseline.live
        assert pair.candidate.text == "candidate says so"


async def test_where_envoy_shares_calls_out_each_is_told_to_the_engine_that_had_it(tmp_path: Path) -> None:
    both = "weighted_clusters: {clusters: [{name: baseline, weight: 1}, {name: candidate, weight: 1}]}"
    async with staged(tmp_path, route=both) as stage:
        await asyncio.gather(*(stage.infer(f"number {n}") for n in range(40)))
        pairs = await stage.count(40)
        for leg, engine in (("baseline", stage.baseline), ("candidate", stage.candidate)):
            served = {
                text
                for text, sent in zip(engine.prompts(), engine.metadata, strict=True)
                if "x-understudy-leg" not in sent
            }
            assert served and served == {pair.request.text for pair in pairs if getattr(pair, leg).live}


async def test_a_cluster_that_is_no_engine_is_counted_and_not_guessed(tmp_path: Path) -> None:
    async with staged(tmp_path, Settings(baseline="elsewhere")) as stage:
        await stage.infer("who is there")
        await stage.until(lambda: stage.unobserved == {"unrouted": 1})
        assert not stage.controller.pairs


async def test_a_message_of_many_pieces_is_whole_and_an_oversized_one_is_counted(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        prompt = "long " * 100_000
        await stage.infer(prompt)
        assert (await stage.pair()).request.text == prompt
        await stage.infer("x" * (stage.settings.message_bytes + 1))
        await stage.until(lambda: stage.unobserved == {"oversize": 1})


async def test_compressed_messages_are_read(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        (infer,) = stage.call(INFER)
        await infer(stage.raw("squeeze " * 100), compression=grpc.Compression.Gzip)
        assert (await stage.pair()).request.text == "squeeze " * 100


async def test_an_engines_status_is_a_failed_live_reply(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.baseline.status = grpc.StatusCode.RESOURCE_EXHAUSTED
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await stage.infer("too much")
        assert failed.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
        live = (await stage.pair()).baseline
        assert (live.status, live.error, live.failed) == (8, "the engine says no", True)


async def test_an_engine_that_is_down_failed_as_its_callers_saw_it(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await stage.baseline.stop()
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await stage.infer("anybody")
        live = (await stage.pair()).baseline
        assert failed.value.code() is grpc.StatusCode.UNAVAILABLE and live.status == 14 and live.failed


async def test_a_client_that_leaves_censors_the_pair(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        stage.baseline.hang.clear()
        call = stage.stream()
        await call.write(stage.raw("never mind"))
        await call.read()
        call.cancel()
        pair = await stage.pair()  # Envoy lets go of its copy seconds later
        assert pair.censored and pair.baseline.finish is Finish.CANCELLED
        assert pair.baseline.text == "base" and not pair.baseline.failed
        assert pair.baseline.last_ns is not None and pair.baseline.last_ns < 2e9, "not when Envoy let go"


async def test_other_methods_pass_and_our_own_shadow_calls_are_counted_and_not_mirrored(
    tmp_path: Path,
) -> None:
    async with staged(tmp_path) as stage:
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await stage.channel.unary_unary("/inference.GRPCInferenceService/ModelNothing", None, None)(b"")
        assert failed.value.code() is grpc.StatusCode.UNIMPLEMENTED
        await stage.infer("mirrored already", metadata=(("x-understudy-leg", "control"),))
        await stage.infer("mirror this")
        assert (await stage.pair()).request.text == "mirror this"
        assert stage.unobserved == {"shadow": 1} and stage.process.observer.ledger.eligible == 1


async def test_many_at_once_are_all_pairs_and_nothing_stays_open(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        await asyncio.gather(*(stage.infer(f"number {n}") for n in range(200)))
        pairs = await stage.count(200)
        assert {pair.request.text for pair in pairs} == {f"number {n}" for n in range(200)}
        assert {pair.baseline.leg for pair in pairs} == {Leg.BASELINE}
        assert stage.process.observer.ledger.requests == 200 and not stage.unobserved


async def test_what_is_too_much_is_shed_by_count_and_served_all_the_same(tmp_path: Path) -> None:
    async with staged(tmp_path, Settings(max_streams=1)) as stage:
        held = stage.stream()
        await held.write(stage.raw("held"))
        await held.read()
        await stage.until(lambda: stage.process.observer.ledger.eligible == 1)
        await asyncio.gather(*(stage.infer(f"number {n}") for n in range(20)))
        await stage.until(lambda: stage.unobserved == {"elided": 20})
        held.cancel()


async def test_callers_do_not_notice_that_the_observer_ends_or_is_away(tmp_path: Path) -> None:
    async with staged(tmp_path) as stage:
        infer, stream = stage.call(INFER, STREAM)
        held = stream()
        await held.write(stage.raw("held"))
        await held.read()
        await stage.until(lambda: stage.process.observer.ledger.eligible == 1)
        expected = await infer(stage.raw("before"))
        await stage.end()
        for _ in range(20):
            assert await infer(stage.raw("before"), timeout=2) == expected
        for _ in stage.baseline.words[1:]:
            assert await held.read()
        await held.done_writing()
        assert await held.code() is grpc.StatusCode.OK
        await stage.observe()
        before = len(stage.controller.pairs)
        async with asyncio.timeout(10):  # Envoy finds its way back
            while len(stage.controller.pairs) == before:
                assert await infer(stage.raw("before"), timeout=2) == expected
                await asyncio.sleep(0.02)
