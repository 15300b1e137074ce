"""What every job shares: arguments, run record, locks, exit codes, logging."""

from nightshelf.runs.run import Job, Run, Skipped

__all__ = ["Job", "Run", "Skipped"]
