#include "runner/scratch.h"

#include "base/file.h"
#include "base/text.h"
#include "store/materialise.h"
#include "store/mend.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ENTRY_LIMIT = 256 };

/* The lines of a key that say which program on which machine. */
static int path_of(const struct attempt *attempt, struct text *path, struct error *err)
{
    static const char *const parts[] = {"executable ", "interpreter ", "fingerprint "};
    struct text lines = {0};
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    const char *line = text_string(&attempt->job->components);
    while (*line != '\0') {
        size_t length = strcspn(line, "\n");
        for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
            if (strncmp(line, parts[i], strlen(parts[i])) == 0)
                text_append(&lines, line, length + 1);
        line += length + (line[length] == '\n');
    }
    int result = text_check(&lines, err);
    if (result == 0)
        result = digest_of_bytes(text_string(&lines), lines.size, &digest, err);
    text_release(&lines);
    if (result < 0)
        return -1;
    digest_to_hex(&digest, hex);
    text_addf(path, "%s/scratch/%s", store_folder(attempt->jobs->project->store), hex);
    return text_check(path, err);
}

/* False where there is no entry, or a damaged one. */
static bool read_entry(const char *path, struct content *content)
{
    char *data;
    size_t size;
    long long bytes;
    struct error ignored;
    if (file_read(path, ENTRY_LIMIT, &data, &size, &ignored) < 0)
        return false;
    bool good =
        size > DIGEST_HEX_SIZE && data[DIGEST_HEX_SIZE - 1] == ' ' && data[size - 1] == '\n';
    if (good) {
        data[DIGEST_HEX_SIZE - 1] = data[size - 1] = '\0';
        good = digest_from_hex(data, &content->digest) &&
               text_to_int64(data + DIGEST_HEX_SIZE, &bytes) && bytes >= 0;
    }
    free(data);
    content->kind = CONTENT_FOLDER;
    content->size = good ? bytes : 0;
    return good;
}

/* What is kept at `path`, if it is there and whole. */
static bool find_kept(struct store *store, const char *path, struct content *content)
{
    return read_entry(path, content) && content_is_good(store, content, STORE_BY_STAT, NULL);
}

int scratch_show(struct attempt *attempt, bool *shown, struct error *err)
{
    struct store *store = attempt->jobs->project->store;
    struct text path = {0};
    struct content content;
    *shown = false;
    if (path_of(attempt, &path, err) < 0) {
        text_release(&path);
        return -1;
    }
    bool kept = find_kept(store, path.data, &content);
    text_release(&path);
    if (!kept)
        return 0;
    char *folder = file_join(attempt->folder, "scratch", err);
    int result = folder == NULL
                     ? -1
                     : materialise_dep(store, &content, folder,
                                       attempt->jobs->project->sandbox != SANDBOX_OFF, err);
    free(folder);
    *shown = attempt->has_scratch = result == 0;
    attempt->scratch = content.digest;
    return result;
}

int scratch_keep(const struct attempt *attempt, struct error *err)
{
    struct store *store = attempt->jobs->project->store;
    struct text path = {0}, entry = {0};
    struct content content;
    char hex[DIGEST_HEX_SIZE];
    /* An empty folder goes, and there is nothing to keep. */
    if (!attempt->job->invocation.by_path ||
        unlinkat(attempt->folder_fd, "scratch_out", AT_REMOVEDIR) == 0 || errno != ENOTEMPTY)
        return 0;
    int result = path_of(attempt, &path, err);
    bool kept = result == 0 && find_kept(store, path.data, &content);
    if (result == 0 && !kept)
        mend_way(store_folder(store), path.data, S_IFREG);
    if (result == 0 && !kept &&
        (result = content_put(store, attempt->folder_fd, "scratch_out", true, &content, err)) ==
            0 &&
        content.kind == CONTENT_FOLDER) {
        digest_to_hex(&content.digest, hex);
        text_addf(&entry, "%s %lld\n", hex, (long long)content.size);
        result = text_check(&entry, err);
        if (result == 0 && (result = file_make_parents(path.data, err)) == 0)
            result = file_write_unflushed(path.data, entry.data, entry.size, err);
    }
    text_release(&path);
    text_release(&entry);
    return result;
}
