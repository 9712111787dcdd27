/* What the feeder does for every event, for many at once. library.py calls it, and says what goes in and out.
 *
 * Nothing is allocated, kept or shared: all memory is the caller's. */

#include "cells.h"
#include "digests.h"
#include "event.h"

/* Beyond twice the value: commas, quotes, partition and offset, and what times grow by. */
#define ROW_MARGIN 256
/* Two texts of the contract, of four bytes a character. */
#define MAX_KEY 2048

static uint8_t *put_cell(uint8_t *out, const struct field *field, const struct text *cell) {
    switch (field->type) {
    case TIME:
        return put_time(out, cell);
    case CURRENCY:
        return put_currency(out, cell);
    case NUMBER:
        return put(out, cell->start, cell->length);
    case OBJECT:
        return cell->length > 2 ? put_object(out, cell) : out;
    default:
        return put_text(out, cell);
    }
}

static uint8_t *put_row(uint8_t *out, const struct contract *contract, const struct event *event, int64_t partition,
                        int64_t offset) {
    for (uint32_t index = 0; index < contract->field_count; index++) {
        if (has(event, index)) {
            out = put_cell(out, &contract->fields[index], &event->cells[index]);
        }
        *out++ = ',';
    }
    out = put_integer(out, partition);
    *out++ = ',';
    out = put_integer(out, offset);
    return put(out, "\r\n", 2);
}

/* The digest of the source, if there is one, a NUL and the event's id. */
static bool put_event_digest(uint8_t *digest, const uint8_t *key, const struct contract *contract,
                             const struct event *event) {
    const struct text *source = &event->cells[contract->source], *id = &event->cells[contract->event_id];
    uint8_t text[MAX_KEY], *end = text;
    size_t source_length = has(event, contract->source) ? source->length : 0;
    if (source_length + 1 + id->length > MAX_KEY) {
        return false;
    }
    if (source_length) {
        end = put(end, source->start, source_length);
    }
    *end++ = 0;
    end = put(end, id->start, id->length);
    put_digest(digest, key, text, (size_t)(end - text));
    return true;
}

/* The rows of `count` values, which lie one behind the other, and the digests of their events.
 * `ends[n]` is where row n ends in `rows`: where it begins, when the value is not plain. Returns how many are. */
uint64_t encode_rows(const struct contract *contract, const uint8_t *key, const uint8_t *values, const uint32_t *lengths,
                     const int64_t *offsets, uint64_t count, int64_t partition, uint8_t *rows, uint64_t capacity,
                     uint64_t *ends, uint8_t *digests) {
    struct event event;
    uint8_t *out = rows;
    uint64_t plain = 0;
    for (uint64_t index = 0; index < count; index++) {
        struct input in = {values, values + lengths[index]};
        uint64_t room = capacity - (uint64_t)(out - rows);
        values += lengths[index];
        if (room >= 2 * (uint64_t)lengths[index] + ROW_MARGIN && read_event(contract, &in, &event) &&
            put_event_digest(digests + index * DIGEST_BYTES, key, contract, &event)) {
            out = put_row(out, contract, &event, partition, offsets[index]);
            plain++;
        }
        ends[index] = (uint64_t)(out - rows);
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
