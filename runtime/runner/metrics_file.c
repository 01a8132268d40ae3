#include "runner/metrics_file.h"

#include "base/json.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* What other languages' writers call a number. */
static bool is_about_nan(const char *text)
{
    static const char *const words[] = {"NaN", "nan", "Infinity", "inf"};
    for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
        if (strstr(text, words[i]) != NULL)
            return true;
    return false;
}

int metrics_file_check(int folder, const char *path, const struct plan_out *out, struct error *err)
{
    struct stat st;
    json_error_t why = {0};
    int fd = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool there = fd >= 0 && fstat(fd, &st) == 0;
    if (!there || !S_ISREG(st.st_mode) || st.st_size > JSON_FILE_LIMIT) {
        if (fd >= 0)
            close(fd);
        if (there && (S_ISDIR(st.st_mode) || S_ISREG(st.st_mode)))
            return error_set(err, ERR_STAGE, "the metrics '%s' (%s) are %s and must be a JSON file",
                             out->name, path, S_ISDIR(st.st_mode) ? "a folder" : "more than 1 GiB");
        return 0; /* who takes it tells what it is */
    }
    FILE *stream = fdopen(fd, "r");
    if (stream == NULL) {
        close(fd);
        return error_set(err, ERR_MEMORY, "out of memory for the metrics '%s'", out->name);
    }
    json_t *json = json_loadf(stream, JSON_REJECT_DUPLICATES, &why);
    fclose(stream);
    bool good = json_is_object(json);
    int result = 0;
    if (json == NULL)
        result = error_set(
            err, ERR_STAGE, "the metrics '%s' are no JSON: %s:%d:%d: %s%s", out->name, path,
            why.line, why.column, why.text,
            is_about_nan(why.text) ? ": NaN and Infinity are no numbers there, write null" : "");
    else if (!good)
        result = error_set(err, ERR_STAGE,
                           "the metrics '%s' (%s) are no JSON object, as {\"accuracy\": 0.9} is",
                           out->name, path);
    json_decref(json);
    return result;
}
