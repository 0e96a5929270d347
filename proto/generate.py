"""Regenerate `server/understudy/v1` from the protos, or with --check say what differs.

The code is made with the lowest supported grpcio-tools, because newer generated code refuses older runtimes.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parent
SERVER = ROOT.parent / "server"
PACKAGE = Path("understudy/v1")


def generate(into: Path) -> None:
    """Write messages, stubs and service code of every proto below `into`/understudy/v1."""
    protos = sorted(str(p.relative_to(ROOT)) for p in (ROOT / PACKAGE).glob("*.proto"))
    plugins = Path(sys.executable).parent
    subprocess.run(
        [
            sys.executable,
            "-m",
            "grpc_tools.protoc",
            f"--proto_path={ROOT}",
            f"--plugin=protoc-gen-mypy={plugins / 'protoc-gen-mypy'}",
            f"--plugin=protoc-gen-mypy_grpc={plugins / 'protoc-gen-mypy_grpc'}",
            f"--python_out={into}",
            f"--grpc_python_out={into}",
            f"--mypy_out=quiet:{into}",
            f"--mypy_grpc_out=quiet:{into}",
            *protos,
        ],
        check=True,
    )
    (into / PACKAGE / "__init__.py").write_text('"""Generated from proto/understudy/v1; do not edit."""\n')


def main() -> int:
    """Regenerate in place, or compare with a fresh generation; exit 1 when they differ."""
    if "--check" not in sys.argv[1:]:
        generate(SERVER)
        return 0
    with tempfile.TemporaryDirectory() as scratch:
        generate(Path(scratch))
        fresh = {p.name: p.read_bytes() for p in (Path(scratch) / PACKAGE).iterdir()}
    kept = {p.name: p.read_bytes() for p in (SERVER / PACKAGE).iterdir() if p.is_file()}
    stale = sorted(name for name in fresh.keys() | kept.keys() if fresh.get(name) != kept.get(name))
    if stale:
        print(f"server/understudy/v1 is out of date ({', '.join(stale)}): run `make proto`", file=sys.stderr)
    return bool(stale)


if __name__ == "__main__":
    sys.exit(main())
