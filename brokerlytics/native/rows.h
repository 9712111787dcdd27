/* The row of a plain event, and the digest that tells the event from others. */

#ifndef BROKERLYTICS_ROWS_H
#define BROKERLYTICS_ROWS_H

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

/* A row at a time into one piece of memory: `out` is where the next one goes. */
struct output {
    const struct contract *contract;
    const uint8_t *key;
    uint8_t *out, *end;
};

/* False: the value is not plain, or there may be no room for its row; then nothing is written. */
static inline bool encode_row(struct output *output, const uint8_t *value, uint64_t length, int64_t partition,
                              int64_t offset, uint8_t *digest) {
    struct event event;
    struct input in = {value, value + length};
    if ((uint64_t)(output->end - output->out) < 2 * length + ROW_MARGIN || !read_event(output->contract, &in, &event) ||
        !put_event_digest(digest, output->key, output->contract, &event)) {
        return false;
    }
    output->out = put_row(output->out, output->contract, &event, partition, offset);
    return true;
}

#endif
