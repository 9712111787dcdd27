"""What stops an import, and what makes one line of it bad."""

from enum import StrEnum


class ImportFileError(Exception):
    """Nothing can be imported as it was asked for; the message is one line that says why and what there is."""


class DamagedInputError(Exception):
    """The file cannot be read any further; the message is one line that says why."""


class Fault(StrEnum):
    """Why a line is bad before it is an event; the contract's `Reason` says why an event is."""

    NOT_UTF8 = "not_utf8"
    NOT_CSV = "not_csv"
    WRONG_COLUMNS = "wrong_columns"
    LINE_TOO_LONG = "line_too_long"
    DAMAGED_FILE = "damaged_file"
    REFUSED_BY_BROKER = "refused_by_broker"
