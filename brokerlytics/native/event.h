/* An event of the topic, taken apart into its cells, or refused: brokerlytics/event.py has the contract. */

#ifndef BROKERLYTICS_EVENT_H
#define BROKERLYTICS_EVENT_H

#include "object.h"

#define MAX_FIELDS 32

enum type { TEXT, KIND, TIME, NUMBER, CURRENCY, OBJECT };
/* REQUIRED: no event without it. PERSON: one of these has to be there. PART_OF_KEY: tells the event from others.
 * HOLDS_MONEY: an object that may say what a missing number or currency is. */
enum flag { REQUIRED = 1, PERSON = 2, PART_OF_KEY = 4, HOLDS_MONEY = 8 };

struct field {
    const char *name;
    uint32_t name_length, longest, type, flags;
};

struct kind {
    const char *name;
    uint32_t length, has_traits;
};

/* What library.py makes of the contract: the columns in their order. */
struct contract {
    const struct field *fields;
    const struct kind *kinds;
    uint32_t field_count, kind_count;
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

static bool has_shape(const uint8_t *at, const char *shape, size_t length) {
    for (size_t index = 0; index < length; index++) {
        if (shape[index] == '0' ? !is_digit(at[index]) : at[index] != (uint8_t)shape[index]) {
            return false;
        }
    }
    return true;
}

/* As the CSV has it, and as JSON tools write the same time: by microseconds, and by seconds where it is a whole one. */
static bool is_time(const struct text *text) {
    static const char shape[] = "0000-00-00T00:00:00.000000Z";
    static const uint8_t days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    const uint8_t *at = text->start;
    unsigned year, month, day, last;
    if (text->length != 20 && text->length != 24 && text->length != 27) {
        return false;
    }
    if (!has_shape(at, shape, text->length - 1) || at[text->length - 1] != 'Z') {
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

static bool read_cell(const struct contract *contract, const struct field *field, struct input *in, struct event *event,
                      struct text *cell) {
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
               !(cell->escaped && field->flags & PART_OF_KEY);
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

/* Which of the missing columns `object`, whose keys were just read, may fill. */
static uint32_t money_in(const struct contract *contract, const struct keys *keys) {
    uint32_t found = 0;
    for (uint32_t index = 0; index < contract->field_count; index++) {
        const struct field *field = &contract->fields[index];
        for (size_t key = 0; (field->type == NUMBER || field->type == CURRENCY) && key < keys->count; key++) {
            found |= (uint32_t)is_text(&keys->all[key], field->name, field->name_length) << index;
        }
    }
    return found;
}

static bool is_complete(const struct contract *contract, const struct event *event) {
    bool names_somebody = false;
    for (uint32_t index = 0; index < contract->field_count; index++) {
        uint32_t flags = contract->fields[index].flags;
        if (flags & REQUIRED && !has(event, index)) {
            return false;
        }
        names_somebody |= flags & PERSON && has(event, index);
    }
    return names_somebody;
}

/* False: not sure that it is an event whose cells are these. */
static bool read_event(const struct contract *contract, struct input *in, struct event *event) {
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
        if (index == contract->field_count || has(event, index) ||
            !read_cell(contract, &contract->fields[index], in, event, &event->cells[index])) {
            return false;
        }
        if (contract->fields[index].flags & HOLDS_MONEY) {
            money = money_in(contract, &event->keys);
        }
        event->present |= 1u << index;
        next = index + 1;
    } while (take(in, ','));
    return take(in, '}') && in->at == in->end && has_version && is_complete(contract, event) &&
           (event->has_traits || !(money & ~event->present));
}

#endif
