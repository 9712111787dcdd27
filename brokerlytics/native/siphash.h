/* SipHash-2-4 with 128 bits (Aumasson and Bernstein): nobody who does not know the key finds two texts with one digest. */

#ifndef BROKERLYTICS_SIPHASH_H
#define BROKERLYTICS_SIPHASH_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define KEY_BYTES 16

static inline uint64_t rotated(uint64_t word, int bits) {
    return word << bits | word >> (64 - bits);
}

static inline uint64_t word_of(const uint8_t *bytes) {
    uint64_t word = 0;
    for (int index = 7; index >= 0; index--) {
        word = word << 8 | bytes[index];
    }
    return word;
}

static inline void rounds(uint64_t v[4], int count) {
    while (count--) {
        v[0] += v[1];
        v[1] = rotated(v[1], 13) ^ v[0];
        v[0] = rotated(v[0], 32);
        v[2] += v[3];
        v[3] = rotated(v[3], 16) ^ v[2];
        v[0] += v[3];
        v[3] = rotated(v[3], 21) ^ v[0];
        v[2] += v[1];
        v[1] = rotated(v[1], 17) ^ v[2];
        v[2] = rotated(v[2], 32);
    }
}

static inline void absorb(uint64_t v[4], uint64_t word) {
    v[3] ^= word;
    rounds(v, 2);
    v[0] ^= word;
}

static void siphash(const uint8_t key[KEY_BYTES], const uint8_t *text, size_t length, uint64_t hash[2]) {
    uint64_t k0 = word_of(key), k1 = word_of(key + 8);
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d ^ 0xee, k0 ^ 0x6c7967656e657261,
                     k1 ^ 0x7465646279746573};
    uint8_t last[8] = {0};
    size_t whole = length - length % 8;
    for (size_t at = 0; at < whole; at += 8) {
        absorb(v, word_of(text + at));
    }
    memcpy(last, text + whole, length - whole);
    last[7] = (uint8_t)length;
    absorb(v, word_of(last));
    v[2] ^= 0xee;
    rounds(v, 4);
    hash[0] = v[0] ^ v[1] ^ v[2] ^ v[3];
    v[1] ^= 0xdd;
    rounds(v, 4);
    hash[1] = v[0] ^ v[1] ^ v[2] ^ v[3];
}

#endif
