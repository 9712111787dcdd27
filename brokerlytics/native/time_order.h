/* Batches of rows in the order of time: runs that are in order already are put together. */

#ifndef BROKERLYTICS_TIME_ORDER_H
#define BROKERLYTICS_TIME_ORDER_H

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct batch {
    const int64_t *at;
    const int32_t *person;
    /* The steps that a row matches, the first in the lowest bit. */
    const uint8_t *steps;
    /* Where the rows are in the store, or NULL. */
    const int32_t *partition;
    const int64_t *offset;
    /* The rows of each part of the people: those of the first end where those of the second begin. */
    const uint64_t *bounds;
    /* Whether those of a part are in the order of time, and rows of the same time in that of their places. */
    uint64_t in_order;
};

/* The partition of a row of which it is not known. */
#define NOWHERE (-1)

struct row {
    int64_t at, offset;
    int32_t person, partition;
    const struct batch *batch;
    uint8_t steps;
};

/* Rows of a batch that are in the order of time. */
struct run {
    int64_t head;
    const struct batch *batch;
    uint64_t next, end;
};

static struct row row_at(const struct batch *batch, uint64_t index) {
    bool has_place = batch->partition != NULL;
    /* Without a place, rows of one batch stay in its order. */
    int64_t offset = has_place ? batch->offset[index] : (int64_t)index;
    return (struct row){batch->at[index], offset, batch->person[index], has_place ? batch->partition[index] : NOWHERE,
                        batch, batch->steps[index]};
}

static uint64_t end_of_run(const struct batch *batch, uint64_t index, uint64_t end) {
    if (batch->in_order) {
        return end;
    }
    do {
        index++;
    } while (index < end && batch->at[index] >= batch->at[index - 1]);
    return index;
}

/* Each person's rows of the same time are in the order of their places. */
static int by_person_and_place(const void *one, const void *other) {
    const struct row *a = one, *b = other;
    if (a->person != b->person) {
        return a->person < b->person ? -1 : 1;
    }
    if (a->partition != b->partition) {
        return a->partition < b->partition ? -1 : 1;
    }
    return a->offset < b->offset ? -1 : a->offset > b->offset;
}

/* The runs that have rows left, as a heap: the one whose head is the earliest is the first. */
struct heap {
    struct run *runs;
    uint64_t count;
};

static void sink(struct heap *heap, uint64_t index) {
    struct run run = heap->runs[index];
    for (;;) {
        uint64_t child = 2 * index + 1;
        if (child + 1 < heap->count && heap->runs[child + 1].head < heap->runs[child].head) {
            child++;
        }
        if (child >= heap->count || heap->runs[child].head >= run.head) {
            break;
        }
        heap->runs[index] = heap->runs[child];
        index = child;
    }
    heap->runs[index] = run;
}

/* The first run has gone on: it finds its place, or goes when it is at its end. */
static void settle(struct heap *heap) {
    struct run *first = heap->runs;
    if (first->next == first->end) {
        *first = heap->runs[--heap->count];
    } else {
        first->head = first->batch->at[first->next];
    }
    if (heap->count) {
        sink(heap, 0);
    }
}

static int64_t second_head(const struct heap *heap) {
    int64_t head = INT64_MAX;
    for (uint64_t child = 1; child < 3 && child < heap->count; child++) {
        head = heap->runs[child].head < head ? heap->runs[child].head : head;
    }
    return head;
}

/* The rows of one part. Returns false without memory. */
static bool fill(struct heap *heap, const struct batch *batches, uint64_t count, uint32_t part) {
    uint64_t runs = 0;
    for (uint64_t index = 0; index < count; index++) {
        uint64_t end = batches[index].bounds[part + 1];
        for (uint64_t at = batches[index].bounds[part]; at < end; at = end_of_run(&batches[index], at, end)) {
            runs++;
        }
    }
    heap->count = 0;
    heap->runs = malloc((runs + 1) * sizeof *heap->runs);
    if (!heap->runs) {
        return false;
    }
    for (uint64_t index = 0; index < count; index++) {
        uint64_t last = batches[index].bounds[part + 1];
        for (uint64_t at = batches[index].bounds[part], end; at < last; at = end) {
            end = end_of_run(&batches[index], at, last);
            heap->runs[heap->count++] = (struct run){batches[index].at[at], &batches[index], at, end};
        }
    }
    for (uint64_t index = heap->count / 2; index > 0; index--) {
        sink(heap, index - 1);
    }
    return true;
}

/* Whether the next row of the first run comes before all others of its time, or is the only one; no other run has one
 * before `until`. */
static bool is_next(const struct run *first, int64_t until) {
    const int64_t *at = first->batch->at + first->next;
    return first->next < first->end && at[0] < until &&
           (first->batch->in_order || !(first->next + 1 < first->end && at[1] == at[0]));
}

struct rows {
    struct row *all;
    uint64_t count, room;
    bool have_places;
};

/* The rows of the earliest time, of whatever run. Returns false without memory. */
static bool take_together(struct rows *rows, struct heap *heap) {
    int64_t at = heap->runs[0].head;
    rows->count = 0;
    rows->have_places = false;
    while (heap->count && heap->runs[0].head == at) {
        struct run *first = heap->runs;
        if (rows->count == rows->room) {
            uint64_t room = 2 * rows->room + 16;
            struct row *more = realloc(rows->all, room * sizeof *more);
            if (!more) {
                return false;
            }
            rows->all = more;
            rows->room = room;
        }
        rows->all[rows->count++] = row_at(first->batch, first->next++);
        rows->have_places |= first->batch->partition != NULL;
        settle(heap);
    }
    qsort(rows->all, rows->count, sizeof *rows->all, by_person_and_place);
    return true;
}

#endif
