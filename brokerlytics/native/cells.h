/* Cells of a CSV row, quoted as Python's csv.writer does. Whoever calls has seen to it that there is room. */

#ifndef BROKERLYTICS_CELLS_H
#define BROKERLYTICS_CELLS_H

#include "input.h"

static inline uint8_t *put(uint8_t *out, const void *bytes, size_t length) {
    memcpy(out, bytes, length);
    return out + length;
}

/* What stands behind the backslash, as the character that it is. */
static inline uint8_t unescaped(uint8_t letter) {
    switch (letter) {
    case 'b':
        return '\b';
    case 'f':
        return '\f';
    case 'n':
        return '\n';
    case 'r':
        return '\r';
    case 't':
        return '\t';
    default:
        return letter;
    }
}

/* At most twice as long as the text, and two quotes. */
static inline uint8_t *put_text(uint8_t *out, const struct text *text) {
    if (text->special) {
        *out++ = '"';
    }
    if (!text->escaped) {
        out = put(out, text->start, text->length);
    } else {
        for (const uint8_t *at = text->start, *end = at + text->length; at < end; at++) {
            uint8_t byte = *at == '\\' ? unescaped(*++at) : *at;
            if (byte == '"') {
                *out++ = '"';
            }
            *out++ = byte;
        }
    }
    if (text->special) {
        *out++ = '"';
    }
    return out;
}

/* JSON: always in quotes, its own doubled. */
static inline uint8_t *put_object(uint8_t *out, const struct text *object) {
    *out++ = '"';
    for (const uint8_t *at = object->start, *end = at + object->length; at < end; at++) {
        *out++ = *at;
        if (*at == '"') {
            *out++ = '"';
        }
    }
    *out++ = '"';
    return out;
}

/* To the millisecond. */
static inline uint8_t *put_time(uint8_t *out, const struct text *time) {
    static const size_t to_second = sizeof "2026-08-22T09:30:12" - 1, to_millisecond = sizeof "2026-08-22T09:30:12.345" - 1;
    if (time->length > to_millisecond) {
        return put(put(out, time->start, to_millisecond), "Z", 1);
    }
    return put(put(out, time->start, to_second), ".000Z", 5);
}

static inline uint8_t *put_currency(uint8_t *out, const struct text *code) {
    for (size_t index = 0; index < code->length; index++) {
        uint8_t letter = code->start[index];
        *out++ = letter >= 'a' ? (uint8_t)(letter - 'a' + 'A') : letter;
    }
    return out;
}

static inline uint8_t *put_integer(uint8_t *out, int64_t number) {
    uint8_t digits[20];
    size_t first = sizeof digits;
    do {
        digits[--first] = (uint8_t)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    return put(out, digits + first, sizeof digits - first);
}

#endif
