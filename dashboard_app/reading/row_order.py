"""The order of a person's rows, as SQL."""

from typing import Final

# One number that sorts as (created_on, _partition, _offset) does, at a third of the cost: milliseconds, as the
# CSV has, in the highest 42 bits, then 22 for the partition and 63 for the offset.
ROW_ORDER: Final = "((epoch_ms(created_on)::HUGEINT << 85) + (_partition::HUGEINT << 63) + _offset)"
