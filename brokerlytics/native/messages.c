/* Kafka's messages out of librdkafka, with no object of Python's for each. messages.py calls it, and gives it the functions
 * of librdkafka that it needs: those are where the Python client has them, and no header is needed. */

#include "rows.h"

/* The end of 2099, the last time that an event can have. */
#define LATEST INT64_C(4102444799999)

/* rd_kafka_message_t. */
struct message {
    int error;
    void *topic;
    int32_t partition;
    uint8_t *value;
    size_t length;
    uint8_t *key;
    size_t key_length;
    int64_t offset;
    void *private;
};

/* Functions of librdkafka, whose names these are. */
struct kafka {
    ptrdiff_t (*consume_batch_queue)(void *queue, int timeout_ms, struct message **messages, size_t most);
    int64_t (*message_timestamp)(const struct message *message, int *type);
    void (*message_destroy)(struct message *message);
};

/* Neighbouring messages of one partition: those from the one before's `stop` on. An error is alone.
 * `plain` counts those whose rows are there; times are in milliseconds since 1970. */
struct run {
    int64_t partition, stop, error, plain, earliest, latest;
};

/* For each message, whatever it is. `ends` has one more: the first is 0. */
struct columns {
    int64_t *offsets, *timestamps;
    uint64_t *ends;
    uint8_t *digests;
};

/* What is missing or absurd becomes the nearest time that can be stored. */
static int64_t time_of(const struct kafka *kafka, const struct message *message) {
    int type;
    int64_t time = kafka->message_timestamp(message, &type);
    return type == 0 || time < 0 ? 0 : time > LATEST ? LATEST : time;
}

/* Wait until `most` messages are there or the time is over. Returns how many; `room` is what their rows may need. */
uint64_t take_messages(const struct kafka *kafka, void *queue, int timeout_ms, struct message **messages, uint64_t most,
                       uint64_t *room) {
    ptrdiff_t count = kafka->consume_batch_queue(queue, timeout_ms, messages, most);
    *room = 0;
    for (ptrdiff_t index = 0; index < count; index++) {
        *room += messages[index]->error ? 0 : 2 * messages[index]->length + ROW_MARGIN;
    }
    return count < 0 ? 0 : (uint64_t)count;
}

/* Rows of plain messages, one behind the other; these messages are given back and are NULL from then on.
 * Returns how many runs there are, at most `count`. */
uint64_t encode_messages(const struct kafka *kafka, const struct contract *contract, const uint8_t *key,
                         struct message **messages, uint64_t count, uint8_t *rows, uint64_t capacity,
                         const struct columns *columns, struct run *runs) {
    struct output output = {contract, key, rows, rows + capacity};
    struct run *run = NULL;
    uint64_t found = 0;
    columns->ends[0] = 0;
    for (uint64_t index = 0; index < count; index++) {
        struct message *message = messages[index];
        int64_t time = time_of(kafka, message), offset = message->offset;
        if (!run || run->error || message->error || run->partition != message->partition) {
            run = &runs[found++];
            *run = (struct run){message->partition, 0, message->error, 0, time, time};
        }
        run->stop = (int64_t)index + 1;
        run->earliest = time < run->earliest ? time : run->earliest;
        run->latest = time > run->latest ? time : run->latest;
        columns->timestamps[index] = time;
        columns->offsets[index] = offset;
        if (!message->error && message->value &&
            encode_row(&output, message->value, message->length, message->partition, offset,
                       columns->digests + index * DIGEST_BYTES)) {
            run->plain++;
            kafka->message_destroy(message);
            messages[index] = NULL;
        }
        columns->ends[index + 1] = (uint64_t)(output.out - rows);
    }
    return found;
}

/* Give back those that are still there. */
void destroy_messages(const struct kafka *kafka, struct message **messages, uint64_t count) {
    for (uint64_t index = 0; index < count; index++) {
        if (messages[index]) {
            kafka->message_destroy(messages[index]);
            messages[index] = NULL;
        }
    }
}

/* The Python client does not say which handle of librdkafka is its own. librdkafka tells its plugins, of which this library
 * is one for the time that a consumer is made. */

typedef int on_new_function(void *client, const void *settings, void *opaque, char *error, size_t size);
typedef int add_on_new_function(void *settings, const char *name, on_new_function *on_new, void *opaque);

static _Thread_local add_on_new_function *add_on_new;
static _Thread_local void *newest;

static int note_client(void *client, const void *settings, void *opaque, char *error, size_t size) {
    (void)settings, (void)opaque, (void)error, (void)size;
    newest = client;
    return 0;
}

/* librdkafka calls it by this name for each plugin. */
int conf_init(void *settings, void **opaque, char *error, size_t size) {
    (void)opaque, (void)error, (void)size;
    return add_on_new ? add_on_new(settings, "brokerlytics", note_client, NULL) : 0;
}

/* From now on this thread's next client is noted: rd_kafka_conf_interceptor_add_on_new. */
void begin_noting(add_on_new_function *function) {
    add_on_new = function;
    newest = NULL;
}

/* The client that was made since, or NULL. */
void *end_noting(void) {
    add_on_new = NULL;
    return newest;
}
