/* A value of the topic, read byte by byte: JSON's texts and numbers in the one way that our producer writes them.
 *
 * Every function that reads returns false for what it is not sure of, and never looks beyond `end`. */

#ifndef BROKERLYTICS_INPUT_H
#define BROKERLYTICS_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct input {
    const uint8_t *at, *end;
};

/* Between its quotes. `special`: its CSV cell needs quotes. `escaped`: a backslash is in it. */
struct text {
    const uint8_t *start;
    size_t length, characters;
    bool special, escaped;
};

/* `whole` and `fraction` count digits, `zeros` those that the fraction begins with. */
struct number {
    const uint8_t *start;
    size_t length, whole, fraction, zeros;
    bool is_zero, is_negative;
};

static inline bool take(struct input *in, uint8_t byte) {
    if (in->at == in->end || *in->at != byte) {
        return false;
    }
    in->at++;
    return true;
}

static inline bool take_word(struct input *in, const char *word, size_t length) {
    if ((size_t)(in->end - in->at) < length || memcmp(in->at, word, length) != 0) {
        return false;
    }
    in->at += length;
    return true;
}

static inline bool is_text(const struct text *text, const char *other, size_t length) {
    return text->length == length && memcmp(text->start, other, length) == 0;
}

static inline bool is_digit(uint8_t byte) {
    return byte >= '0' && byte <= '9';
}

static inline bool is_continuation(uint8_t byte) {
    return (byte & 0xC0) == 0x80;
}

/* The bytes of the character at `at`, which is beyond ASCII; 0 for what is no UTF-8 (RFC 3629). */
static size_t character_length(const uint8_t *at, const uint8_t *end) {
    uint8_t first = at[0];
    size_t left = (size_t)(end - at);
    if (first >= 0xC2 && first <= 0xDF) {
        return left >= 2 && is_continuation(at[1]) ? 2 : 0;
    }
    if (first >= 0xE0 && first <= 0xEF) {
        /* Neither longer than needed nor half of a surrogate pair. */
        uint8_t least = first == 0xE0 ? 0xA0 : 0x80, most = first == 0xED ? 0x9F : 0xBF;
        return left >= 3 && at[1] >= least && at[1] <= most && is_continuation(at[2]) ? 3 : 0;
    }
    if (first >= 0xF0 && first <= 0xF4) {
        uint8_t least = first == 0xF0 ? 0x90 : 0x80, most = first == 0xF4 ? 0x8F : 0xBF;
        return left >= 4 && at[1] >= least && at[1] <= most && is_continuation(at[2]) && is_continuation(at[3]) ? 4 : 0;
    }
    return 0;
}

static inline bool is_ordinary(uint8_t byte) {
    return byte >= 0x20 && byte < 0x80 && byte != '"' && byte != '\\' && byte != ',';
}

#define EACH(byte) (UINT64_C(0x0101010101010101) * (byte))

/* The high bit of each byte that is less than `least`; above the lowest such byte others may be marked as well. */
static inline uint64_t less_than(uint64_t bytes, uint8_t least) {
    return (bytes - EACH(least)) & ~bytes & EACH(0x80);
}

/* The first byte from `at` on that is not ordinary, or the end: eight at a time. */
static inline const uint8_t *skip_ordinary(const uint8_t *at, const uint8_t *end) {
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    while (end - at >= 8) {
        uint64_t bytes, found;
        memcpy(&bytes, at, sizeof bytes);
        found = (bytes & EACH(0x80)) | less_than(bytes, 0x20) | less_than(bytes ^ EACH('"'), 1) |
                less_than(bytes ^ EACH('\\'), 1) | less_than(bytes ^ EACH(','), 1);
        if (found) {
            return at + __builtin_ctzll(found) / 8;
        }
        at += 8;
    }
#endif
    while (at < end && is_ordinary(*at)) {
        at++;
    }
    return at;
}

/* A text whose escapes are those that a canonical writer uses, which leaves out all with \u. */
static bool read_text(struct input *in, struct text *text) {
    const uint8_t *at = in->at, *end = in->end;
    size_t extra = 0, length;
    if (at == end || *at++ != '"') {
        return false;
    }
    text->start = at;
    text->special = text->escaped = false;
    for (;;) {
        at = skip_ordinary(at, end);
        if (at == end || *at < 0x20) {
            return false;
        }
        if (*at == '"') {
            break;
        }
        if (*at == ',') {
            text->special = true;
            at++;
        } else if (*at == '\\') {
            if (end - at < 2 || at[1] == 0 || strchr("\"\\bfnrt", at[1]) == NULL) {
                return false;
            }
            text->escaped = true;
            text->special |= at[1] == '"' || at[1] == 'n' || at[1] == 'r';
            extra++;
            at += 2;
        } else {
            length = character_length(at, end);
            if (length == 0) {
                return false;
            }
            extra += length - 1;
            at += length;
        }
    }
    text->length = (size_t)(at - text->start);
    text->characters = text->length - extra;
    in->at = at + 1;
    return true;
}

/* A number without an exponent. */
static bool read_number(struct input *in, struct number *number) {
    const uint8_t *at = in->at, *end = in->end, *digits;
    bool whole_is_zero;
    number->start = at;
    number->is_negative = at < end && *at == '-';
    at += number->is_negative;
    digits = at;
    while (at < end && is_digit(*at)) {
        at++;
    }
    number->whole = (size_t)(at - digits);
    whole_is_zero = number->whole > 0 && digits[0] == '0';
    if (number->whole == 0 || (whole_is_zero && number->whole > 1)) {
        return false;
    }
    number->fraction = number->zeros = 0;
    if (at < end && *at == '.') {
        digits = ++at;
        while (at < end && *at == '0') {
            at++;
        }
        number->zeros = (size_t)(at - digits);
        while (at < end && is_digit(*at)) {
            at++;
        }
        number->fraction = (size_t)(at - digits);
        if (number->fraction == 0) {
            return false;
        }
    }
    number->is_zero = whole_is_zero && number->zeros == number->fraction;
    number->length = (size_t)(at - number->start);
    in->at = at;
    return true;
}

/* Whether the shortest text of the double nearest to the number is the number itself, without zeros at its end: any two
 * numbers of up to 15 digits are different doubles. Small ones would be written with an exponent. */
static inline bool is_certain(const struct number *number) {
    bool below_one = number->whole == 1 && *(number->start + number->is_negative) == '0';
    if (number->is_zero) {
        return !number->is_negative && number->fraction <= 15;
    }
    return number->whole + number->fraction <= 15 && !(below_one && number->zeros > 3);
}

#endif
