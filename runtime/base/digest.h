/* SHA-256 (FIPS 180-4) by libcrypto. */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { DIGEST_SIZE = 32, DIGEST_HEX_SIZE = 65 };

struct digest {
    uint8_t bytes[DIGEST_SIZE];
};

/* Hashes a stream piece by piece. hasher_new returns NULL with ERR_MEMORY;
 * hasher_finish writes the digest and leaves the hasher ready to free, or to
 * start again. */
struct hasher;
struct hasher *hasher_new(struct error *err);
int hasher_start(struct hasher *hasher, struct error *err);
int hasher_add(struct hasher *hasher, const void *data, size_t size, struct error *err);
int hasher_finish(struct hasher *hasher, struct digest *digest, struct error *err);
void hasher_free(struct hasher *hasher);

int digest_of_bytes(const void *data, size_t size, struct digest *digest, struct error *err);
int digest_of_file(const char *path, struct digest *digest, struct error *err);

/* 64 lower-case hexadecimal digits and a NUL. */
void digest_to_hex(const struct digest *digest, char hex[DIGEST_HEX_SIZE]);

/* Accepts exactly what digest_to_hex writes: one text for one digest. */
bool digest_from_hex(const char *hex, struct digest *digest);

/* What a person wrote: digits of either case. */
bool digest_from_person(const char *hex, struct digest *digest);

bool digest_equal(const struct digest *a, const struct digest *b);

#endif
