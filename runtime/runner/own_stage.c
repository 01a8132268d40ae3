#include "runner/own_stage.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#include <limits.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char built[] = "build/stages/";

/* From the program's folder: a folder above it, and what to add. */
static const struct {
    bool above;
    const char *inner;
} places[] = {{true, "lib/reprise/stages"}, {false, "stages"}};
enum { PLACES = sizeof(places) / sizeof(places[0]) };

/* A folder of stages; NULL with ERR_NONE where the program does not know where it lies. */
static char *folder_at(size_t index, struct error *err)
{
    char own[PATH_MAX];
    *err = (struct error){0};
    ssize_t length = readlink("/proc/self/exe", own, sizeof(own) - 1);
    if (length <= 0)
        return NULL;
    own[length] = '\0';
    for (int i = 0; i <= places[index].above; i++) {
        char *slash = strrchr(own, '/');
        if (slash != NULL)
            *slash = '\0';
    }
    return file_join(own[0] != '\0' ? own : "/", places[index].inner, err);
}

/* The name in "phase1" and in "build/stages/phase1"; NULL of any other path. */
static const char *name_in(const char *word)
{
    if (strchr(word, '/') != NULL) {
        while (strncmp(word, "./", 2) == 0)
            word += 2;
        if (strncmp(word, built, sizeof(built) - 1) != 0)
            return NULL;
        word += sizeof(built) - 1;
    }
    bool is_name = *word != '\0' && strchr(word, '/') == NULL && strcmp(word, ".") != 0 &&
                   strcmp(word, "..") != 0;
    return is_name ? word : NULL;
}

char *own_stage_place(const char *word, size_t index, struct error *err)
{
    const char *name = name_in(word);
    *err = (struct error){0};
    if (name == NULL || index >= PLACES)
        return NULL;
    char *folder = folder_at(index, err);
    char *path = folder == NULL ? NULL : file_join(folder, name, err);
    free(folder);
    return path;
}

char *own_stage_path(const char *word, struct error *err)
{
    struct stat st;
    char *path;
    for (size_t i = 0; (path = own_stage_place(word, i, err)) != NULL; i++) {
        if (stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0)
            return path;
        free(path);
    }
    return NULL;
}

char *own_stage_folder(struct error *err)
{
    struct stat st;
    char *folder = NULL;
    for (size_t i = 0; i < PLACES; i++) {
        free(folder);
        if ((folder = folder_at(i, err)) == NULL || (stat(folder, &st) == 0 && S_ISDIR(st.st_mode)))
            break;
    }
    return folder == NULL && err->kind == ERR_NONE ? memory_copy_text("stages", err) : folder;
}
