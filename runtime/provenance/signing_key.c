#include "provenance/signing_key.h"

#include "base/memory.h"

#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct signing_key {
    EVP_PKEY *pkey;
    enum signing_kind kind;
};

static const char *const names[] = {[SIGNING_ED25519] = "ed25519", [SIGNING_P256] = "p256"};

int signing_kind_of(const char *name, enum signing_kind *kind, struct error *err)
{
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (strcmp(names[i], name) == 0) {
            *kind = (enum signing_kind)i;
            return 0;
        }
    return error_set(err, ERR_USAGE, "unknown kind of key '%s': ed25519 or p256", name);
}

enum signing_kind signing_key_kind(const struct signing_key *key)
{
    return key->kind;
}

const char *signing_key_name(const struct signing_key *key)
{
    return key->kind == SIGNING_ED25519 ? "Ed25519" : "ECDSA P-256";
}

void signing_key_free(struct signing_key *key)
{
    if (key != NULL)
        EVP_PKEY_free(key->pkey);
    free(key);
}

/* ---- files ---- */

static bool is_p256(const EVP_PKEY *pkey)
{
    char group[64] = "";
    return EVP_PKEY_get_base_id(pkey) == EVP_PKEY_EC &&
           EVP_PKEY_get_group_name(pkey, group, sizeof(group), NULL) == 1 &&
           strcmp(group, "prime256v1") == 0;
}

/* `pkey` is the key's from then on, or freed. */
static int take(EVP_PKEY *pkey, const char *path, struct signing_key **key, struct error *err)
{
    if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_ED25519 && !is_p256(pkey)) {
        EVP_PKEY_free(pkey);
        return error_set(err, ERR_USAGE,
                         "'%s' is a key of another kind: make one by reprise keygen (Ed25519 or "
                         "ECDSA P-256)",
                         path);
    }
    if ((*key = memory_new(1, sizeof(**key), err)) == NULL) {
        EVP_PKEY_free(pkey);
        return -1;
    }
    **key = (struct signing_key){
        pkey, EVP_PKEY_get_base_id(pkey) == EVP_PKEY_ED25519 ? SIGNING_ED25519 : SIGNING_P256};
    return 0;
}

/* Nobody is asked for a passphrase. */
static int no_passphrase(char *buffer, int size, int writing, void *arg)
{
    (void)buffer;
    (void)size;
    (void)writing;
    *(bool *)arg = true;
    return -1;
}

static EVP_PKEY *read_private(FILE *file, bool *locked)
{
    *locked = false;
    return PEM_read_PrivateKey(file, NULL, no_passphrase, locked);
}

int signing_key_read_private(const char *path, struct signing_key **key, struct error *err)
{
    struct stat st;
    FILE *file = fopen(path, "re");
    if (file == NULL || fstat(fileno(file), &st) < 0) {
        error_errno(err, "cannot read the key '%s'", path);
        err->kind = ERR_USAGE;
        if (file != NULL)
            fclose(file);
        return -1;
    }
    if ((st.st_mode & 077) != 0 || st.st_uid != geteuid()) {
        fclose(file);
        return error_set(err, ERR_USAGE,
                         "the key '%s' is not yours alone to read: chmod 600 it, and make another "
                         "where somebody may have read it",
                         path);
    }
    bool locked;
    EVP_PKEY *pkey = read_private(file, &locked);
    fclose(file);
    if (pkey == NULL)
        return error_set(err, ERR_USAGE,
                         locked ? "the key '%s' has a passphrase, for which nobody is asked: store "
                                  "it without one, of mode 0600"
                                : "'%s' holds no private key in PEM: make one by reprise keygen",
                         path);
    return take(pkey, path, key, err);
}

int signing_key_read_public(const char *path, struct signing_key **key, struct error *err)
{
    FILE *file = fopen(path, "re");
    if (file == NULL) {
        error_errno(err, "cannot read the key '%s'", path);
        err->kind = ERR_USAGE;
        return -1;
    }
    bool locked;
    EVP_PKEY *pkey = PEM_read_PUBKEY(file, NULL, NULL, NULL);
    if (pkey == NULL) {
        rewind(file);
        pkey = read_private(file, &locked);
    }
    fclose(file);
    if (pkey == NULL)
        return error_set(err, ERR_USAGE,
                         "'%s' holds no key in PEM: give the file FILE.pub of reprise "
                         "keygen FILE",
                         path);
    return take(pkey, path, key, err);
}

