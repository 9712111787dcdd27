/* Digests of events, and sets of them: what tells whether an event was stored already.
 *
 * A set is an array of slots in memory of the caller's; a slot of zeros is free. */

#ifndef BROKERLYTICS_DIGESTS_H
#define BROKERLYTICS_DIGESTS_H

#include <stdbool.h>

#include "siphash.h"

#define DIGEST_BYTES 12

struct set {
    uint8_t *slots;
    uint64_t capacity;
};

static void put_digest(uint8_t *digest, const uint8_t *key, const uint8_t *text, size_t length) {
    static const uint8_t free_slot[DIGEST_BYTES];
    uint64_t hash[2];
    siphash(key, text, length, hash);
    memcpy(digest, hash, DIGEST_BYTES);
    if (memcmp(digest, free_slot, DIGEST_BYTES) == 0) {
        digest[0] = 1;
    }
}

/* Where the search for a digest begins. */
static inline uint64_t first_slot(const struct set *set, const uint8_t *digest) {
    uint32_t first;
    memcpy(&first, digest, sizeof first);
    return first * set->capacity >> 32;
}

/* The slot that has the digest, or the free one where it belongs. There is always a free one. */
static uint8_t *slot_of(const struct set *set, const uint8_t *digest) {
    uint64_t index = first_slot(set, digest);
    for (;;) {
        static const uint8_t free_slot[DIGEST_BYTES];
        uint8_t *slot = set->slots + index * DIGEST_BYTES;
        if (memcmp(slot, digest, DIGEST_BYTES) == 0 || memcmp(slot, free_slot, DIGEST_BYTES) == 0) {
            return slot;
        }
        if (++index == set->capacity) {
            index = 0;
        }
    }
}

/* A set is larger than the processor's caches: have the memory on its way that a later search will look at. */
static inline void fetch_slot(const struct set *set, const uint8_t *digest) {
    __builtin_prefetch(set->slots + first_slot(set, digest) * DIGEST_BYTES);
}

static inline bool is_in(const struct set *set, const uint8_t *digest) {
    return memcmp(slot_of(set, digest), digest, DIGEST_BYTES) == 0;
}

#endif
