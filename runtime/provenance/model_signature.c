#include "provenance/model_signature.h"

#include "base/digest.h"
#include "base/file.h"
#include "base/json.h"
#include "provenance/envelope.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char statement_type[] = "https://in-toto.io/Statement/v1";
static const char predicate_type[] = "https://model_signing/signature/v1.0";
enum { DEPTH_LIMIT = 64 };

bool model_signature_is_model(const char *path)
{
    static const char *const endings[] = {".safetensors", ".keras", ".h5", ".onnx"};
    const size_t length = strlen(path);
    for (size_t i = 0; i < sizeof(endings) / sizeof(endings[0]); i++) {
        const size_t tail = strlen(endings[i]);
        if (length > tail && strcmp(path + length - tail, endings[i]) == 0)
            return true;
    }
    return false;
}

/* ---- the files of a model ---- */

/* As model_signing leaves them out. */
static const char *const ignored_always[] = {".git", ".gitignore", ".gitattributes", ".github"};

static json_t *own_ignored(void)
{
    json_t *list = json_array();
    for (size_t i = 0; i < sizeof(ignored_always) / sizeof(ignored_always[0]); i++)
        list = json_list_with(list, json_string(ignored_always[i]));
    return list;
}

/* A path of the list, or below one. */
static bool is_ignored(const json_t *ignored, const char *name)
{
    size_t index;
    json_t *item;
    json_array_foreach ((json_t *)ignored, index, item) {
        const char *path = json_string_value(item);
        const size_t length = path == NULL ? 0 : strlen(path);
        if (length > 0 && strncmp(name, path, length) == 0 &&
            (name[length] == '\0' || name[length] == '/'))
            return true;
    }
    return false;
}

static int add_file(const char *path, const char *name, json_t **resources, struct error *err)
{
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    if (digest_of_file(path, &digest, err) < 0)
        return -1;
    digest_to_hex(&digest, hex);
    json_t *resource =
        json_pack("{s:s, s:s, s:s}", "name", name, "algorithm", "sha256", "digest", hex);
    if (resource == NULL)
        return error_set(err, ERR_FORMAT, "'%s' is no name in UTF-8", path);
    *resources = json_list_with(*resources, resource);
    return *resources != NULL ? 0 : error_set(err, ERR_MEMORY, "out of memory for a model's files");
}

static int add_below(const char *folder, const char *prefix, const json_t *ignored, int depth,
                     json_t **resources, struct error *err);

static int add_entry(const char *folder, const char *name, const char *relative,
                     const json_t *ignored, int depth, json_t **resources, struct error *err)
{
    struct stat st;
    char *path = file_join(folder, name, err);
    int result = path == NULL ? -1 : 0;
    if (result == 0 && lstat(path, &st) < 0)
        result = error_errno(err, "cannot read '%s'", path);
    else if (result == 0 && S_ISDIR(st.st_mode))
        result = add_below(path, relative, ignored, depth + 1, resources, err);
    else if (result == 0 && S_ISREG(st.st_mode))
        result = add_file(path, relative, resources, err);
    else if (result == 0)
        result = error_set(err, ERR_FORMAT,
                           "'%s' is neither a file nor a folder: a signed model "
                           "holds no links",
                           path);
    free(path);
    return result;
}

static int add_below(const char *folder, const char *prefix, const json_t *ignored, int depth,
                     json_t **resources, struct error *err)
{
    char **names;
    size_t count;
    if (depth > DEPTH_LIMIT)
        return error_set(err, ERR_FORMAT, "'%s' is too deep for a model", folder);
    int result = file_list(folder, &names, &count, err);
    for (size_t i = 0; i < count && result == 0; i++) {
        struct text relative = {0};
        text_addf(&relative, "%s%s%s", prefix, prefix[0] != '\0' ? "/" : "", names[i]);
        if (!is_ignored(ignored, text_string(&relative)))
            result =
                add_entry(folder, names[i], text_string(&relative), ignored, depth, resources, err);
        text_release(&relative);
    }
    if (result == 0)
        file_free_names(names, count);
    return result;
}

static int compare_names(const void *left, const void *right)
{
    return strcmp(json_text(*(json_t *const *)left, "name"),
                  json_text(*(json_t *const *)right, "name"));
}

/* [{"name", "algorithm", "digest"}], sorted by name; a file alone is called ".". */
static json_t *list_files(const char *path, const json_t *ignored, struct error *err)
{
    struct stat st;
    json_t *found = json_array(), *sorted = json_array();
    int result = stat(path, &st) < 0   ? error_errno(err, "cannot read '%s'", path)
                 : S_ISDIR(st.st_mode) ? add_below(path, "", ignored, 0, &found, err)
                                       : add_file(path, ".", &found, err);
    const size_t count = json_array_size(found);
    json_t **list = result < 0 ? NULL : calloc(count + 1, sizeof(*list));
    for (size_t i = 0; list != NULL && i < count; i++)
        list[i] = json_array_get(found, i);
    if (list != NULL)
        qsort(list, count, sizeof(*list), compare_names);
    for (size_t i = 0; i < count; i++)
        sorted = list == NULL ? sorted : json_list_with(sorted, json_incref(list[i]));
    if (result == 0 && (list == NULL || sorted == NULL))
        result = error_set(err, ERR_MEMORY, "out of memory for a model's files");
    free(list);
    json_decref(found);
    if (result < 0) {
        json_decref(sorted);
        sorted = NULL;
    }
    return sorted;
}

