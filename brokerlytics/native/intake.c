/* The events of a request's body as values of the topic, as far as they are plain. intake.py calls it, and says what goes
 * in and out.
 *
 * Nothing is allocated, kept or shared: all memory is the caller's. */

#include "event_value.h"

/* Deeper ones are looked at by nobody here. */
#define MAX_NESTING 200
/* When none of so many is plain, the others will not be either, and the rules take a whole list in one step. */
#define PATIENCE 8

/* Plain events, those of them that brought an id, and the bytes of their values. */
struct totals {
    uint32_t plain, with_id, bytes;
};

static void skip_blanks(struct input *in) {
    while (in->at < in->end && (*in->at == ' ' || *in->at == '\n' || *in->at == '\r' || *in->at == '\t')) {
        in->at++;
    }
}

/* A text with its quotes, whatever is in it. */
static bool skip_text(struct input *in) {
    for (in->at++; in->at < in->end; in->at++) {
        in->at = skip_ordinary(in->at, in->end);
        if (in->at == in->end) {
            return false;
        }
        if (*in->at == '"') {
            in->at++;
            return true;
        }
        if (*in->at == '\\' && ++in->at == in->end) {
            return false;
        }
    }
    return false;
}

static inline bool is_punctuation(uint8_t byte) {
    return strchr("{}[]:,\"", byte) != NULL && byte != 0;
}

/* From a brace up to the one that belongs to it. A copy without the blanks between the parts is written to `copy`, which
 * has room for all of the input; its length becomes 0 when blanks are what keeps two parts from being one. */
static bool copy_object(struct input *in, uint8_t *copy, size_t *length) {
    uint8_t *out = copy;
    bool is_clear = true;
    int depth = 0;
    do {
        const uint8_t *start = in->at;
        skip_blanks(in);
        if (in->at == in->end) {
            return false;
        }
        if (in->at > start && out > copy && !is_punctuation(out[-1]) && !is_punctuation(*in->at)) {
            is_clear = false;
        }
        start = in->at;
        if (*in->at == '"') {
            if (!skip_text(in)) {
                return false;
            }
        } else {
            depth += (*in->at == '{' || *in->at == '[') - (*in->at == '}' || *in->at == ']');
            in->at++;
        }
        out = put(out, start, (size_t)(in->at - start));
        if (depth > MAX_NESTING) {
            return false;
        }
    } while (depth > 0);
    *length = is_clear ? (size_t)(out - copy) : 0;
    return true;
}

/* Read one event, again without its blanks if they are what disturbs. False: it is not even an object. */
static bool read_one(const struct intake *intake, struct input *in, uint8_t *scratch, struct event *event, bool *is_plain) {
    const uint8_t *start = in->at;
    struct input first = *in, second = {scratch, scratch};
    size_t length;
    if (in->at == in->end || *in->at != '{') {
        return false;
    }
    *is_plain = read_client_event(intake, &first, event);
    if (*is_plain) {
        in->at = first.at;
        return true;
    }
    if (!copy_object(in, scratch, &length)) {
        return false;
    }
    second.end += length;
    *is_plain = length < (size_t)(in->at - start) && read_client_event(intake, &second, event) && second.at == second.end;
    return true;
}

/* The value of the event, unless that is for the rules to make. */
static uint8_t *put_plain(uint8_t *out, const struct intake *intake, const struct request *request,
                          const struct event *event, uint32_t index, const uint8_t *values, struct found *found) {
    uint8_t *end;
    if (is_from_the_future(intake, request, event)) {
        return out;
    }
    end = put_value(out, intake, request, event, index, values, found);
    if ((size_t)(end - out) > request->longest) {
        return out;
    }
    found->is_plain = 1;
    return end;
}

/* Take a list apart into its events, of which there are at most `most`. `values` has `capacity` bytes: what does not fit
 * is not plain; `scratch` has as many as the body. Returns how many events there are, or -1 when this is no such
 * list, or none that is worth it. What is not plain has yet to be read: whether it is JSON at all is not known. */
int64_t encode_events(const struct intake *intake, const struct request *request, const uint8_t *body, uint64_t length,
                      uint8_t *scratch, uint8_t *values, uint64_t capacity, struct found *found, uint32_t most,
                      struct totals *totals) {
    struct input in = {body, body + length};
    struct event event;
    uint8_t *out = values;
    uint32_t count = 0;
    *totals = (struct totals){0};
    if (!take(&in, '[')) {
        return -1;
    }
    do {
        struct found *one = &found[count];
        const uint8_t *start;
        bool is_plain;
        if (count == most || (count == PATIENCE && totals->plain == 0)) {
            return -1;
        }
        skip_blanks(&in);
        start = in.at;
        if (!read_one(intake, &in, scratch, &event, &is_plain)) {
            return -1;
        }
        *one = (struct found){0};
        if (is_plain && capacity - (uint64_t)(out - values) >= 2 * (uint64_t)(in.at - start) + request->margin) {
            out = put_plain(out, intake, request, &event, count, values, one);
        }
        if (!one->is_plain) {
            *one = (struct found){.value = {(uint32_t)(start - body), (uint32_t)(in.at - body)}};
        }
        totals->plain += one->is_plain;
        totals->with_id += one->id[1] > 0;
        count++;
        skip_blanks(&in);
    } while (take(&in, ','));
    if (!take(&in, ']')) {
        return -1;
    }
    totals->bytes = (uint32_t)(out - values);
    skip_blanks(&in);
    return in.at == in.end ? (int64_t)count : -1;
}
