/* Moments at which the order of a person's rows matters. attempts.py calls it. */

#include "time_order.h"

/* Rows that match the same steps can change places. */
static bool order_matters(const struct rows *rows) {
    for (const struct row *row = rows->all + 1; row < rows->all + rows->count; row++) {
        if (row[0].person == row[-1].person && row[0].steps != row[-1].steps) {
            return true;
        }
    }
    return false;
}

/* Write these moments in order to `tied`, which has room for half as many as there are rows. Returns how many there
 * are; -1 without memory. */
int64_t tied_moments(const struct batch *batches, uint64_t count, int64_t *tied) {
    struct heap heap;
    struct rows rows = {NULL, 0, 0, false};
    int64_t found = 0;
    if (!fill(&heap, batches, count)) {
        return -1;
    }
    while (heap.count) {
        struct run *first = heap.runs;
        uint64_t next = first->next;
        for (int64_t until = second_head(&heap); is_alone(first, until);) {
            first->next++;
        }
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
