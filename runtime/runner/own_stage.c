#include "runner/own_stage.h"

#include "base/text.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char built[] = "build/stages/";
static const char *const places[] = {"/../lib/reprise/stages/", "/stages/"};

char *own_stage_path(const char *word, struct error *err)
{
    char folder[PATH_MAX];
    struct stat st;
    *err = (struct error){0};
    while (strncmp(word, "./", 2) == 0)
        word += 2;
    const char *name = word + sizeof(built) - 1;
    if (strncmp(word, built, sizeof(built) - 1) != 0 || *name == '\0' || strchr(name, '/') != NULL)
        return NULL;
    ssize_t length = readlink("/proc/self/exe", folder, sizeof(folder) - 1);
    if (length <= 0)
        return NULL;
    folder[length] = '\0';
    *strrchr(folder, '/') = '\0';
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        struct text path = {0};
        text_addf(&path, "%s%s%s", folder, places[i], name);
        if (text_check(&path, err) < 0 ||
            (stat(path.data, &st) == 0 && S_ISREG(st.st_mode) && access(path.data, X_OK) == 0))
            return path.data;
        text_release(&path);
    }
    return NULL;
}
