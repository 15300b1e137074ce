"""The command line that every job shares."""

import sys
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import click
import structlog

from nightshelf.config import Config, load, resolved
from nightshelf.errors import EXIT_OK, ConfigError, NightshelfError
from nightshelf.runs import logs
from nightshelf.runs.failures import explained
from nightshelf.runs.record import Outcome, execute, failure, parse_ds, write_status
from nightshelf.runs.run import Job, Run, new_run_id
from nightshelf.session import build

Extra = Mapping[str, Any]
"""The options of one job, by name; None where not given."""


@dataclass(frozen=True)
class Arguments:
    """What the command line said, parsed."""

    config: Config
    ds: date
    run_id: str
    dry_run: bool
    extra: Extra


Body = Callable[[Arguments], Outcome]
DefaultDs = Callable[[Config, Extra], date | None]


def single(job: Job) -> Callable[[], None]:
    """The `main` of a script that runs one job."""

    def body(arguments: Arguments) -> Outcome:
        return execute(job, start(arguments, job.name))

    return command(job.name, body)


def start(arguments: Arguments, job: str) -> Run:
    """A run of the job in this process's Spark session."""
    config = arguments.config
    hive = config.warehouse.metastore_database is not None or config.sources.has("hive")
    spark = build(config.spark, job, hive)
    return Run(spark, config, arguments.ds, job, arguments.run_id, arguments.dry_run)


def command(
    name: str,
    body: Body,
    *,
    default_ds: DefaultDs = lambda *_: None,
    options: tuple[click.Option, ...] = (),
) -> Callable[[], None]:
    """The `main` of a script: parses, runs `body`, reports, exits with the code that tells how."""

    def callback(
        conf_file: str | None,
        ds: str | None,
        overrides: tuple[str, ...],
        dry_run: bool,
        status_file: str | None,
        print_config: bool,
        **extra: Any,
    ) -> int:
        day: date | None = None
        run_id: str | None = None
        try:
            day = parse_ds(ds) if ds is not None else None
            config = load(conf_file, overrides)
            logs.configure(config.logging.format, config.logging.level)
            if print_config:
                click.echo(resolved(config), nl=False)
                return EXIT_OK
            day = day or default_ds(config, extra)
            if day is None:
                raise ConfigError("--ds is missing: no job reads the clock; give the business date")
            run_id = new_run_id(day)
            structlog.contextvars.bind_contextvars(job=name, ds=day.isoformat(), run_id=run_id)
            outcome = body(Arguments(config, day, run_id, dry_run, extra))
        except Exception as error:  # every way to fail ends in one line and a code
            told = explained(error) or error
            outcome = failure(told)
            _report(told, outcome)
        write_status(status_file, name, day, run_id, outcome)
        return outcome.exit_code

    parser = click.Command(name, params=[*_shared_options(), *options], callback=callback)
    return lambda: _main(parser, name)


def _shared_options() -> list[click.Parameter]:
    return [
        click.Option(["--conf-file"], help="YAML file over the defaults; see conf/base.yaml."),
        click.Option(["--ds"], help="Business date YYYY-MM-DD: the last day that is used."),
        click.Option(["--set", "overrides"], multiple=True, metavar="KEY=VALUE",
                     help="Overrides one key, such as item_cf.k=100; may be repeated."),
        click.Option(["--dry-run"], is_flag=True, help="Computes and checks, publishes nothing."),
        click.Option(["--status-file"], metavar="URI", help="Where to write how the run ended."),
        click.Option(["--print-config"], is_flag=True, help="Prints the resolved config and ends."),
    ]  # fmt: skip


def _main(parser: click.Command, name: str) -> None:
    logs.configure("auto", "info")
    try:
        code = parser.main(standalone_mode=False, prog_name=f"{name}.py")
    except click.UsageError as error:
        click.echo(f"{name}: {error.format_message()} (--help lists the options)", err=True)
        code = ConfigError.exit_code
    except (click.Abort, KeyboardInterrupt):
        code = 130
    sys.exit(code or EXIT_OK)


def _report(error: Exception, outcome: Outcome) -> None:
    logs.logger().error(outcome.message, exit_code=outcome.exit_code)
    if not isinstance(error, NightshelfError):
        traceback.print_exception(error, file=sys.stderr)
