"""The errors of the store's commands as one line each."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.core.management.base import CommandError

from brokerlytics.checkpoint import CorruptCheckpointError
from feeder_app.errors import FeederError, OutOfSpaceError


@contextmanager
def told() -> Iterator[None]:
    """Turns what ends a job into a CommandError with the exit code of its kind."""
    try:
        yield
    except FeederError as error:
        raise CommandError(str(error), returncode=error.exit_code) from error
    except (CorruptCheckpointError, OutOfSpaceError) as error:
        raise CommandError(str(error)) from error
    except KeyboardInterrupt as error:
        raise CommandError("Stopped: each day is as it was, or done. Run it again for the rest.") from error
    except OSError as error:
        raise CommandError(f"{error.filename or 'The store'}: {error.strerror}. No day was left half done.") from error
