/* DSSE envelopes (https://github.com/secure-systems-lab/dsse, v1): a statement in JSON with one
 * signature over its very bytes and its type,
 *
 *   {"payload": "<base64>", "payloadType": "application/vnd.in-toto+json",
 *    "signatures": [{"keyid": "", "sig": "<base64>"}]}
 *
 * and Sigstore bundles v0.3 around them, which name the key by a hint.
 */
#ifndef PROVENANCE_ENVELOPE_H
#define PROVENANCE_ENVELOPE_H

#include "provenance/signing_key.h"

#include <jansson.h>

/* Signs a statement. NULL with an error; json_decref() it. */
json_t *envelope_make(const json_t *statement, const struct signing_key *key, struct error *err);

/* The statement of an envelope whose one signature is that of this key. ERR_MISMATCH with the
 * reason where it is not, or where the envelope is not as above. json_decref() *statement. */
int envelope_open(const json_t *envelope, const struct signing_key *key, json_t **statement,
                  struct error *err);

/* An envelope, taken, in a bundle, as OpenSSF's model_signing reads it: the hint is the hexadecimal
 * SHA-256 of the public key in PEM. NULL with an error. */
json_t *envelope_bundle(json_t *envelope, const struct signing_key *key, struct error *err);

#endif
