"""The command group: a verb is a module that is imported when it is called, so that help is instant."""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

import click

from consolidate._version import __version__
from consolidate.cli.terminal import say

__all__ = ["cli", "main"]

#: Verb, its one line of help. The module of a verb has its name, with ``_`` for ``-``.
VERBS = {
    "demo": "Generate a private cloud, consolidate it, and write the report.",
    "run": "Read a trace, solve, plan, replay and report: the whole chain.",
    "inspect": "Say what a trace file is, what is wrong with it, and how to use it.",
    "calibrate": "Fit the power curve of a host type to your own measurements.",
    "datasets": "List known datasets, fetch one, or generate a private cloud.",
    "solve": "Read a trace and choose a placement, with a lower bound.",
    "place": "Solve a placement problem of a benchmark library.",
    "why": "Say what keeps hosts on, what moves bring back, what rules cost, what cannot be.",
    "front": "Trade energy against moves for a solved run folder.",
    "plan": "Schedule the migrations of a solved run folder.",
    "execute": "Carry out the plan of a run folder on simulated hosts that fail.",
    "replay": "Replay the trace of a planned run folder, with and without the plan.",
    "compare": "Replay several policies on one trace and print one table.",
    "cloudsim": "Run the PlanetLab experiments of CloudSim 3.0.3, to the last digit.",
    "report": "Write the report of a replayed run folder.",
    "check": "Re-derive everything in a run folder independently.",
    "explore": "Write one page of several run folders, to filter and hover over.",
    "diff": "Say what changed between two reported run folders.",
    "export": "Write the plan of a run folder in the format of another system.",
    "list": "List policies, formats, fleets, rules, servers, zones and other kinds of things.",
    "doctor": "Print versions and what works on this machine.",
}


class _Lazy(click.Group):
    """A group whose commands are imported on use."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in VERBS:
            return None
        module = import_module(f"consolidate.cli.{cmd_name}_command")
        command: click.Command = module.command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(list(VERBS.items()))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            import difflib

            near = difflib.get_close_matches(args[0], VERBS, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else ""
            ctx.fail(f"No such command {args[0]!r}.{hint}")
        return super().resolve_command(ctx, args)


@click.command(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="consolidate")
def cli() -> None:
    """Put virtual machines on few servers so that the others can be switched off.

    Start with `consolidate demo`, or `consolidate run TRACE --out RUN` on your own trace.
    """


def main(args: list[str] | None = None) -> None:
    """Run the command line and exit.

    Exit codes: 0 done, 1 a bug of ours, 2 bad input, 3 no feasible placement, 4 a check failed,
    130 interrupted.
    """
    sys.exit(_run(args))


def _run(args: list[str] | None) -> int:
    from consolidate.errors import ConsolidateError

    try:
        result: Any = cli.main(args=args, prog_name="consolidate", standalone_mode=False)
    except click.exceptions.Abort:
        click.echo(
            "interrupted; what was finished is kept, the same command goes on from there", err=True
        )
        return 130
    except click.ClickException as error:
        error.show()
        return 2
    except ConsolidateError as error:
        say(f"error: {error}", err=True)
        return error.exit_code
    except BrokenPipeError:
        sys.stderr.close()
        return 0
    except OSError as error:
        # A folder that may not be written, a full disk: for the user to mend, and no bug of ours.
        say(f"error: {error}", err=True)
        return 2
    return result if isinstance(result, int) else 0
