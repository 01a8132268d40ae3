/* Any bytes as stage.json of a stage that asks for everything. */
#include "base/json.h"
#include "base/stage.h"
#include "fuzz/fuzz_folder.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int read_parameters(struct stage *stage, struct error *err)
{
    static const char *const choices[] = {"stop", "warn"};
    int64_t seed, epochs = 1;
    double rate;
    bool flip;
    int mode;
    const char *name, *note = NULL;
    if (stage_int(stage, "split.seed", 0, 100, &seed, err) < 0 ||
        stage_int_or_null(stage, "epochs", 1, 10, &epochs, err) < 0 ||
        stage_real(stage, "rate", 0.0, 1.0, &rate, err) < 0 ||
        stage_bool(stage, "flip", &flip, err) < 0 || stage_text(stage, "name", &name, err) < 0 ||
        stage_text_or_null(stage, "note", &note, err) < 0 ||
        stage_choice(stage, "mode", choices, 2, &mode, err) < 0 ||
        stage_value(stage, "list", err) == NULL || stage_params_done(stage, err) < 0)
        return -1;
    ASSERT(seed >= 0 && seed <= 100 && epochs >= 1 && epochs <= 10 && rate >= 0.0 && rate <= 1.0);
    ASSERT(name != NULL && mode >= 0 && mode < 2);
    stage_progress(stage, name, epochs, 10, "epoch");
    stage_metric(stage, name, rate, epochs);
    stage_note(stage, "done");
    return 0;
}

static int ask_everything(struct stage *stage, struct error *err)
{
    ASSERT(stage_name(stage) != NULL && stage_device(stage) != NULL && stage_threads(stage) >= 1);
    stage_checkpoint(stage);
    stage_project(stage);
    int status = 0;
    if (stage_dep(stage, "data", err) == NULL || stage_out(stage, "result", err) == NULL ||
        read_parameters(stage, err) < 0)
        status = -1;
    ASSERT(status == 0 || fuzz_error_is_good(err));
    return status;
}

/* What came last is a line of the error. */
static bool ends_with_error(char *said, size_t size)
{
    if (size == 0 || said[size - 1] != '\n')
        return false;
    said[size - 1] = '\0';
    const char *before = strrchr(said, '\n');
    const char *line = before != NULL ? before + 1 : said;
    return strncmp(line, "stage '", 7) == 0 && fuzz_text_is_clean(line);
}

/* The stage closes the descriptor it is told of: it gets one of its own. */
static void give_descriptor(const uint8_t *data, size_t size, const struct fuzz_folder *folder)
{
    struct error err = {0};
    json_t *json = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    if (json_is_integer(json_object_get(json, "progress_fd"))) {
        int fd = open(folder->output, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
        ASSERT(fd >= 0);
        json_object_set_new(json, "progress_fd", json_integer(fd));
        char *text = json_to_text(json, true, &err);
        ASSERT(text != NULL);
        fuzz_write(folder->input, text, strlen(text));
        free(text);
    }
    json_decref(json);
}

enum fuzz_verdict fuzz_stage(const uint8_t *data, size_t size)
{
    static const struct stage_kind kind = {.name = "fuzz", .run = ask_everything};
    struct fuzz_folder folder;
    char *said = NULL;
    size_t said_size = 0;
    FILE *kept = stderr, *caught = open_memstream(&said, &said_size);
    ASSERT(caught != NULL);
    fuzz_folder_make(&folder, data, size);
    give_descriptor(data, size, &folder);
    char name[] = "fuzz", *argv[] = {name, folder.input, NULL};
    stderr = caught;
    int status = stage_main(2, argv, &kind);
    stderr = kept;
    fclose(caught);
    ASSERT(status == 0 || ends_with_error(said, said_size));
    free(said);
    fuzz_folder_remove(&folder);
    return status == 0 ? FUZZ_ACCEPTED : FUZZ_REFUSED;
}
