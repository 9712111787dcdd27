/* The attempts of a funnel: many people's rows in the order of time, each taken to how far its person has come.
 * attempts.py calls it, and says what goes in and out; docs/metrics.md says which attempt counts.
 *
 * Memory for people is the caller's. */

#include "time_order.h"

#define NEVER INT64_MIN
#define MAX_STEPS 8
#define LEVEL_BITS 4
#define MAX_LEVEL 15U

/* One of 1 << `parts` equal parts of all people: those whose number has `part` in its lowest bits. The rest of the
 * number is below `limit`; there is memory for as many who start. These are counted, from 0, in the order of that.
 * Parts are small: what is known of one's people is in the processor's cache while its rows are followed. */
struct people {
    int64_t window, end;
    uint64_t limit;
    /* Of each person how many had started before, and in the lowest bits the steps reached; 0 who has not started. */
    uint32_t *known;
    /* The attempts that count: of each who has started the person, the steps reached, and the attempt. */
    int64_t *counted;
    /* For each step but the last, of each who has started, the latest attempt that has come as far and no further. */
    int64_t *open;
    uint64_t count;
    uint32_t steps, part, parts;
    /* Words of an attempt beyond the times of its steps: 2 to keep offset and partition of its start, or 0. */
    uint32_t place;
};

enum { PERSON, LEVEL, COUNTED };

static int64_t *counted_attempt(const struct people *people, uint64_t number) {
    return people->counted + number * (COUNTED + people->steps + people->place) + COUNTED;
}

static int64_t *open_attempt(const struct people *people, uint64_t number, uint64_t step) {
    uint64_t words_before = step * (step - 1) / 2 + (step - 1) * people->place;
    return people->open + people->limit * words_before + number * (step + people->place);
}

static uint32_t without_part(const struct people *people, int32_t person) {
    return (uint32_t)person >> people->parts;
}

/* It has come to `step`, further than any of the person's before. */
static void count_attempt(struct people *people, uint32_t *known, const int64_t *attempt, uint32_t step) {
    uint64_t number = *known >> LEVEL_BITS;
    int64_t *counted = counted_attempt(people, number);
    *known = (uint32_t)(number << LEVEL_BITS) | step;
    counted[LEVEL - COUNTED] = step;
    memcpy(counted, attempt, step * sizeof *counted);
    memcpy(counted + people->steps, attempt + step, people->place * sizeof *counted);
}

static void begin(struct people *people, uint32_t *known, const struct row *row) {
    bool is_first = *known == 0;
    uint64_t number = is_first ? people->count++ : *known >> LEVEL_BITS;
    int64_t *attempt = open_attempt(people, number, 1);
    attempt[0] = row->at;
    if (people->place) {
        attempt[1] = row->offset;
        attempt[2] = row->partition;
    }
    if (is_first) {
        int64_t *counted = counted_attempt(people, number);
        counted[PERSON - COUNTED] = row->person;
        for (uint32_t step = 2; step <= people->steps; step++) {
            counted[step - 1] = NEVER;
            if (step < people->steps) {
                open_attempt(people, number, step)[0] = NEVER;
            }
        }
        *known = (uint32_t)(number << LEVEL_BITS);
        count_attempt(people, known, attempt, 1);
    }
}

/* Take the attempt that has come to the step before on to `step`, if there is one and it has the time left. */
static void go_on(struct people *people, uint32_t *known, const struct row *row, uint32_t step) {
    uint64_t number = *known >> LEVEL_BITS;
    int64_t *before = open_attempt(people, number, step - 1), last[MAX_STEPS + 2];
    /* Who comes to the last step is done with. */
    int64_t *attempt = step < people->steps ? open_attempt(people, number, step) : last;
    if (before[0] == NEVER) {
        return;
    }
    if (row->at - before[0] <= people->window) {
        memcpy(attempt, before, (step - 1) * sizeof *attempt);
        attempt[step - 1] = row->at;
        memcpy(attempt + step, before + step - 1, people->place * sizeof *attempt);
        if (step > (*known & MAX_LEVEL)) {
            count_attempt(people, known, attempt, step);
        }
    }
    before[0] = NEVER;
}

static void follow_known(struct people *people, uint32_t *known, const struct row *row) {
    uint32_t level = *known & MAX_LEVEL;
    if (row->steps > 1 && *known) {
        /* From high steps to low, so that no row serves two of one attempt. */
        for (uint32_t step = level + 1; step > 1; step--) {
            if (row->steps >> (step - 1) & 1) {
                go_on(people, known, row, step);
            }
        }
    }
    if (row->steps & 1 && row->at < people->end) {
        begin(people, known, row);
    }
}

/* Most rows change nothing: that is found out at once. */
static inline void follow_row(struct people *people, const struct row *row) {
    uint32_t *known = people->known + without_part(people, row->person);
    if ((*known & MAX_LEVEL) != people->steps && (*known || row->steps & 1)) {
        follow_known(people, known, row);
    }
}

static bool are_known(const struct people *people, const struct batch *batch) {
    for (uint64_t index = batch->bounds[people->part]; index < batch->bounds[people->part + 1]; index++) {
        if (batch->person[index] < 0 || without_part(people, batch->person[index]) >= people->limit) {
            return false;
        }
    }
    return true;
}

/* The rows of the first run whose turn it is, as far as no other run has an earlier one. */
static void take_alone(struct people *people, struct heap *heap) {
    struct run *first = heap->runs;
    const struct batch *batch = first->batch;
    int64_t until = second_head(heap);
    while (is_next(first, until)) {
        struct row row = row_at(batch, first->next++);
        follow_row(people, &row);
    }
}

/* Follow the part's rows of some batches, in order, whatever theirs is. Returns 0; 1 without memory, 2 when there is a
 * person beyond the limit: then nothing was followed, or not all. */
int32_t follow_attempts(struct people *people, const struct batch *batches, uint64_t count) {
    struct heap heap;
    struct rows rows = {NULL, 0, 0, false};
    bool has_memory = true;
    for (uint64_t index = 0; index < count; index++) {
        if (!are_known(people, &batches[index])) {
            return 2;
        }
    }
    if (!fill(&heap, batches, count, people->part)) {
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
                /* If some have a place, those without are the same ones once more. */
                if (!rows.have_places || rows.all[index].partition != NOWHERE) {
                    follow_row(people, &rows.all[index]);
                }
            }
        }
    }
    free(rows.all);
    free(heap.runs);
    return has_memory ? 0 : 1;
}
