"""What a reader of the dashboard can do wrong."""


class FilterError(Exception):
    """The query string asks for what cannot be shown.

    Args:
        message: what was wrong and what to do.
        parameter: the one of the query that is wrong, such as `interval`.
        value: which of its values is, where it may have several.
    """

    def __init__(self, message: str, parameter: str, value: str = "") -> None:
        super().__init__(message)
        self.parameter = parameter
        self.value = value
