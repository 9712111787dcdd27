/* JSON objects whose bytes are those that msgspec would write again after reading them. */

#ifndef BROKERLYTICS_OBJECT_H
#define BROKERLYTICS_OBJECT_H

#include "input.h"

#define MAX_DEPTH 24
#define MAX_KEYS 64
/* Of all objects that are open at once. */
#define MAX_OPEN_KEYS 256

/* The keys of the objects that are open: the outermost's first. */
struct keys {
    struct text all[MAX_OPEN_KEYS];
    size_t count;
};

static bool read_value(struct input *in, struct keys *keys, int depth);

/* False for a key that the object, whose keys begin at `first`, has already: only the last one's value would stay. */
static bool read_key(struct input *in, struct keys *keys, size_t first) {
    struct text *key = &keys->all[keys->count];
    if (keys->count == MAX_OPEN_KEYS || keys->count - first == MAX_KEYS || !read_text(in, key)) {
        return false;
    }
    for (size_t other = first; other < keys->count; other++) {
        const struct text *known = &keys->all[other];
        if (known->length == key->length && memcmp(known->start, key->start, key->length) == 0) {
            return false;
        }
    }
    keys->count++;
    return take(in, ':');
}

/* Leaves its keys in `keys`, behind those that were there. */
static bool read_object(struct input *in, struct keys *keys, int depth) {
    size_t first = keys->count;
    if (depth > MAX_DEPTH || !take(in, '{')) {
        return false;
    }
    if (take(in, '}')) {
        return true;
    }
    do {
        size_t count;
        if (!read_key(in, keys, first)) {
            return false;
        }
        count = keys->count;
        if (!read_value(in, keys, depth + 1)) {
            return false;
        }
        keys->count = count;
    } while (take(in, ','));
    return take(in, '}');
}

static bool read_array(struct input *in, struct keys *keys, int depth) {
    size_t count = keys->count;
    if (depth > MAX_DEPTH || !take(in, '[')) {
        return false;
    }
    if (take(in, ']')) {
        return true;
    }
    do {
        if (!read_value(in, keys, depth + 1)) {
            return false;
        }
        keys->count = count;
    } while (take(in, ','));
    return take(in, ']');
}

static bool read_canonical_number(struct input *in) {
    struct number number;
    if (!read_number(in, &number)) {
        return false;
    }
    if (number.fraction == 0) {
        return number.whole <= 18 && !(number.is_zero && number.is_negative);
    }
    return is_certain(&number) && (number.start[number.length - 1] != '0' || number.fraction == 1);
}

static bool read_value(struct input *in, struct keys *keys, int depth) {
    struct text text;
    if (in->at == in->end) {
        return false;
    }
    switch (*in->at) {
    case '"':
        return read_text(in, &text);
    case '{':
        return read_object(in, keys, depth);
    case '[':
        return read_array(in, keys, depth);
    case 't':
        return take_word(in, "true", 4);
    case 'f':
        return take_word(in, "false", 5);
    case 'n':
        return take_word(in, "null", 4);
    default:
        return read_canonical_number(in);
    }
}

#endif
