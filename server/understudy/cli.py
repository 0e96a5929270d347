"""The commands: thin, each imports what it runs only when it runs.

Exit codes: 0 done; 1 a target of --strict was missed, or two tolerances differ; 3 wrong use or an error of ours; 130
interrupted; 141 when the reader of the output left; 143 ended by SIGTERM.
"""

import signal
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from understudy import __version__
from understudy.app.exits import USAGE, WRONG, guarded, leave

app = typer.Typer(
    name="understudy",
    help="Rehearse a quantized engine against the full-precision one on live traffic, and roll back what breaks.",
    epilog="Errors are one line; UNDERSTUDY_DEBUG=1 in the environment adds the traceback of what nobody foresaw.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

RunDir = Annotated[
    Path,
    typer.Option("--run-dir", help="run_dir of the running `understudy serve`.", envvar="UNDERSTUDY_RUN"),
]
Force = Annotated[bool, typer.Option("--force", help="Also to an engine that answers no question.")]
Whose = Annotated[
    Path | None,
    typer.Option(
        "--config", help="CONFIG.toml whose analyzers and parameters hold; default: the shipped ones."
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers",
        min=0,
        max=256,
        help="Processes that score; 0: none but this; default: by the processors.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.")]

SERVING = "Serve"
COMPARING = "Compare"


def _version(wanted: bool) -> None:
    if wanted:
        print(f"understudy {__version__}")
        raise typer.Exit


def _somewhere(text: str | Path) -> Path:
    """An empty name, of a variable that is not set, would mean the working directory."""
    if not str(text):
        raise typer.BadParameter("is empty; name a directory or file, or leave it out")
    return Path(text)


def _out(help_: str) -> Any:
    return typer.Option("--out", help=help_, parser=_somewhere, metavar="PATH")


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    pass


@app.command(rich_help_panel=SERVING)
def serve(
    config: Annotated[
        Path, typer.Argument(metavar="CONFIG.toml", help="The deployment; see docs/config.md.")
    ],
    takeover: Annotated[
        bool,
        typer.Option(
            "--takeover",
            help="In place of the one running: an upgrade that refuses no connection and fails no short call.",
        ),
    ] = False,
) -> None:
    """Run the proxy with its observer, analyzers and controller until SIGTERM or Ctrl-C."""
    from understudy.app.serve import run

    raise typer.Exit(run(config, takeover=takeover))


@app.command(rich_help_panel=SERVING)
def check(
    config: Annotated[Path, typer.Argument(metavar="CONFIG.toml", help="The file to check.")],
    as_json: Json = False,
) -> None:
    """Say what is wrong with a config file and where, without starting anything."""
    from understudy.app.check import run

    raise typer.Exit(run(config, as_json=as_json))


@app.command(rich_help_panel=SERVING)
def status(run_dir: RunDir = Path("run"), as_json: Json = False) -> None:
    """Show who serves, what is paired, which cells are in breach, and what is wrong with ourselves."""
    from understudy.app.operate import status

    raise typer.Exit(status(run_dir, as_json=as_json))


@app.command(rich_help_panel=SERVING)
def switch(
    to: Annotated[str, typer.Option("--to", help="baseline or candidate.")],
    run_dir: RunDir = Path("run"),
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Make another engine the primary, if it answers; latched on disk until `understudy rearm`, or a rollback."""
    from understudy.app.operate import order

    raise typer.Exit(order(run_dir, {"op": "switch", "to": to, "force": force}, as_json=as_json))


@app.command(rich_help_panel=SERVING)
def mirror(
    state: Annotated[
        str, typer.Argument(metavar="on|off", help="off stops every shadow call within a second.")
    ],
    run_dir: RunDir = Path("run"),
    as_json: Json = False,
) -> None:
    """Switch mirroring off or on; callers are served all the same."""
    from understudy.app.operate import order

    if state not in ("on", "off"):
        raise typer.BadParameter("say on or off", param_hint="state")
    raise typer.Exit(order(run_dir, {"op": "mirror", "on": state == "on"}, as_json=as_json))


@app.command(rich_help_panel=SERVING)
def rearm(run_dir: RunDir = Path("run"), force: Force = False, as_json: Json = False) -> None:
    """Release the latch of a rollback: the configured primary serves again, if it answers, watched as before."""
    from understudy.app.operate import order

    raise typer.Exit(order(run_dir, {"op": "rearm", "force": force}, as_json=as_json))


@app.command("restart-worker", rich_help_panel=SERVING)
def restart_worker(run_dir: RunDir = Path("run"), as_json: Json = False) -> None:
    """Replace the relay's processes one by one: each new one accepts callers before the old one finishes its own."""
    from understudy.app.foreman import SERVE
    from understudy.app.operate import order

    raise typer.Exit(order(run_dir, {"op": "restart"}, as_json=as_json, socket=SERVE, timeout_s=3600))


@app.command(rich_help_panel=SERVING)
def analyzers(
    listen: Annotated[str, typer.Option("--listen", help="host:port or unix:PATH.")],
    names: Annotated[
        str, typer.Option("--names", help="Comma-separated entry points; default: the config's.")
    ] = "",
    limit_s: Annotated[
        float | None,
        typer.Option("--limit-s", min=0.1, help="Seconds for a batch (20); then the process ends with 1."),
    ] = None,
    config: Whose = None,
) -> None:
    """Run analyzers behind AnalysisService, here or on a host of their own."""
    from understudy.app.process import elsewhere

    raise typer.Exit(elsewhere(listen, tuple(filter(None, names.split(","))), limit_s, config))


@app.command(rich_help_panel=SERVING)
def engine(
    listen: Annotated[str, typer.Option("--listen", help="host:port (port 0: any) or unix:PATH.")],
    quantization: Annotated[
        str, typer.Option("--quantization", "-q", help="none, fp8, int8, int4, int3 or int2.")
    ] = "none",
    group_size: Annotated[
        int | None, typer.Option("--group-size", help="Weights per scale; default: one scale per channel.")
    ] = None,
    manifest: Annotated[
        Path | None, typer.Option("--manifest", help="Write the engine's manifest here.")
    ] = None,
    threads: Annotated[int, typer.Option("--threads", help="CPU threads for the model.")] = 1,
    max_batch: Annotated[int, typer.Option("--max-batch", help="Most requests generated at one time.")] = 32,
) -> None:
    """Serve the embedded language model over KServe v2 gRPC, as Triton's TensorRT-LLM backend appears."""
    from understudy.engine.serve import run

    raise typer.Exit(run(quantization, group_size, listen, manifest, threads=threads, max_batch=max_batch))


@app.command(rich_help_panel=COMPARING)
def demo(
    quantization: Annotated[
        str, typer.Option("--quantization", "-q", help="How the candidate is quantized: int3, int8, fp8, ...")
    ] = "int3",
    primary: Annotated[
        str, typer.Option("--primary", help="Who serves at first: candidate or baseline.")
    ] = "candidate",
    pairs: Annotated[int | None, typer.Option("--pairs", help="Most pairs to spend.")] = None,
    seed: Annotated[int, typer.Option("--seed", help="Which prompts are drawn.")] = 0,
    out: Annotated[Path, _out("Where summary and report go.")] = Path("out/demo"),
    full: Annotated[bool, typer.Option("--full", help="Go on to the pair budget's end.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 on an unmet target.")] = False,
    as_json: Json = False,
) -> None:
    """Two real engines, one proxy, real traffic: see a regression caught and rolled back, or a candidate certified."""
    from understudy.demo.run import run

    raise typer.Exit(
        run(
            quantization,
            primary=primary,
            pairs=pairs,
            seed=seed,
            out=out,
            strict=strict,
            as_json=as_json,
            full=full,
        )
    )


@app.command(rich_help_panel=COMPARING)
def replay(
    captures: Annotated[
        list[Path], typer.Argument(metavar="CAPTURE...", help="Captured Parquet: files or directories.")
    ],
    baseline: Annotated[str, typer.Option("--baseline", help="host:port or unix:PATH.")],
    candidate: Annotated[str, typer.Option("--candidate", help="host:port or unix:PATH.")],
    model: Annotated[
        str, typer.Option("--model", help="Model name by which the engines are asked who they are.")
    ] = "ensemble",
    out: Annotated[Path, _out("Where the new pairs go.")] = Path("out/replay"),
    concurrency: Annotated[int, typer.Option("--concurrency", help="Requests at one time.")] = 8,
    control_share: Annotated[
        float | None,
        typer.Option(
            "--control-share", help="Share that also gets a control reply; default: those captured with one."
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
) -> None:
    """Send captured requests to two engines again; interrupted, the same command goes on where it stopped."""
    from understudy.app.again import run

    raise typer.Exit(run(captures, baseline, candidate, model, out, concurrency, control_share, quiet=quiet))


@app.command(rich_help_panel=COMPARING)
def analyze(
    pairs: Annotated[
        list[Path], typer.Argument(metavar="PAIRS...", help="Captured Parquet, or JSON Lines of pairs.")
    ],
    out: Annotated[Path, _out("Where scores, verdicts and the report go.")] = Path("out/analyze"),
    tolerances: Annotated[
        Path | None, typer.Option("--tolerances", help="A tolerances.toml; default: the shipped ones.")
    ] = None,
    duplicates: Annotated[
        str, typer.Option("--duplicates", help="Of an id that comes twice: error, or suffix it.")
    ] = "error",
    absolute: Annotated[
        bool, typer.Option("--absolute", help="Judge agreement without a control, against perfect agreement.")
    ] = False,
    config: Whose = None,
    workers: Workers = None,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 on a breach.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
    as_json: Json = False,
) -> None:
    """Score stored pairs and judge them against the tolerances: scores, verdicts, and a report to read."""
    from understudy.analysis.analyze import Settings
    from understudy.analysis.command import run
    from understudy.analysis.inputs import Duplicates
    from understudy.analysis.workers import usable

    if duplicates not in tuple(Duplicates):
        raise typer.BadParameter("say error or suffix", param_hint="--duplicates")
    settings = Settings.of(
        config, workers=usable(workers), duplicates=Duplicates(duplicates), absolute=absolute
    )
    raise typer.Exit(
        run(pairs, out, settings=settings, tolerances=tolerances, as_json=as_json, strict=strict, quiet=quiet)
    )


@app.command(rich_help_panel=COMPARING)
def score(
    files: Annotated[
        list[Path],
        typer.Argument(
            metavar="FILE...",
            help="JSON Lines (.gz too) of replies or pairs, captures, or - for standard input.",
        ),
    ],
    analyzer: Annotated[
        list[str] | None,
        typer.Option("--analyzer", "-a", help="Which one; may be said several times; default: the config's."),
    ] = None,
    config: Whose = None,
    workers: Workers = None,
    quiet: Annotated[bool, typer.Option("--quiet", help="No count of the rows.")] = False,
    as_json: Json = False,
) -> None:
    """Say what analyzers find in stored replies, why, and where in the text; nothing is judged."""
    from understudy.analysis.score import run

    raise typer.Exit(run(files, analyzer or (), config=config, workers=workers, as_json=as_json, quiet=quiet))


@app.command(rich_help_panel=COMPARING)
def drift(
    votes: Annotated[
        list[Path],
        typer.Argument(metavar="VOTES...", help="Votes as Parquet, CSV or JSON Lines: files or directories."),
    ],
    out: Annotated[Path, _out("Where verdicts and summary go.")] = Path("out/drift"),
    tolerances: Annotated[
        Path | None,
        typer.Option(
            "--tolerances", help="A tolerances.toml; default: those of the live run, or the shipped ones."
        ),
    ] = None,
    tick_s: Annotated[
        float | None, typer.Option("--tick-s", help="Seconds of a tick; default: as the tolerances say.")
    ] = None,
    warn: Annotated[
        float | None, typer.Option("--budget-warn", help="False alarms a month (or a run) at tier warn.")
    ] = None,
    page: Annotated[float | None, typer.Option("--budget-page", help="The same at tier page.")] = None,
    rollback: Annotated[
        float | None, typer.Option("--budget-rollback", help="The same at tier rollback.")
    ] = None,
    as_run: Annotated[
        bool, typer.Option("--run", help="All of it is one rollout; default where rows have no ts.")
    ] = False,
    slack_s: Annotated[
        float, typer.Option("--slack-s", min=0, help="Seconds that a row may stand behind later ones.")
    ] = 60.0,
    analyzers: Annotated[
        str | None, typer.Option("--analyzers", help="What scored, to be told in the summary.")
    ] = None,
    strict: Annotated[
        bool, typer.Option("--strict", help="Exit 1 on a breach at the end, or when many rows are no votes.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="No progress bar.")] = False,
    as_json: Json = False,
) -> None:
    """Judge stored votes by the engine that runs live: every change of verdict, and a table."""
    from understudy.votes.command import run

    raise typer.Exit(
        run(
            votes,
            out,
            tolerances=tolerances,
            tick_s=tick_s,
            budget={"warn": warn, "page": page, "rollback": rollback},
            as_run=as_run,
            analyzers=analyzers,
            slack_s=slack_s,
            as_json=as_json,
            strict=strict,
            quiet=quiet,
        )
    )


@app.command(rich_help_panel=COMPARING)
def topics(
    captures: Annotated[
        list[Path], typer.Argument(metavar="CAPTURE...", help="Captured Parquet, or JSON Lines of pairs.")
    ],
    out: Annotated[Path, _out("Where the codebook goes.")] = Path("topics.npz"),
    number: Annotated[int, typer.Option("--topics", min=2, max=64, help="How many to learn.")] = 24,
    lists: Annotated[
        Path | None, typer.Option("--lists", help="Not learnt, but made of these lists of words (TOML).")
    ] = None,
    names: Annotated[
        Path | None,
        typer.Option("--names", help="An older codebook: topics that are in it keep their names."),
    ] = None,
) -> None:
    """Learn the topics of captured prompts, for the slices of the categorizer `topic`."""
    from understudy.analysis.topics import run

    raise typer.Exit(run(captures, out, number, lists, names))


limits = typer.Typer(help="What a tolerances.toml says, and what a change of it means.", no_args_is_help=True)
app.add_typer(limits, name="tolerances", rich_help_panel=COMPARING)


@limits.command("check")
def tolerances_check(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The tolerances.toml.")],
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", help="Whose analyzers and categorizers give the names; default: the shipped ones."
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Say what is wrong with a tolerances file and where: numbers, keys, names that nothing answers to."""
    from understudy.app.tolerances import check

    raise typer.Exit(check(file, config, as_json=as_json))


@limits.command("show")
def tolerances_show(
    file: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="A tolerances.toml; default: the shipped ones.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show every number that holds, why, and whether the file or the default says it."""
    from understudy.app.tolerances import show

    raise typer.Exit(show(file, as_json=as_json))


@limits.command("diff")
def tolerances_diff(
    old: Annotated[Path, typer.Argument(metavar="A", help="A tolerances.toml, or `default`.")],
    new: Annotated[Path, typer.Argument(metavar="B", help="Another, or `default`.")],
    as_json: Json = False,
) -> None:
    """Say what changes from A to B and what it costs in votes; exit code 1 when evidence would begin anew."""
    from understudy.app.tolerances import diff

    raise typer.Exit(diff(old, new, as_json=as_json))


def main() -> None:
    """The console script: errors an operator can mend are one line, never a traceback."""
    signal.signal(signal.SIGTERM, leave)  # what runs until it is stopped takes another handler
    code = guarded(app)
    sys.exit(WRONG if code == USAGE else code)  # one code for wrong use, whoever finds it


if __name__ == "__main__":
    main()
