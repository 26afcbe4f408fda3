"""One tree of errors. Each carries a sentence that says what is wrong and what to do, and an exit code."""

from __future__ import annotations

from typing import ClassVar


class TelltopError(Exception):
    """Base of all errors that a person is shown; ``str()`` of it is the sentence."""

    exit_code: ClassVar[int] = 1


class UsageError(TelltopError):
    """Flags, environment or configuration file are wrong; holds every problem found, a line each."""

    exit_code = 2

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class ModelError(TelltopError):
    """The model cannot be used: missing, damaged, unknown, or larger than the memory that is free."""

    exit_code = 3


class TelemetryError(TelltopError):
    """The node cannot be sampled at all."""

    exit_code = 4


class GenerationError(TelltopError):
    """A text could not be written to its end."""

    exit_code = 5


class OutputError(TelltopError):
    """The output cannot be written."""

    exit_code = 6
