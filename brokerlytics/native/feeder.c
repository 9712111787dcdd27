/* What the feeder does for every event, for many at once. library.py calls it, and says what goes in and out.
 *
 * Nothing is allocated, kept or shared: all memory is the caller's. */

#include "rows.h"

/* So many digests before its search, memory is asked for. */
#define AHEAD 8

/* The rows of `count` values, which lie one behind the other, and the digests of their events.
 * `ends[n]` is where row n ends in `rows`: where it begins, when the value is not plain. Returns how many are. */
uint64_t encode_rows(const struct contract *contract, const uint8_t *key, const uint8_t *values, const uint32_t *lengths,
                     const int64_t *offsets, uint64_t count, int64_t partition, uint8_t *rows, uint64_t capacity,
                     uint64_t *ends, uint8_t *digests) {
    struct output output = {contract, key, rows, rows + capacity};
    uint64_t plain = 0;
    for (uint64_t index = 0; index < count; index++) {
        plain += encode_row(&output, values, lengths[index], partition, offsets[index], digests + index * DIGEST_BYTES);
        values += lengths[index];
        ends[index] = (uint64_t)(output.out - rows);
    }
    return plain;
}

/* The digests of texts, which lie one behind the other. */
void digest_texts(const uint8_t *key, const uint8_t *texts, const uint32_t *lengths, uint64_t count, uint8_t *digests) {
    for (uint64_t index = 0; index < count; index++) {
        put_digest(digests + index * DIGEST_BYTES, key, texts, lengths[index]);
        texts += lengths[index];
    }
}

/* Add to the first of `sets` what none of them has; `is_new` says of which digests that is. Returns how many.
 * The first set has room for `count` more. */
uint64_t add_new(const struct set *sets, uint64_t set_count, const uint8_t *digests, uint64_t count, uint8_t *is_new) {
    uint64_t added = 0;
    for (uint64_t index = 0; index < count; index++, digests += DIGEST_BYTES) {
        bool found = false;
        for (uint64_t any = 0; any < set_count && index + AHEAD < count; any++) {
            fetch_slot(&sets[any], digests + AHEAD * DIGEST_BYTES);
        }
        for (uint64_t other = 1; other < set_count && !found; other++) {
            found = is_in(&sets[other], digests);
        }
        if (!found) {
            uint8_t *slot = slot_of(&sets[0], digests);
            found = memcmp(slot, digests, DIGEST_BYTES) == 0;
            memcpy(slot, digests, DIGEST_BYTES);
        }
        is_new[index] = !found;
        added += !found;
    }
    return added;
}

/* Copy all digests of one set into another, which is empty and has room for them. */
void copy_set(const struct set *from, const struct set *to) {
    static const uint8_t free_slot[DIGEST_BYTES];
    for (uint64_t index = 0; index < from->capacity; index++) {
        const uint8_t *digest = from->slots + index * DIGEST_BYTES;
        if (memcmp(digest, free_slot, DIGEST_BYTES) != 0) {
            memcpy(slot_of(to, digest), digest, DIGEST_BYTES);
        }
    }
}