/* The SHA-256 over the bytes of all digests, in hexadecimal. */
static int digest_all(const json_t *resources, char hex[DIGEST_HEX_SIZE], struct error *err)
{
    size_t index;
    json_t *resource;
    struct digest digest;
    struct hasher *hasher = hasher_new(err);
    int result = hasher == NULL ? -1 : hasher_start(hasher, err);
    json_array_foreach ((json_t *)resources, index, resource)
        if (result == 0 && !digest_from_hex(json_text(resource, "digest"), &digest))
            result = error_set(err, ERR_MISMATCH, "it lists a digest that is no SHA-256");
        else if (result == 0)
            result = hasher_add(hasher, digest.bytes, sizeof(digest.bytes), err);
    if (result == 0 && (result = hasher_finish(hasher, &digest, err)) == 0)
        digest_to_hex(&digest, hex);
    hasher_free(hasher);
    return result;
}

/* ---- statements ---- */

static const char *base_name(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash == NULL ? path : slash + 1;
}

/* Both are taken. */
static json_t *make_statement(const char *path, json_t *resources, json_t *ignored,
                              struct error *err)
{
    char hex[DIGEST_HEX_SIZE] = "";
    json_t *statement = NULL;
    if (digest_all(resources, hex, err) == 0 &&
        (statement =
             json_pack("{s:s, s:[{s:s, s:{s:s}}], s:s, s:{s:O, s:{s:s, s:s, s:b, s:O}}}", "_type",
                       statement_type, "subject", "name", base_name(path), "digest", "sha256", hex,
                       "predicateType", predicate_type, "predicate", "resources", resources,
                       "serialization", "method", "files", "hash_type", "sha256", "allow_symlinks",
                       0, "ignore_paths", ignored)) == NULL)
        error_set(err, ERR_MEMORY, "out of memory for a model's signature");
    json_decref(resources);
    json_decref(ignored);
    return statement;
}

json_t *model_signature_make(const char *path, const struct signing_key *key, struct error *err)
{
    if (signing_key_kind(key) != SIGNING_P256) {
        error_set(err, ERR_USAGE,
                  "a model is signed by a key of ECDSA P-256 (reprise keygen --kind p256): "
                  "OpenSSF Model Signing takes no %s",
                  signing_key_name(key));
        return NULL;
    }
    json_t *ignored = own_ignored(), *resources = list_files(path, ignored, err);
    json_t *statement = resources == NULL ? NULL : make_statement(path, resources, ignored, err);
    if (resources == NULL)
        json_decref(ignored);
    json_t *envelope = statement == NULL ? NULL : envelope_make(statement, key, err);
    json_decref(statement);
    return envelope == NULL ? NULL : envelope_bundle(envelope, key, err);
}

/* The first file in which what was signed and what is there differ. */
static int compare_files(const json_t *is_signed, const json_t *there, struct error *err)
{
    size_t a = 0, b = 0;
    while (a < json_array_size(is_signed) || b < json_array_size(there)) {
        const json_t *left = json_array_get(is_signed, a), *right = json_array_get(there, b);
        int order = left == NULL    ? 1
                    : right == NULL ? -1
                                    : strcmp(json_text(left, "name"), json_text(right, "name"));
        if (order < 0)
            return error_set(err, ERR_MISMATCH, "'%s' was signed and is not there",
                             json_text(left, "name"));
        if (order > 0)
            return error_set(err, ERR_MISMATCH, "'%s' was not signed", json_text(right, "name"));
        if (!json_equal(left, right))
            return error_set(err, ERR_MISMATCH, "%s is not what was signed",
                             strcmp(json_text(left, "name"), ".") == 0 ? "the file"
                                                                       : json_text(left, "name"));
        a++;
        b++;
    }
    return 0;
}

static int check_statement(const json_t *statement, const char *path, struct error *err)
{
    char hex[DIGEST_HEX_SIZE];
    const json_t *subjects = json_object_get(statement, "subject");
    const json_t *predicate = json_object_get(statement, "predicate");
    const json_t *resources = json_object_get(predicate, "resources");
    const json_t *form = json_object_get(predicate, "serialization");
    if (strcmp(json_text(statement, "_type"), statement_type) != 0 ||
        strcmp(json_text(statement, "predicateType"), predicate_type) != 0)
        return error_set(err, ERR_MISMATCH, "it is no signature of a model, v1.0");
    if (strcmp(json_text(form, "method"), "files") != 0 ||
        strcmp(json_text(form, "hash_type"), "sha256") != 0 || json_array_size(subjects) != 1)
        return error_set(err, ERR_MISMATCH,
                         "it lists no files by SHA-256: sign without shards, with sha256");
    if (digest_all(resources, hex, err) < 0)
        return -1;
    if (strcmp(json_text(json_object_get(json_array_get(subjects, 0), "digest"), "sha256"), hex) !=
        0)
        return error_set(err, ERR_MISMATCH, "its subject is not the digest of the files it lists");
    json_t *there = list_files(path, json_object_get(form, "ignore_paths"), err);
    int result = there == NULL ? -1 : compare_files(resources, there, err);
    json_decref(there);
    return result;
}

int model_signature_check(const json_t *bundle, const char *path, const struct signing_key *key,
                          struct error *err)
{
    json_t *statement;
    if (envelope_open(json_object_get(bundle, "dsseEnvelope"), key, &statement, err) < 0)
        return -1;
    int result = check_statement(statement, path, err);
    json_decref(statement);
    return result;
}
