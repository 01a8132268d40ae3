/* Every fuzz target over its corpus; an argument names one format. */
#include "fuzz/replay.h"

#include "tap.h"

#include <stdbool.h>
#include <string.h>

/* Changed HDF5 files are left out: with some the library runs until the time of its process is
 * over, a minute for each, and with which ones depends on its release. `make fuzz` changes them. Of archives there are few, as each is
 * unpacked twice, and read by a process of its own. */
static struct replay replays[] = {
    {"action", fuzz_action, 30, 60},
    {"checkpoint", fuzz_checkpoint, 60, 200},
    {"cifar10", fuzz_cifar10, 60, 200},
    {"cifar_files", fuzz_cifar_files, 20, 40},
    {"history", fuzz_history, 60, 200},
    {"keras_archive", fuzz_keras_archive, 20, 20},
    {"keras_h5", fuzz_keras_h5, 60, 0},
    {"lock", fuzz_lock, 60, 200},
    {"memo", fuzz_memo, 60, 200},
    {"model", fuzz_model, 20, 60},
    {"npy", fuzz_npy, 60, 200},
    {"npz", fuzz_npz, 60, 100},
    {"pickle", fuzz_pickle, 60, 400},
    {"picture_archive", fuzz_picture_archive, 60, 200},
    {"picture_table", fuzz_picture_table, 60, 200},
    {"picture", fuzz_picture, 60, 200},
    {"pipeline", fuzz_pipeline, 60, 200},
    {"progress", fuzz_progress, 60, 200},
    {"safetensors", fuzz_safetensors, 60, 200},
    {"stage", fuzz_stage, 60, 200},
    {"tree", fuzz_tree, 60, 200},
    {"unchanged", fuzz_unchanged, 60, 200},
};

enum { COUNT = sizeof(replays) / sizeof(replays[0]) };

static bool is_known(const char *format)
{
    for (size_t i = 0; i < COUNT; i++)
        if (strcmp(replays[i].format, format) == 0)
            return true;
    fprintf(stderr, "there is no format '%s' to replay\n", format);
    return false;
}

int main(int argc, char **argv)
{
    if (argc > 1 && !is_known(argv[1]))
        return 1;
    struct CMUnitTest tests[COUNT];
    char names[COUNT][64];
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(names[i], sizeof(names[i]), "%s_holds_whole_cut_short_and_changed",
                 replays[i].format);
        tests[i] = (struct CMUnitTest){names[i], replay_corpus, NULL, NULL, &replays[i]};
    }
    char filter[64];
    snprintf(filter, sizeof(filter), "%s_holds*", argc > 1 ? argv[1] : "*");
    cmocka_set_test_filter(filter);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
