"""`understudy engine`: load, quantize, listen, until a signal ends it."""

import asyncio
import json
import signal
import time
from pathlib import Path

from understudy.engine import manifest as manifests
from understudy.errors import ConfigError, EngineError

WEIGHTS = Path(__file__).parent / "weights"


def installed() -> None:
    """See that the embedded engine can run here.

    Raises:
        EngineError: A package of it is missing; with what to install.
    """
    try:
        import safetensors  # noqa: F401
        import tokenizers  # noqa: F401
        import torch  # noqa: F401
        import tritonclient.grpc  # noqa: F401
    except ModuleNotFoundError as error:
        raise EngineError(
            f"the embedded engine needs {error.name}: pip install 'understudy[engine]'"
        ) from None


def run(
    quantization: str,
    group_size: int | None,
    listen: str,
    manifest_path: Path | None = None,
    threads: int = 1,
    max_batch: int = 32,
) -> int:
    """Serve the embedded model until SIGTERM or SIGINT; prints one line once it answers.

    Args:
        quantization: none, fp8, int8, int4, int3 or int2.
        group_size: Weights per scale; None or 0 = one scale per output channel.
        listen: host:port (port 0 chooses one and prints it) or unix:PATH.
        manifest_path: Where the manifest is written too, as JSON.
        threads: CPU threads of the model.
        max_batch: Most requests generated at one time.

    Returns:
        The exit code, 0.

    Raises:
        ConfigError: A flag is wrong.
        EngineError: The engine's packages or weights are missing, or the address is taken.
    """
    if threads < 1 or max_batch < 1:
        raise ConfigError(f"--threads {threads} and --max-batch {max_batch} must be at least 1")
    if not (listen.startswith("unix:") or listen.rpartition(":")[2].isdigit()):
        raise ConfigError(f"--listen {listen!r} is no address: use host:port or unix:PATH")
    installed()
    import torch

    from understudy.engine.batch import Batcher
    from understudy.engine.kserve import Server
    from understudy.engine.model import load, pack
    from understudy.engine.quantize import Quantization, quantize
    from understudy.engine.tokenizer import Tokenizer

    torch.set_num_threads(threads)
    chosen = Quantization.parse(quantization, group_size or 0)
    model = load(WEIGHTS / "model.safetensors")
    quantize(model, chosen)
    pack(model)
    tokenizer = Tokenizer(WEIGHTS / "tokenizer.json")
    manifest = manifests.embedded(WEIGHTS, chosen.method, chosen.method.bits, chosen.group_size)
    name = manifests.fingerprint(manifest)
    if manifest_path is not None:
        try:
            manifest_path.parent.mkdir(parents=True, exist_ok=True)
            manifest_path.write_text(json.dumps({**manifest, "fingerprint": name}, indent=1) + "\n")
        except OSError as error:
            raise ConfigError(f"--manifest {manifest_path} cannot be written: {error.strerror}") from None

    async def serve() -> None:
        stopping = asyncio.Event()
        for kind in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(kind, stopping.set)
        server = Server(
            lambda deliver: Batcher(model, tokenizer, deliver, max_batch=max_batch, threads=threads),
            manifest,
            max_batch,
            time.time_ns,
        )
        try:
            address = await server.start(listen)
        except (OSError, RuntimeError) as error:
            text = str(error).splitlines()[0]
            raise EngineError(f"--listen {listen} cannot be bound ({text}): choose another address") from None
        print(f"ready on {address} fingerprint {name}", flush=True)
        await stopping.wait()
        await server.stop()

    asyncio.run(serve())
    return 0
