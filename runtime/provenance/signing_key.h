/* Keys that sign and verify: Ed25519 (RFC 8032, pure) and ECDSA on P-256 with SHA-256 (FIPS 186-5,
 * signatures in DER), by libcrypto. On disk PEM: PKCS #8 of a private key, SubjectPublicKeyInfo of
 * a public one.
 */
#ifndef PROVENANCE_SIGNING_KEY_H
#define PROVENANCE_SIGNING_KEY_H

#include "base/error.h"
#include "base/text.h"

#include <stdbool.h>
#include <stddef.h>

enum signing_kind { SIGNING_ED25519, SIGNING_P256 };

struct signing_key;

/* "ed25519" or "p256"; ERR_USAGE for another name. */
int signing_kind_of(const char *name, enum signing_kind *kind, struct error *err);

/* A new key: the private one of mode 0600 at `path`, the public one at `path`.pub. What is there
 * already is not replaced (ERR_USAGE). */
int signing_key_generate(enum signing_kind kind, const char *path, struct error *err);

/* A private key that others may read, or that has a passphrase, is refused (ERR_USAGE); so is a key
 * of another kind. */
int signing_key_read_private(const char *path, struct signing_key **key, struct error *err);
/* A public key, or the public half of a private one. */
int signing_key_read_public(const char *path, struct signing_key **key, struct error *err);
void signing_key_free(struct signing_key *key);

enum signing_kind signing_key_kind(const struct signing_key *key);
/* "ECDSA P-256" */
const char *signing_key_name(const struct signing_key *key);

/* The public half: as PEM, and as DER. */
int signing_key_pem(const struct signing_key *key, struct text *pem, struct error *err);
int signing_key_der(const struct signing_key *key, struct text *der, struct error *err);

/* Adds the signature's bytes. */
int signing_key_sign(const struct signing_key *key, const struct text *message,
                     struct text *signature, struct error *err);
/* Whether the signature is that of this key for this message. */
bool signing_key_verify(const struct signing_key *key, const struct text *message,
                        const struct text *signature);

#endif
