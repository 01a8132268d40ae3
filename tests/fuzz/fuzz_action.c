/* Any bytes as an action in a store. A check of 64 zeros stands for the right
 * one, so that a search gets past it. */
#include "base/file.h"
#include "base/json.h"
#include "fuzz/fuzz_folder.h"
#include "store/action.h"

#include <stdlib.h>
#include <string.h>

static const char zeros[] = "0000000000000000000000000000000000000000000000000000000000000000";

static struct digest digest_of_text(const char *text)
{
    struct error err = {0};
    struct digest digest;
    ASSERT(digest_of_bytes(text, strlen(text), &digest, &err) == 0);
    return digest;
}

/* The bytes with their check put right, in fresh memory, and the key that they are of. */
static char *complete(const uint8_t *data, size_t size, struct digest *key)
{
    static const char begin[] = "{\"check\": \"";
    enum { CHECK_AT = sizeof(begin) - 1, BODY_AT = CHECK_AT + DIGEST_HEX_SIZE - 1 + 3 };
    struct error err = {0};
    struct digest digest;
    char hex[DIGEST_HEX_SIZE], *text = malloc(size + 1);
    json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    const char *components = json_string_value(json_object_get(json, "components"));
    *key = digest_of_text(components != NULL ? components : "");
    json_decref(json);
    ASSERT(text != NULL);
    memcpy(text, data, size);
    if (size > BODY_AT && memcmp(data, begin, CHECK_AT) == 0 &&
        memcmp(data + CHECK_AT, zeros, strlen(zeros)) == 0) {
        ASSERT(digest_of_bytes(data + BODY_AT, size - BODY_AT, &digest, &err) == 0);
        digest_to_hex(&digest, hex);
        memcpy(text + CHECK_AT, hex, DIGEST_HEX_SIZE - 1);
    }
    return text;
}

/* Where it is put, it is found, and writing it again keeps its bytes. */
static enum fuzz_verdict read_back(struct store *store, const struct digest *key, const char *path,
                                   const struct fuzz_folder *folder)
{
    struct error err = {0};
    struct action *action = NULL, *again = NULL;
    enum fuzz_verdict verdict = FUZZ_ACCEPTED;
    ASSERT(action_read(store, key, &action, &err) == 0);
    if (action == NULL)
        return FUZZ_REFUSED;
    for (size_t i = 0; i < action->out_count; i++) {
        ASSERT(action_out(action, action->outs[i].name) == &action->outs[i].content);
        ASSERT(action->outs[i].content.size >= 0);
    }
    ASSERT(action_write(store, key, action, &err) == 0);
    if (fuzz_files_equal(path, folder->input))
        verdict = FUZZ_CANONICAL;
    ASSERT(rename(path, folder->again) == 0);
    ASSERT(action_write(store, key, action, &err) == 0);
    ASSERT(action_read(store, key, &again, &err) == 0 && again != NULL);
    ASSERT(action_write(store, key, again, &err) == 0);
    ASSERT(fuzz_files_equal(path, folder->again));
    action_free(again);
    action_free(action);
    return verdict;
}

enum fuzz_verdict fuzz_action(const uint8_t *data, size_t size)
{
    struct error err = {0};
    struct fuzz_folder folder;
    struct store *store = NULL;
    struct digest key;
    char path[STORE_PATH_SIZE];
    fuzz_folder_make(&folder, data, size);
    ASSERT(store_open(folder.output, &store, &err) == 0);
    char *text = complete(data, size, &key);
    store_action_path(store, &key, path);
    ASSERT(file_make_parents(path, &err) == 0);
    fuzz_write(path, text, size);
    enum fuzz_verdict verdict = read_back(store, &key, path, &folder);
    free(text);
    store_close(store);
    fuzz_folder_remove(&folder);
    return verdict;
}
