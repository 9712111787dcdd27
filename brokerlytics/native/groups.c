/* Rows of a sequence, counted by groups: how many, and of how many different numbers. groups.py calls it.
 *
 * Which groups a row is in is looked up by its kind and by its value, of which a file has few. */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Places among kinds and values of so many bytes; `values` is NULL where groups are of kinds alone. */
struct coded {
    const void *kinds, *values;
    uint64_t kind_bytes, value_bytes, count;
};

/* What is known of a number: the groups that it was in so far, those of the bucket that it was in last, and those that
 * it counts for at all. */
struct member {
    uint16_t all, now, bucket, counts_for;
};

/* A row is in those groups, one at most, that its kind and its value have both. `persons` has the number for which one
 * counts, or is NULL. Numbers are below `numbers`, and those that count below `limit`. */
struct groups {
    const uint16_t *of_kinds, *of_values;
    const int32_t *persons;
    struct member *members;
    uint64_t numbers, limit;
};

#define BLOCK 256
#define GROUPS 16

static uint64_t least(uint64_t one, uint64_t other) { return one < other ? one : other; }

/* Copy a block of places: what is done with each then need not ask how many bytes it has. */
static void widen(const void *places, uint64_t bytes, uint64_t first, uint64_t count, uint32_t *widened) {
    switch (bytes) {
    case 1:
        for (uint64_t index = 0; index < count; index++) {
            widened[index] = ((const uint8_t *)places)[first + index];
        }
        break;
    case 2:
        for (uint64_t index = 0; index < count; index++) {
            widened[index] = ((const uint16_t *)places)[first + index];
        }
        break;
    default:
        memcpy(widened, (const uint32_t *)places + first, count * sizeof *widened);
    }
}

/* Add the rows of kinds that are asked for, by value, or by kind where values are not asked for. */
void count_rows(const struct coded *coded, const uint8_t *asked, uint64_t *counts) {
    uint32_t kinds[BLOCK], values[BLOCK];
    for (uint64_t first = 0; first < coded->count; first += BLOCK) {
        uint64_t count = least(BLOCK, coded->count - first);
        widen(coded->kinds, coded->kind_bytes, first, count, kinds);
        if (coded->values) {
            widen(coded->values, coded->value_bytes, first, count, values);
        }
        const uint32_t *by = coded->values ? values : kinds;
        for (uint64_t index = 0; index < count; index++) {
            counts[by[index]] += asked[kinds[index]];
        }
    }
}

/* The groups of the rows of a block. */
static void find_groups(const struct coded *coded, const struct groups *groups, uint64_t first, uint64_t count,
                        uint16_t *masks) {
    uint32_t places[BLOCK];
    widen(coded->kinds, coded->kind_bytes, first, count, places);
    for (uint64_t index = 0; index < count; index++) {
        masks[index] = groups->of_kinds[places[index]];
    }
    if (coded->values) {
        widen(coded->values, coded->value_bytes, first, count, places);
        for (uint64_t index = 0; index < count; index++) {
            masks[index] &= groups->of_values[places[index]];
        }
    }
}

/* Add to `counts` how many of the numbers are in one of the groups for the first time in this bucket; it has room for
 * one group more than there are. Returns the groups that have any row, -1 when a number is beyond the limit. */
int64_t count_different(const struct coded *coded, const int32_t *numbers, const struct groups *groups,
                        uint16_t bucket, uint64_t *counts) {
    uint32_t number_of[BLOCK], known = (uint32_t)groups->numbers, limit = (uint32_t)groups->limit;
    uint16_t masks[BLOCK], mask_of[BLOCK];
    struct member *members = groups->members;
    uint32_t present = 0;
    bool are_known = true;
    for (uint64_t first = 0; first < coded->count; first += BLOCK) {
        uint64_t count = least(BLOCK, coded->count - first), chosen = 0;
        find_groups(coded, groups, first, count, masks);
        /* The memory of all rows of a block is asked for before that of the first is waited for. */
        for (uint64_t index = 0; index < count; index++) {
            uint32_t number = (uint32_t)numbers[first + index];
            are_known &= number < known;
            number_of[chosen] = number < known ? number : 0;
            mask_of[chosen] = masks[index];
            present |= masks[index];
            chosen += masks[index] != 0;
            if (groups->persons) {
                __builtin_prefetch(groups->persons + number);
            } else {
                __builtin_prefetch(members + number, 1);
            }
        }
        if (groups->persons) {
            for (uint64_t index = 0; index < chosen; index++) {
                uint32_t number = (uint32_t)groups->persons[number_of[index]];
                are_known &= number < limit;
                number_of[index] = number < limit ? number : 0;
                __builtin_prefetch(members + number_of[index], 1);
            }
        }
        for (uint64_t index = 0; index < chosen; index++) {
            struct member *member = members + number_of[index];
            uint32_t now = member->bucket == bucket ? member->now : 0;
            uint32_t mask = mask_of[index] & member->counts_for;
            uint32_t fresh = mask & ~now;
            member->bucket = bucket;
            member->now = (uint16_t)(now | mask);
            member->all = (uint16_t)(member->all | mask);
            counts[__builtin_ctz(fresh | 1U << GROUPS)]++;
        }
    }
    return are_known ? (int64_t)present : -1;
}
