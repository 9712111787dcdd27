"""DuckDB's values as JSON has them."""

import math
from typing import Any, Final

# Beyond this, programs that read JSON numbers as floats lose digits.
_EXACT_IN_JSON: Final = 2**53


def plain(value: Any) -> Any:
    """`value` as text, number, boolean, None, list or object; decimals and times become text, exactly."""
    match value:
        case dict():
            return {str(key): plain(item) for key, item in value.items()}
        case list() | tuple():
            return [plain(item) for item in value]
        case bytes():
            return value.hex()
        case None | bool() | str():
            return value
    return value if _is_json_number(value) else str(value)


def _is_json_number(value: Any) -> bool:
    if isinstance(value, float):
        return math.isfinite(value)
    return isinstance(value, int) and abs(value) < _EXACT_IN_JSON
