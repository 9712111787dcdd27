"""Queries as the pages get them."""

from django.utils.datastructures import MultiValueDict


def make_query(**values: str | list[str]) -> MultiValueDict[str, str]:
    """A query string's values; `from_` is `from`."""
    lists = {name.rstrip("_"): [value] if isinstance(value, str) else value for name, value in values.items()}
    return MultiValueDict(lists)
