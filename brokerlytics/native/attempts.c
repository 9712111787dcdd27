/* The attempts of a funnel: many people's rows in the order of time, each taken to how far its person has come.
 * attempts.py calls it, and says what goes in and out; docs/metrics.md says which attempt counts.
 *
 * Memory for people is the caller's. */

#include "time_order.h"

/* How many rows ahead memory is asked for. */
#define AHEAD 48
#define NEVER INT64_MIN
/* Of a person whose latest attempt is no longer at the first step. */
#define WENT_ON (INT64_MIN + 1)

/* One of 1 << `parts` equal parts of all people: those whose number has `part` in its lowest bits. What is known of
 * them is by the rest of the number, below `limit`; there is memory for a record of each. */
struct people {
    int64_t window, end;
    uint64_t limit;
    /* When the latest attempt began that has come no further, and the place of its row, or no such array. */
    int64_t *begun;
    struct place *begun_at;
    /* Which record is that of a person who has started. */
    uint32_t *numbers;
    int64_t *records;
    uint64_t count;
    uint32_t steps, part, parts;
};

/* A record: the person, the steps reached, the counted attempt, then for each step from the second to the last but one
 * the latest attempt that has come as far and no further. An attempt is the times of its steps, and the offset and the
 * partition of its start if places are kept. */
enum { PERSON, LEVEL, COUNTED };

static size_t place_words(const struct people *people) {
    return people->begun_at ? 2 : 0;
}

/* The attempt that has come to `step`, from 2. The one after the last would begin where the record ends. */
static size_t attempt_at(const struct people *people, size_t step) {
    size_t place = place_words(people);
    return COUNTED + people->steps + place + (step - 2) * (step + 1) / 2 + (step - 2) * place;
}

static void begin(struct people *people, const struct row *row, uint32_t person) {
    int64_t before = people->begun[person];
    people->begun[person] = row->at;
    if (people->begun_at) {
        people->begun_at[person] = (struct place){row->offset, row->partition};
    }
    if (before == NEVER) {
        int64_t *record = people->records + people->count * attempt_at(people, people->steps);
        people->numbers[person] = (uint32_t)people->count++;
        record[PERSON] = row->person;
        record[LEVEL] = 1;
        for (size_t word = COUNTED; word < attempt_at(people, people->steps); word++) {
            record[word] = NEVER;
        }
        record[COUNTED] = row->at;
        if (people->begun_at) {
            record[COUNTED + people->steps] = row->offset;
            record[COUNTED + people->steps + 1] = row->partition;
        }
    }
}

/* Take the attempt that has come to the step before on to `step`, if there is one and it has the time left. */
static void go_on(struct people *people, int64_t *record, const struct row *row, uint32_t person, size_t step) {
    size_t place = place_words(people);
    bool is_last = step == people->steps;
    int64_t *from = step == 2 ? &people->begun[person] : record + attempt_at(people, step - 1);
    int64_t *to = record + (is_last ? COUNTED : attempt_at(people, step));
    if (from[0] <= WENT_ON) {
        return;
    }
    if (row->at - from[0] <= people->window) {
        memcpy(to, from, (step - 1) * sizeof *to);
        to[step - 1] = row->at;
        if (place && step == 2) {
            to[2] = people->begun_at[person].offset;
            to[3] = people->begun_at[person].partition;
        } else if (place) {
            memcpy(to + step, from + step - 1, place * sizeof *to);
        }
        if (record[LEVEL] < (int64_t)step) {
            record[LEVEL] = (int64_t)step;
            if (!is_last) {
                memcpy(record + COUNTED, to, step * sizeof *to);
                memcpy(record + COUNTED + people->steps, to + step, place * sizeof *to);
            }
        }
    }
    from[0] = WENT_ON;
}

static uint32_t without_part(const struct people *people, int32_t person) {
    return (uint32_t)person >> people->parts;
}

static bool is_of_part(const struct people *people, int32_t person) {
    return ((uint32_t)person & ((1U << people->parts) - 1)) == people->part;
}

static void follow_row(struct people *people, const struct row *row) {
    uint32_t person = without_part(people, row->person);
    if (!is_of_part(people, row->person)) {
        return;
    }
    if (row->steps > 1 && people->begun[person] != NEVER) {
        int64_t *record = people->records + people->numbers[person] * attempt_at(people, people->steps);
        /* From high steps to low, so that no row serves two of one attempt. */
        for (size_t step = people->steps; step > 1 && record[LEVEL] < (int64_t)people->steps; step--) {
            if (row->steps >> (step - 1) & 1) {
                go_on(people, record, row, person, step);
            }
        }
    }
    if (row->steps & 1 && row->at < people->end) {
        begin(people, row, person);
    }
}

/* Waiting for memory is most of what it takes: ask for it some rows before it is needed. */
static void ask_ahead(const struct people *people, const struct batch *batch, uint64_t index) {
    uint64_t near = index + AHEAD, far = near + AHEAD;
    if (far >= batch->count) {
        return;
    }
    if (is_of_part(people, batch->person[far])) {
        uint32_t person = without_part(people, batch->person[far]);
        __builtin_prefetch(people->begun + person);
        if (batch->steps[far] > 1) {
            __builtin_prefetch(people->numbers + person);
        }
    }
    if (batch->steps[near] > 1 && is_of_part(people, batch->person[near])) {
        uint32_t person = without_part(people, batch->person[near]);
        if (people->begun[person] != NEVER) {
            __builtin_prefetch(people->records + people->numbers[person] * attempt_at(people, people->steps));
        }
    }
}

static bool are_known(const struct people *people, const struct batch *batch) {
    for (uint64_t index = 0; index < batch->count; index++) {
        if (batch->person[index] < 0 || without_part(people, batch->person[index]) >= people->limit) {
            return false;
        }
    }
    return true;
}

/* The rows of the first run that are the only ones of their times, as far as no other run has an earlier one. */
static void take_alone(struct people *people, struct heap *heap) {
    struct run *first = heap->runs;
    const struct batch *batch = first->batch;
    int64_t until = second_head(heap);
    while (first->next < first->end && batch->at[first->next] < until &&
           !(first->next + 1 < first->end && batch->at[first->next + 1] == batch->at[first->next])) {
        struct row row = row_at(batch, first->next);
        ask_ahead(people, batch, first->next);
        follow_row(people, &row);
        first->next++;
    }
}

/* Follow the rows of some batches, in order, whatever theirs is. Returns 0; 1 without memory, 2 when there is a person
 * beyond the limit: then nothing was followed, or not all. */
int32_t follow_attempts(struct people *people, const struct batch *batches, uint64_t count) {
    struct heap heap;
    struct rows rows = {NULL, 0, 0};
    bool has_memory = true;
    for (uint64_t index = 0; index < count; index++) {
        if (!are_known(people, &batches[index])) {
            return 2;
        }
    }
    if (!fill(&heap, batches, count)) {
        return 1;
    }
    while (heap.count && has_memory) {
        uint64_t next = heap.runs[0].next;
        take_alone(people, &heap);
        if (heap.runs[0].next > next) {
            settle(&heap);
        } else {
            has_memory = take_together(&rows, &heap);
            for (uint64_t index = 0; has_memory && index < rows.count; index++) {
                follow_row(people, &rows.all[index]);
            }
        }
    }
    free(rows.all);
    free(heap.runs);
    return has_memory ? 0 : 1;
}