typedef int write_fn(FILE *file, EVP_PKEY *pkey);

static int write_private(FILE *file, EVP_PKEY *pkey)
{
    return PEM_write_PKCS8PrivateKey(file, pkey, NULL, NULL, 0, NULL, NULL);
}

static int write_public(FILE *file, EVP_PKEY *pkey)
{
    return PEM_write_PUBKEY(file, pkey);
}

/* A new file, or nothing. */
static int write_new(const char *path, mode_t mode, write_fn *write, EVP_PKEY *pkey,
                     struct error *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    if (file == NULL) {
        error_errno(err, "cannot make '%s'", path);
        err->kind = ERR_USAGE;
        if (fd >= 0)
            close(fd);
        return -1;
    }
    bool good =
        fchmod(fd, mode) == 0 && write(file, pkey) == 1 && fflush(file) == 0 && fsync(fd) == 0;
    good = fclose(file) == 0 && good;
    if (good)
        return 0;
    error_errno(err, "cannot write '%s'", path);
    unlink(path);
    return -1;
}

int signing_key_generate(enum signing_kind kind, const char *path, struct error *err)
{
    struct text public = {0};
    text_addf(&public, "%s.pub", path);
    int result = text_check(&public, err);
    EVP_PKEY *pkey = result < 0                ? NULL
                     : kind == SIGNING_ED25519 ? EVP_PKEY_Q_keygen(NULL, NULL, "ED25519")
                                               : EVP_EC_gen("P-256");
    if (result == 0 && pkey == NULL)
        result = error_set(err, ERR_MEMORY, "libcrypto made no key");
    if (result == 0)
        result = write_new(path, 0600, write_private, pkey, err);
    if (result == 0 && (result = write_new(public.data, 0644, write_public, pkey, err)) < 0)
        unlink(path);
    EVP_PKEY_free(pkey);
    text_release(&public);
    return result;
}

/* ---- the public half ---- */

int signing_key_pem(const struct signing_key *key, struct text *pem, struct error *err)
{
    char *bytes;
    BIO *bio = BIO_new(BIO_s_mem());
    bool good = bio != NULL && PEM_write_bio_PUBKEY(bio, key->pkey) == 1;
    long size = good ? BIO_get_mem_data(bio, &bytes) : 0;
    if (good)
        text_append(pem, bytes, (size_t)size);
    BIO_free(bio);
    return good ? text_check(pem, err) : error_set(err, ERR_MEMORY, "out of memory for a key");
}

int signing_key_der(const struct signing_key *key, struct text *der, struct error *err)
{
    unsigned char *bytes = NULL;
    int size = i2d_PUBKEY(key->pkey, &bytes);
    if (size > 0)
        text_append(der, (const char *)bytes, (size_t)size);
    OPENSSL_free(bytes);
    return size > 0 ? text_check(der, err) : error_set(err, ERR_MEMORY, "out of memory for a key");
}

/* ---- signatures ---- */

/* Ed25519 hashes for itself. */
static const EVP_MD *hash_of(const struct signing_key *key)
{
    return key->kind == SIGNING_ED25519 ? NULL : EVP_sha256();
}

int signing_key_sign(const struct signing_key *key, const struct text *message,
                     struct text *signature, struct error *err)
{
    unsigned char bytes[256];
    size_t size = sizeof(bytes);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good = context != NULL &&
                EVP_DigestSignInit(context, NULL, hash_of(key), NULL, key->pkey) == 1 &&
                EVP_DigestSign(context, bytes, &size, (const unsigned char *)text_string(message),
                               message->size) == 1;
    EVP_MD_CTX_free(context);
    if (!good)
        return error_set(err, ERR_MEMORY, "libcrypto made no signature");
    text_append(signature, (const char *)bytes, size);
    return text_check(signature, err);
}

bool signing_key_verify(const struct signing_key *key, const struct text *message,
                        const struct text *signature)
{
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    bool good =
        context != NULL &&
        EVP_DigestVerifyInit(context, NULL, hash_of(key), NULL, key->pkey) == 1 &&
        EVP_DigestVerify(context, (const unsigned char *)text_string(signature), signature->size,
                         (const unsigned char *)text_string(message), message->size) == 1;
    EVP_MD_CTX_free(context);
    return good;
}
