/* Signatures of models by OpenSSF Model Signing v1.0 (https://github.com/ossf/model-signing-spec):
 * a Sigstore bundle around an in-toto statement that lists each file of a model, a file or a
 * folder, with its SHA-256. The keys that its tools take are ECDSA's: P-256 here.
 */
#ifndef PROVENANCE_MODEL_SIGNATURE_H
#define PROVENANCE_MODEL_SIGNATURE_H

#include "provenance/signing_key.h"

#include <jansson.h>

/* True of paths that end as models do: .safetensors, .keras, .h5, .onnx. */
bool model_signature_is_model(const char *path);

/* The bundle for a file or a folder; a folder with links is ERR_FORMAT, a key that is not P-256
 * ERR_USAGE. NULL with an error; json_decref() it. */
json_t *model_signature_make(const char *path, const struct signing_key *key, struct error *err);

/* ERR_MISMATCH with the reason where the bundle is not that of this key for just these files. */
int model_signature_check(const json_t *bundle, const char *path, const struct signing_key *key,
                          struct error *err);

#endif
