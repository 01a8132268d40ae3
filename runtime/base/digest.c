#include "base/digest.h"

#include "base/memory.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct hasher {
    EVP_MD_CTX *context;
};

struct hasher *hasher_new(struct error *err)
{
    struct hasher *hasher = memory_new(1, sizeof(*hasher), err);
    if (hasher == NULL)
        return NULL;
    hasher->context = EVP_MD_CTX_new();
    if (hasher->context == NULL || EVP_DigestInit_ex(hasher->context, EVP_sha256(), NULL) != 1) {
        error_set(err, ERR_MEMORY, "libcrypto: cannot start a sha256 digest");
        hasher_free(hasher);
        return NULL;
    }
    return hasher;
}

/* Without a name: the algorithm that the context has already. */
int hasher_start(struct hasher *hasher, struct error *err)
{
    if (EVP_DigestInit_ex(hasher->context, NULL, NULL) != 1)
        return error_set(err, ERR_MEMORY, "libcrypto: cannot start a sha256 digest");
    return 0;
}

int hasher_add(struct hasher *hasher, const void *data, size_t size, struct error *err)
{
    if (EVP_DigestUpdate(hasher->context, data, size) != 1)
        return error_set(err, ERR_IO, "libcrypto: EVP_DigestUpdate failed");
    return 0;
}

int hasher_finish(struct hasher *hasher, struct digest *digest, struct error *err)
{
    unsigned size = DIGEST_SIZE;
    if (EVP_DigestFinal_ex(hasher->context, digest->bytes, &size) != 1)
        return error_set(err, ERR_IO, "libcrypto: EVP_DigestFinal_ex failed");
    return 0;
}

void hasher_free(struct hasher *hasher)
{
    if (hasher == NULL)
        return;
    EVP_MD_CTX_free(hasher->context);
    free(hasher);
}

int digest_of_bytes(const void *data, size_t size, struct digest *digest, struct error *err)
{
    if (EVP_Digest(data, size, digest->bytes, NULL, EVP_sha256(), NULL) != 1)
        return error_set(err, ERR_IO, "libcrypto: EVP_Digest failed");
    return 0;
}

int digest_of_file(const char *path, struct digest *digest, struct error *err)
{
    enum { BLOCK = 1 << 18 };
    int result = -1;
    struct hasher *hasher = NULL;
    char *block = NULL;
    int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return error_errno(err, "cannot read '%s'", path);
    if ((block = memory_new(BLOCK, 1, err)) == NULL || (hasher = hasher_new(err)) == NULL)
        goto done;
    ssize_t got;
    while ((got = read(fd, block, BLOCK)) > 0)
        if (hasher_add(hasher, block, (size_t)got, err) < 0)
            goto done;
    result =
        got < 0 ? error_errno(err, "cannot read '%s'", path) : hasher_finish(hasher, digest, err);
done:
    hasher_free(hasher);
    free(block);
    close(fd);
    return result;
}

void digest_to_hex(const struct digest *digest, char hex[DIGEST_HEX_SIZE])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        hex[2 * i] = digits[digest->bytes[i] >> 4];
        hex[2 * i + 1] = digits[digest->bytes[i] & 15];
    }
    hex[DIGEST_HEX_SIZE - 1] = '\0';
}

static int nibble(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return -1;
}

bool digest_from_hex(const char *hex, struct digest *digest)
{
    struct digest parsed;
    if (strlen(hex) != DIGEST_HEX_SIZE - 1)
        return false;
    for (size_t i = 0; i < DIGEST_SIZE; i++) {
        int high = nibble(hex[2 * i]), low = nibble(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return false;
        parsed.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *digest = parsed;
    return true;
}

bool digest_from_person(const char *hex, struct digest *digest)
{
    char lower[DIGEST_HEX_SIZE];
    if (strlen(hex) != sizeof(lower) - 1)
        return false;
    for (size_t i = 0; i < sizeof(lower); i++)
        lower[i] = hex[i] >= 'A' && hex[i] <= 'F' ? (char)(hex[i] - 'A' + 'a') : hex[i];
    return digest_from_hex(lower, digest);
}

bool digest_equal(const struct digest *a, const struct digest *b)
{
    return memcmp(a->bytes, b->bytes, DIGEST_SIZE) == 0;
}
