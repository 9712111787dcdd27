/* Moments at which the order of a person's rows matters. division.py calls it. */

#include "time_order.h"

/* Whether some person has rows of different steps, whose order no batch has. Rows that match the same steps can change
 * places. */
static bool order_matters(const struct rows *rows) {
    bool differ = false, is_known = true;
    for (const struct row *row = rows->all + 1; row < rows->all + rows->count; row++) {
        bool goes_on = row[0].person == row[-1].person;
        differ = goes_on && (differ || row[0].steps != row[-1].steps);
        is_known = !goes_on || (is_known && row[0].batch == row[-1].batch && row[0].batch->in_order);
        if (differ && !is_known) {
            return true;
        }
    }
    return false;
}

/* Go on to the first row that is not the next of all by itself. */
static void pass(struct run *first, int64_t until) {
    if (first->batch->in_order) {
        uint64_t end = first->end;
        while (first->next < end) {
            uint64_t middle = first->next + (end - first->next) / 2;
            if (first->batch->at[middle] < until) {
                first->next = middle + 1;
            } else {
                end = middle;
            }
        }
        return;
    }
    while (is_next(first, until)) {
        first->next++;
    }
}

/* Write these moments of one part of the people in order to `tied`, which has room for half as many as there are rows.
 * Returns how many there are; -1 without memory. */
int64_t tied_moments(const struct batch *batches, uint64_t count, uint32_t part, int64_t *tied) {
    struct heap heap;
    struct rows rows = {NULL, 0, 0, false};
    int64_t found = 0;
    if (!fill(&heap, batches, count, part)) {
        return -1;
    }
    while (heap.count) {
        struct run *first = heap.runs;
        uint64_t next = first->next;
        pass(first, second_head(&heap));
        if (first->next > next) {
            settle(&heap);
        } else if (!take_together(&rows, &heap)) {
            found = -1;
            break;
        } else if (order_matters(&rows)) {
            tied[found++] = rows.all[0].at;
        }
    }
    free(rows.all);
    free(heap.runs);
    return found;
}
