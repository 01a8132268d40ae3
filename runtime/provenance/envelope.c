#include "provenance/envelope.h"

#include "base/base64.h"
#include "base/digest.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

static const char payload_type[] = "application/vnd.in-toto+json";
static const char bundle_type[] = "application/vnd.dev.sigstore.bundle.v0.3+json";

/* DSSE's pre-authentication encoding: what is signed. */
static void encode(const char *payload, size_t size, struct text *text)
{
    text_addf(text, "DSSEv1 %zu %s %zu ", strlen(payload_type), payload_type, size);
    text_append(text, payload, size);
}

static json_t *base64_json(const struct text *bytes)
{
    struct text text = {0};
    base64_add(&text, (const uint8_t *)text_string(bytes), bytes->size);
    json_t *json = text.failed ? NULL : json_string(text_string(&text));
    text_release(&text);
    return json;
}

json_t *envelope_make(const json_t *statement, const struct signing_key *key, struct error *err)
{
    struct text payload = {0}, message = {0}, signature = {0};
    json_t *envelope = NULL;
    char *text = json_to_text(statement, true, err);
    if (text == NULL)
        return NULL;
    text_add(&payload, text);
    encode(text, strlen(text), &message);
    if (text_check(&payload, err) == 0 && text_check(&message, err) == 0 &&
        signing_key_sign(key, &message, &signature, err) == 0) {
        envelope =
            json_pack("{s:o, s:s, s:[{s:s, s:o}]}", "payload", base64_json(&payload), "payloadType",
                      payload_type, "signatures", "keyid", "", "sig", base64_json(&signature));
        if (envelope == NULL)
            error_set(err, ERR_MEMORY, "out of memory for an envelope");
    }
    free(text);
    text_release(&payload);
    text_release(&message);
    text_release(&signature);
    return envelope;
}

static int refuse(const char *reason, struct error *err)
{
    return error_set(err, ERR_MISMATCH, "%s", reason);
}

static int open_parts(const json_t *envelope, const struct signing_key *key, struct text *payload,
                      struct text *signature, json_t **statement, struct error *err)
{
    const json_t *signatures = json_object_get(envelope, "signatures");
    struct text message = {0};
    if (strcmp(json_text(envelope, "payloadType"), payload_type) != 0)
        return refuse("its payload is no in-toto statement", err);
    if (json_array_size(signatures) != 1)
        return refuse("it has not one signature", err);
    if (!base64_parse(json_text(envelope, "payload"), payload) ||
        !base64_parse(json_text(json_array_get(signatures, 0), "sig"), signature))
        return refuse("payload or signature is not in base64", err);
    encode(text_string(payload), payload->size, &message);
    bool good = !message.failed && signing_key_verify(key, &message, signature);
    text_release(&message);
    if (!good)
        return refuse("its signature is not that of this key for these bytes", err);
    json_error_t where;
    *statement = json_loadb(text_string(payload), payload->size, JSON_REJECT_DUPLICATES, &where);
    return json_is_object(*statement) ? 0 : refuse("its payload is no JSON object", err);
}

int envelope_open(const json_t *envelope, const struct signing_key *key, json_t **statement,
                  struct error *err)
{
    struct text payload = {0}, signature = {0};
    *statement = NULL;
    int result = open_parts(envelope, key, &payload, &signature, statement, err);
    if (result < 0) {
        json_decref(*statement);
        *statement = NULL;
    }
    text_release(&payload);
    text_release(&signature);
    return result;
}

json_t *envelope_bundle(json_t *envelope, const struct signing_key *key, struct error *err)
{
    struct text pem = {0};
    struct digest digest;
    char hint[DIGEST_HEX_SIZE];
    if (signing_key_pem(key, &pem, err) < 0 ||
        digest_of_bytes(text_string(&pem), pem.size, &digest, err) < 0) {
        text_release(&pem);
        json_decref(envelope);
        return NULL;
    }
    text_release(&pem);
    digest_to_hex(&digest, hint);
    json_t *bundle =
        json_pack("{s:s, s:{s:{s:s}, s:[]}, s:o}", "mediaType", bundle_type, "verificationMaterial",
                  "publicKey", "hint", hint, "tlogEntries", "dsseEnvelope", envelope);
    if (bundle == NULL)
        error_set(err, ERR_MEMORY, "out of memory for a bundle");
    return bundle;
}
