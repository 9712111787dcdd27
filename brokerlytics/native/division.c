/* The rows of a funnel, divided by parts of the people. division.py calls it.
 *
 * What is known of all people is much more than the processor's caches hold, and each row needs that of another one.
 * Rows that are divided first are followed part by part, and a part's people are few. */

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Rows of a sequence: microseconds of an hour, numbers of devices and users, and places among kinds of so many bytes. */
struct stored {
    const uint32_t *times;
    const int32_t *whos;
    const void *kinds;
    uint64_t kind_bytes;
};

/* `hours` since 1970 are in order; the rows of each end at one of `ends`. Asked for are rows from `since` to before
 * `until` that match a step: `steps` has those of each kind. `persons` has as many numbers as there are `whos`. */
struct question {
    const int64_t *hours;
    const uint64_t *ends;
    uint64_t hour_count;
    int64_t since, until;
    const uint8_t *steps;
    const int32_t *persons;
    uint64_t whos;
};

/* How many rows ahead memory is asked for: to wait for that of persons is most of what choosing takes. */
#define AHEAD 32
#define HOUR_US INT64_C(3600000000)

static uint32_t kind_at(const struct stored *stored, uint64_t index) {
    switch (stored->kind_bytes) {
    case 1:
        return ((const uint8_t *)stored->kinds)[index];
    case 2:
        return ((const uint16_t *)stored->kinds)[index];
    default:
        return ((const uint32_t *)stored->kinds)[index];
    }
}

/* Write time, person and steps of the rows that are asked for; there is room for all, and one more. Returns how many
 * they are, -1 when somebody is not among the whos. */
int64_t choose_rows(const struct stored *stored, const struct question *question, int64_t *at, int32_t *person,
                    uint8_t *steps) {
    const int32_t *persons = question->persons;
    int64_t since = question->since, until = question->until;
    uint64_t chosen = 0, index = 0, whos = question->whos;
    uint64_t count = question->hour_count ? question->ends[question->hour_count - 1] : 0;
    bool are_known = true;
    for (uint64_t number = 0; number < question->hour_count; number++) {
        int64_t hour = question->hours[number] * HOUR_US;
        for (; index < question->ends[number]; index++) {
            int64_t moment = hour + stored->times[index];
            uint32_t who = (uint32_t)stored->whos[index];
            uint8_t matched = question->steps[kind_at(stored, index)];
            are_known &= who < whos;
            __builtin_prefetch(persons + (uint32_t)stored->whos[index + AHEAD < count ? index + AHEAD : index]);
            /* Each is written, and the next one over it if it is not asked for: whether it is cannot be foreseen. */
            at[chosen] = moment;
            person[chosen] = persons[who < whos ? who : 0];
            steps[chosen] = matched;
            chosen += (matched != 0) & (moment >= since) & (moment < until);
        }
    }
    return are_known ? (int64_t)chosen : -1;
}

struct columns {
    int64_t *at;
    int32_t *person;
    uint8_t *steps;
    /* Or NULL. */
    int32_t *partition;
    int64_t *offset;
};

/* Copy `count` rows, those of each of 1 << `parts` parts of the people one after the other and in the order in which
 * they come. Those of a part lie between two of `bounds`, of which there is one more than parts. */
void divide_rows(const struct columns *rows, uint64_t count, uint32_t parts, const struct columns *divided,
                 uint64_t *bounds) {
    uint32_t lowest = (1U << parts) - 1;
    uint64_t begin = 0;
    memset(bounds, 0, ((uint64_t)lowest + 2) * sizeof *bounds);
    for (uint64_t index = 0; index < count; index++) {
        bounds[((uint32_t)rows->person[index] & lowest) + 1]++;
    }
    /* Where a part begins is one place on until its rows are there, and then is where it ends. */
    for (uint64_t part = 1; part <= (uint64_t)lowest + 1; part++) {
        uint64_t size = bounds[part];
        bounds[part] = begin;
        begin += size;
    }
    for (uint64_t index = 0; index < count; index++) {
        uint64_t place = bounds[((uint32_t)rows->person[index] & lowest) + 1]++;
        divided->at[place] = rows->at[index];
        divided->person[place] = rows->person[index];
        divided->steps[place] = rows->steps[index];
        if (rows->partition) {
            divided->partition[place] = rows->partition[index];
            divided->offset[place] = rows->offset[index];
        }
    }
}
