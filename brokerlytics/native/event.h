/* An event of the topic, taken apart into its cells, or refused: brokerlytics/event.py has the contract. */

#ifndef BROKERLYTICS_EVENT_H
#define BROKERLYTICS_EVENT_H

#include "object.h"

#define MAX_FIELDS 32

enum type { TEXT, KIND, TIME, NUMBER, CURRENCY, OBJECT };

struct field {
    const char *name;
    uint32_t name_length, longest, type;
};

struct kind {
    const char *name;
    uint32_t length, has_traits;
};

/* What library.py makes of the contract: the columns in their order. Sets of fields have a bit for each: `required`, those
 * of which one names a `person`, and `money`, which `properties` may say where the field itself is missing. */
struct contract {
    const struct field *fields;
    const struct kind *kinds;
    uint32_t field_count, kind_count, required, person, money, event_id, source, properties;
};

struct event {
    struct text cells[MAX_FIELDS];
    uint32_t present;
    bool has_traits;
    struct keys keys;
};

static inline bool has(const struct event *event, uint32_t index) {
    return event->present >> index & 1;
}

static bool read_kind(const struct contract *contract, const struct text *text, struct event *event) {
    for (uint32_t index = 0; index < contract->kind_count; index++) {
        const struct kind *kind = &contract->kinds[index];
        if (is_text(text, kind->name, kind->length)) {
            event->has_traits = kind->has_traits;
            return true;
        }
    }
    return false;
}

static inline unsigned two_digits(const uint8_t *at) {
    return (at[0] - '0') * 10u + (at[1] - '0');
}

/* Eight bytes of a time at once: where `shape` has a 0 there may be any digit, which differs from 0 by up to 9. */
static bool has_shape(const uint8_t *at, const char *shape) {
    uint64_t bytes, expected, is_other, differs;
    memcpy(&bytes, at, sizeof bytes);
    memcpy(&expected, shape, sizeof expected);
    differs = bytes ^ expected;
    /* No shape has a byte beyond ASCII: this is exact. */
    is_other = ((expected ^ EACH('0')) + EACH(0x7F)) & EACH(0x80);
    return !(((differs + EACH(0x76) + (is_other >> 7) * 9) | differs) & EACH(0x80));
}

/* As the CSV has it, and as JSON tools write the same time: by microseconds, and by seconds where it is a whole one. */
static bool is_time(const struct text *text) {
    static const char *const shapes[] = {"0000-00-00T00:00:00Z", "0000-00-00T00:00:00.000Z",
                                         "0000-00-00T00:00:00.000000Z"};
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const uint8_t *at = text->start;
    const char *shape = shapes[text->length == 20 ? 0 : text->length == 24 ? 1 : 2];
    unsigned year, month, day, last;
    if ((text->length != 20 && text->length != 24 && text->length != 27) || !has_shape(at, shape) ||
        !has_shape(at + 8, shape + 8) || !has_shape(at + text->length - 8, shape + text->length - 8) ||
        (text->length == 27 && !has_shape(at + 16, shape + 16))) {
        return false;
    }
    year = two_digits(at) * 100 + two_digits(at + 2);
    month = two_digits(at + 5);
    day = two_digits(at + 8);
    if (year < 1970 || year > 2099 || month < 1 || month > 12 || day < 1) {
        return false;
    }
    /* Among these years every fourth is a leap year. */
    last = days[month - 1] + (month == 2 && year % 4 == 0 ? 1u : 0u);
    return day <= last && two_digits(at + 11) < 24 && two_digits(at + 14) < 60 && two_digits(at + 17) < 60;
}

static bool is_currency(const struct text *text) {
    for (size_t index = 0; index < text->length; index++) {
        uint8_t letter = text->start[index] | 0x20;
        if (letter < 'a' || letter > 'z') {
            return false;
        }
    }
    return text->length == 3;
}

/* An amount of money of up to six decimals, which rounding to six leaves alone; less than 1e12. */
static bool read_amount(struct input *in, struct text *cell) {
    struct number number;
    if (!read_number(in, &number) || !is_certain(&number) || number.whole > 12) {
        return false;
    }
    while (number.fraction > 0 && number.start[number.length - 1] == '0') {
        number.length--;
        number.fraction--;
    }
    number.length -= number.start[number.length - 1] == '.';
    *cell = (struct text){.start = number.start, .length = number.length};
    return number.fraction <= 6;
}

static bool read_cell(const struct contract *contract, uint32_t index, struct input *in, struct event *event) {
    const struct field *field = &contract->fields[index];
    struct text *cell = &event->cells[index];
    const uint8_t *start = in->at;
    switch (field->type) {
    case NUMBER:
        return read_amount(in, cell);
    case OBJECT:
        event->keys.count = 0;
        if (!read_object(in, &event->keys, 0)) {
            return false;
        }
        *cell = (struct text){.start = start, .length = (size_t)(in->at - start)};
        return true;
    default:
        break;
    }
    if (!read_text(in, cell)) {
        return false;
    }
    switch (field->type) {
    case KIND:
        return read_kind(contract, cell, event);
    case TIME:
        return is_time(cell);
    case CURRENCY:
        return is_currency(cell);
    default:
        return cell->characters >= 1 && cell->characters <= field->longest &&
               !(cell->escaped && (index == contract->event_id || index == contract->source));
    }
}

/* The field's index; `expected` is looked at first, and then those behind it: our producer keeps their order. */
static uint32_t find_field(const struct contract *contract, const struct text *name, uint32_t expected) {
    for (uint32_t tried = 0, index = expected; tried < contract->field_count; tried++, index++) {
        if (index >= contract->field_count) {
            index = 0;
        }
        if (is_text(name, contract->fields[index].name, contract->fields[index].name_length)) {
            return index;
        }
    }
    return contract->field_count;
}

/* Which fields for money are keys of the object that was just read. */
static uint32_t money_in(const struct contract *contract, const struct keys *keys) {
    uint32_t found = 0;
    for (uint32_t index = 0; index < contract->field_count; index++) {
        const struct field *field = &contract->fields[index];
        for (size_t key = 0; contract->money >> index & 1 && key < keys->count; key++) {
            found |= (uint32_t)is_text(&keys->all[key], field->name, field->name_length) << index;
        }
    }
    return found;
}

/* False: not sure that it is an event whose cells are these. */
static inline bool read_event(const struct contract *contract, struct input *in, struct event *event) {
    uint32_t next = 0, money = 0;
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
        if (index == contract->field_count || has(event, index) || !read_cell(contract, index, in, event)) {
            return false;
        }
        if (index == contract->properties) {
            money = money_in(contract, &event->keys);
        }
        event->present |= 1u << index;
        next = index + 1;
    } while (take(in, ','));
    return take(in, '}') && in->at == in->end && has_version && !(contract->required & ~event->present) &&
           contract->person & event->present && (event->has_traits || !(money & ~event->present));
}

#endif
