/* A client's event, taken apart as far as it is plain: complete() of brokerlytics/event_codec.py and enrich() of
 * analytics_app/enrichment.py would only fill what is missing with what is known of the request. */

#ifndef BROKERLYTICS_CLIENT_EVENT_H
#define BROKERLYTICS_CLIENT_EVENT_H

#include "event.h"

#define TO_SECOND 19
#define TO_MILLISECOND 23

/* `length` bytes that are no NUL-ended text. */
struct bytes {
    const char *start;
    uint32_t length;
};

struct names {
    const struct bytes *all;
    uint32_t count;
};

/* Numbers of fields; `claimed` is the set of those that only the server says. An event with one of the names in its
 * properties or context is left to the rules. */
struct intake {
    const struct contract *contract;
    struct names of_properties, of_context;
    uint32_t claimed, event_type, device_id, user_id, created_on, original_created_on, page_url, page_path, context;
};

static bool has_name(const struct keys *keys, const struct names *names) {
    for (size_t key = 0; key < keys->count; key++) {
        for (uint32_t index = 0; index < names->count; index++) {
            if (is_text(&keys->all[key], names->all[index].start, names->all[index].length)) {
                return true;
            }
        }
    }
    return false;
}

/* Also with +00:00 in the place of Z; the cell is then as long as if it had a Z. */
static bool read_client_time(struct input *in, struct text *cell) {
    static const char utc[] = "+00:00";
    const size_t offset = sizeof utc - 1, longest = sizeof "2026-08-22T09:30:12.345678" - 1;
    uint8_t with_z[sizeof "2026-08-22T09:30:12.345678Z"];
    size_t length;
    if (!read_text(in, cell)) {
        return false;
    }
    length = cell->length - offset;
    if (cell->length < offset || length > longest || memcmp(cell->start + length, utc, offset) != 0) {
        return is_time(cell);
    }
    memcpy(with_z, cell->start, length);
    with_z[length] = 'Z';
    cell->length = length + 1;
    return is_time(&(struct text){.start = with_z, .length = cell->length});
}

static bool read_client_cell(const struct intake *intake, uint32_t index, struct input *in, struct event *event) {
    if (intake->claimed >> index & 1) {
        return false;
    }
    if (intake->contract->fields[index].type == TIME) {
        return read_client_time(in, &event->cells[index]);
    }
    if (!read_cell(intake->contract, index, in, event)) {
        return false;
    }
    return index != intake->context || !has_name(&event->keys, &intake->of_context);
}

/* The path of an address whose parts are beyond doubt: nothing that urlsplit() would strip, look into or refuse. */
static bool find_path(const struct text *url, uint32_t longest, struct text *path) {
    const uint8_t *at = url->start, *end = at + url->length, *host;
    struct input in = {at, end};
    if (url->escaped || !(take_word(&in, "https://", 8) || take_word(&in, "http://", 7))) {
        return false;
    }
    for (host = at = in.at; at < end; at++) {
        if (*at <= ' ' || *at >= 0x7F || *at == '[' || *at == ']') {
            return false;
        }
    }
    for (at = host; at < end && *at != '/' && *at != '?' && *at != '#'; at++) {
    }
    if (at == host) {
        return false;
    }
    path->start = at;
    while (at < end && *at != '?' && *at != '#') {
        at++;
    }
    path->length = path->characters = (size_t)(at - path->start);
    path->escaped = false;
    if (path->length == 0) {
        *path = (struct text){.start = (const uint8_t *)"/", .length = 1};
    }
    return path->length <= longest;
}

static bool has_campaign(const struct text *url) {
    static const char prefix[] = "utm_";
    const size_t before = sizeof prefix - 2;
    const uint8_t *at = url->start, *end = at + url->length;
    while ((at = memchr(at, '_', (size_t)(end - at))) != NULL) {
        if ((size_t)(at - url->start) >= before && memcmp(at - before, prefix, before) == 0) {
            return true;
        }
        at++;
    }
    return false;
}

/* `page_url` gives `page_path`; one that gives a campaign as well is left to the rules. */
static bool fill_path(const struct intake *intake, struct event *event) {
    const struct text *url = &event->cells[intake->page_url];
    if (!has(event, intake->page_url)) {
        return true;
    }
    if (has_campaign(url)) {
        return false;
    }
    if (has(event, intake->page_path)) {
        return true;
    }
    event->present |= 1u << intake->page_path;
    return find_path(url, intake->contract->fields[intake->page_path].longest, &event->cells[intake->page_path]);
}

/* What identifies: the device, else the user. */
static inline const struct text *person_of(const struct intake *intake, const struct event *event) {
    return &event->cells[has(event, intake->device_id) ? intake->device_id : intake->user_id];
}

/* False: not sure what the rules would make of it. A value that is null or an empty text is as good as none. */
static bool read_client_event(const struct intake *intake, struct input *in, struct event *event) {
    const struct contract *contract = intake->contract;
    uint32_t next = 0, seen = 0, money = 0;
    bool has_version = false;
    event->present = 0;
    event->has_traits = false;
    if (!take(in, '{')) {
        return false;
    }
    do {
        struct text name;
        uint32_t index;
        if (!read_text(in, &name) || !take(in, ':')) {
            return false;
        }
        if (is_text(&name, "v", 1)) {
            if (has_version || !take(in, '1')) {
                return false;
            }
            has_version = true;
            continue;
        }
        index = find_field(contract, &name, next);
        if (index == contract->field_count || seen >> index & 1) {
            return false;
        }
        seen |= 1u << index;
        next = index + 1;
        if (take_word(in, "null", 4) || take_word(in, "\"\"", 2)) {
            continue;
        }
        if (!read_client_cell(intake, index, in, event)) {
            return false;
        }
        if (index == contract->properties) {
            money = money_in(contract, &event->keys);
            if (has_name(&event->keys, &intake->of_properties)) {
                return false;
            }
        }
        event->present |= 1u << index;
    } while (take(in, ','));
    return take(in, '}') && has(event, intake->event_type) && contract->person & event->present &&
           !person_of(intake, event)->escaped && (event->has_traits || !(money & ~event->present)) &&
           fill_path(intake, event);
}

#endif
