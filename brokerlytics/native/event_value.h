/* A client's event as the value of the topic: byte for byte what encode_event() of brokerlytics/event_codec.py writes.
 * Whoever calls has seen to it that there is room. */

#ifndef BROKERLYTICS_EVENT_VALUE_H
#define BROKERLYTICS_EVENT_VALUE_H

#include "cells.h"
#include "client_event.h"

#define ID_RANDOM_BYTES 6

/* What is the same for all events of a request.
 * `defaults`: JSON for each field, for events that lack it; `received` for the times. `latest`: a time to the millisecond and without Z; the rules
 * flag what is later. `longest`: the bytes of a value; `margin`: how much longer than twice the event one may get.
 * New ids have the `milliseconds` since 1970, numbers from `number` on, and of `random` ID_RANDOM_BYTES each. */
struct request {
    const struct bytes *defaults;
    struct bytes received;
    const char *latest;
    const uint8_t *random;
    uint64_t milliseconds;
    uint32_t number, longest, margin;
};

/* Of one event, where things begin and end: its value, its key and the id that it brought among the values, or, when it is
 * not plain, itself in the body. */
struct found {
    uint32_t is_plain, value[2], key[2], id[2];
};

static uint8_t *put_hexadecimal(uint8_t *out, uint64_t number, unsigned digits) {
    for (unsigned index = digits; index-- > 0; number >>= 4) {
        out[index] = (uint8_t)"0123456789abcdef"[number & 15];
    }
    return out + digits;
}

/* A UUID of version 7 (RFC 9562). Its first 32 bits behind the time are the number: ids of one time are in order. */
static uint8_t *put_id(uint8_t *out, const struct request *request, uint32_t index) {
    const uint8_t *random = request->random + (size_t)index * ID_RANDOM_BYTES;
    uint32_t number = request->number + index;
    uint64_t rest = 0;
    memcpy(&rest, random, ID_RANDOM_BYTES);
    out = put_hexadecimal(out, request->milliseconds >> 16, 8);
    *out++ = '-';
    out = put_hexadecimal(out, request->milliseconds, 4);
    *out++ = '-';
    out = put_hexadecimal(out, 0x7000 | number >> 20, 4);
    *out++ = '-';
    out = put_hexadecimal(out, 0x8000 | (number >> 6 & 0x3FFF), 4);
    *out++ = '-';
    return put_hexadecimal(out, (uint64_t)(number & 0x3F) << 42 | (rest & ((UINT64_C(1) << 42) - 1)), 12);
}

static inline const uint8_t *milliseconds_of(const struct text *time) {
    bool has_some = time->length > TO_MILLISECOND;
    return has_some ? time->start + TO_SECOND : (const uint8_t *)".000";
}

static bool is_later(const struct text *time, const char *other) {
    int order = memcmp(time->start, other, TO_SECOND);
    return order > 0 || (order == 0 && memcmp(milliseconds_of(time), other + TO_SECOND, TO_MILLISECOND - TO_SECOND) > 0);
}

/* By microseconds, of which the last three are 0; a whole second without them. */
static uint8_t *put_json_time(uint8_t *out, const struct text *time) {
    const uint8_t *milliseconds = milliseconds_of(time);
    *out++ = '"';
    out = put(out, time->start, TO_SECOND);
    if (memcmp(milliseconds, ".000", 4) != 0) {
        out = put(put(out, milliseconds, 4), "000", 3);
    }
    return put(out, "Z\"", 2);
}

static uint8_t *put_json_number(uint8_t *out, const struct text *number) {
    out = put(out, number->start, number->length);
    return memchr(number->start, '.', number->length) ? out : put(out, ".0", 2);
}

static uint8_t *put_json(uint8_t *out, uint32_t type, const struct text *cell) {
    switch (type) {
    case TIME:
        return put_json_time(out, cell);
    case NUMBER:
        return put_json_number(out, cell);
    case OBJECT:
        return put(out, cell->start, cell->length);
    case CURRENCY:
        *out++ = '"';
        return put(put_currency(out, cell), "\"", 1);
    default:
        *out++ = '"';
        return put(put(out, cell->start, cell->length), "\"", 1);
    }
}

static uint8_t *put_name(uint8_t *out, const struct field *field) {
    out = put(out, ",\"", 2);
    return put(put(out, field->name, field->name_length), "\":", 2);
}

/* The cell that stands for the field: one of the two times of the client stands for the other. */
static const struct text *cell_of(const struct intake *intake, const struct event *event, uint32_t index) {
    const struct text *cell = &event->cells[index];
    if (has(event, index)) {
        return intake->contract->fields[index].type == OBJECT && cell->length == 2 ? NULL : cell;
    }
    if (index == intake->created_on && has(event, intake->original_created_on)) {
        return &event->cells[intake->original_created_on];
    }
    if (index == intake->original_created_on && has(event, intake->created_on)) {
        return &event->cells[intake->created_on];
    }
    return NULL;
}

/* Its text, without the quotes around it. */
static inline void say_where(const uint8_t *values, const uint8_t *start, const uint8_t *end, uint32_t where[2]) {
    where[0] = (uint32_t)(start + 1 - values);
    where[1] = (uint32_t)(end - 1 - values);
}

/* `index`: of the event in the request; `values`: what the places in `found` count from. */
static uint8_t *put_value(uint8_t *out, const struct intake *intake, const struct request *request,
                          const struct event *event, uint32_t index, const uint8_t *values, struct found *found) {
    const struct contract *contract = intake->contract;
    const struct text *person = person_of(intake, event);
    found->value[0] = (uint32_t)(out - values);
    out = put(out, "{\"v\":1", 6);
    for (uint32_t field = 0; field < contract->field_count; field++) {
        const struct text *cell = cell_of(intake, event, field);
        bool is_time = contract->fields[field].type == TIME;
        const struct bytes *given = is_time ? &request->received : &request->defaults[field];
        if (cell) {
            const uint8_t *start = out = put_name(out, &contract->fields[field]);
            out = put_json(out, contract->fields[field].type, cell);
            if (cell == person) {
                say_where(values, start, out, found->key);
            } else if (field == contract->event_id) {
                say_where(values, start, out, found->id);
            }
        } else if (field == contract->event_id) {
            out = put(put_name(out, &contract->fields[field]), "\"", 1);
            out = put(put_id(out, request, index), "\"", 1);
        } else if (given->length) {
            out = put(put_name(out, &contract->fields[field]), given->start, given->length);
        }
    }
    out = put(out, "}", 1);
    found->value[1] = (uint32_t)(out - values);
    return out;
}

static inline bool is_from_the_future(const struct intake *intake, const struct request *request,
                                      const struct event *event) {
    const struct text *created = cell_of(intake, event, intake->created_on);
    return created && is_later(created, request->latest);
}

#endif
