"""The product's own processes for these tests: `python -m tests.conformance.part relay|observer|compat JSON`."""

import json
import sys


def relay(settings: str) -> int:
    """Pass bytes, with these settings of `relay`."""
    from understudy.relay import Settings, run

    return run(Settings(**json.loads(settings)))


def observer(settings: str) -> int:
    """Follow, mirror and publish, with these settings of `observe`, and `baseline` and `candidate` to talk to."""
    from understudy.codec.kserve import INFER, STREAM, KServeCodec
    from understudy.mirror import Engine, Engines
    from understudy.mirror import Settings as Mirror
    from understudy.observe import Settings
    from understudy.observe.process import run

    given = json.loads(settings)
    engines = Engines(Engine(given.pop("baseline"), "b" * 64), Engine(given.pop("candidate"), "c" * 64))
    mirror = Mirror(methods=(INFER, STREAM), control_share=0.0)
    return run(Settings(**given), (), codecs=[KServeCodec()], mirror=mirror, engines=engines)


def compat(settings: str) -> int:
    """End HTTP/2 and call the engine anew, listening where `listen` says."""
    from understudy import relay as relays
    from understudy.compat import Settings
    from understudy.compat.process import Place, run
    from understudy.pair import Leg

    given = json.loads(settings)
    listen, baseline, candidate = (given.pop(name) for name in ("listen", "baseline", "candidate"))
    place = Place(baseline, candidate, Leg.BASELINE, given["latch"], given["run_dir"], drain_max_s=1)
    return run(Settings(listen=listen), place, (), relays.Settings(**given))


if __name__ == "__main__":
    sys.exit({"relay": relay, "observer": observer, "compat": compat}[sys.argv[1]](sys.argv[2]))
