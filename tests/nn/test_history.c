/* The files of a history. */
#include "nn/history.h"

#include "base/file.h"
#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tap.h"

struct fixture {
    char folder[64], path[96];
    struct history history;
};

static int make_history(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    struct error err;
    const struct epoch_record records[] = {
        {2.25, 0.25, (double)2.3f, 0.5, (double)1e-3f},
        {1.0, 1.0, 2.0, (double)0.1f, (double)1e-6f},
        {(double)NAN, 0, (double)INFINITY, 0.5, 100000},
    };
    snprintf(f->folder, sizeof(f->folder), "/tmp/reprise-history-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
    snprintf(f->path, sizeof(f->path), "%s/history", f->folder);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(history_add(&f->history, &records[i], &err), 0);
    f->history.best_epoch = f->history.kept_epoch = 1;
    f->history.checkpoint_epoch = 0;
    f->history.stopped_early = true;
    *state = f;
    return 0;
}

static int free_history(void **state)
{
    struct fixture *f = *state;
    struct error err;
    history_release(&f->history);
    file_remove(f->folder, &err);
    free(f);
    return 0;
}

static const struct history_summary summary = {
    .phase = "phase1", .trainable_parameters = 527114, .frozen_parameters = 23587712, .shard = 8};

/* What Python's repr gives for these numbers. */
static void csv_has_the_layout_of_keras(void **state)
{
    struct fixture *f = *state;
    struct error err;
    char *text;
    size_t size;
    assert_int_equal(history_write_csv(f->path, &f->history, &err), 0);
    assert_int_equal(file_read(f->path, 4096, &text, &size, &err), 0);
    assert_string_equal(text, "epoch,accuracy,learning_rate,loss,val_accuracy,val_loss\n"
                              "1,0.25,0.0010000000474974513,2.25,0.5,2.299999952316284\n"
                              "2,1.0,9.999999974752427e-07,1.0,0.10000000149011612,2.0\n"
                              "3,0.0,100000.0,nan,0.5,inf\n");
    free(text);
}

static void json_reads_back(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct history read = {0};
    struct history_summary said = {0};
    assert_int_equal(history_write_json(f->path, &f->history, &summary, &err), 0);
    assert_int_equal(history_read_json(f->path, &read, &said, &err), 0);
    assert_int_equal(read.count, 3);
    for (size_t i = 0; i < 2; i++) {
        /* 15 digits hold what an f32 has. */
        assert_true((float)read.epochs[i].val_loss == (float)f->history.epochs[i].val_loss);
        assert_true((float)read.epochs[i].learning_rate ==
                    (float)f->history.epochs[i].learning_rate);
    }
    assert_true(isnan(read.epochs[2].loss));
    assert_true(read.epochs[2].val_loss == (double)INFINITY);
    assert_int_equal(read.kept_epoch, 1);
    assert_int_equal(read.best_epoch, 1);
    assert_int_equal(read.checkpoint_epoch, 0);
    assert_true(read.stopped_early);
    assert_string_equal(said.phase, "phase1");
    assert_int_equal(said.trainable_parameters, 527114);
    assert_int_equal(said.frozen_parameters, 23587712);
    history_release(&read);
}

/* f32 goes without saying; what else is named is read back, or refused. */
static void json_names_a_precision_that_is_not_f32(void **state)
{
    struct fixture *f = *state;
    struct error err;
    for (int dtype = 0; dtype < 2; dtype++) {
        struct history_summary said = summary, back = {.precision = DTYPE_BF16};
        struct history read = {0};
        json_t *json;
        said.precision = (enum dtype)dtype;
        assert_int_equal(history_write_json(f->path, &f->history, &said, &err), 0);
        assert_int_equal(history_read_json(f->path, &read, &back, &err), 0);
        assert_int_equal(back.precision, dtype);
        history_release(&read);
        assert_int_equal(json_read(f->path, &json, &err), 0);
        assert_int_equal(json_object_get(json, "precision") != NULL, dtype);
        json_object_set_new(json, "precision", dtype ? json_string("f16") : json_integer(32));
        assert_int_equal(json_write(f->path, json, &err), 0);
        json_decref(json);
        assert_int_equal(history_read_json(f->path, &read, &back, &err), -1);
        assert_non_null(strstr(err.message, "'precision' is neither 'f32' nor 'bf16'"));
    }
}

static void json_names_a_shard_that_is_not_8(void **state)
{
    static const int64_t shards[] = {8, 32};
    struct fixture *f = *state;
    struct error err;
    for (int i = 0; i < 2; i++) {
        struct history_summary said = summary, back = {0};
        struct history read = {0};
        json_t *json;
        said.shard = shards[i];
        assert_int_equal(history_write_json(f->path, &f->history, &said, &err), 0);
        assert_int_equal(history_read_json(f->path, &read, &back, &err), 0);
        assert_int_equal(back.shard, shards[i]);
        history_release(&read);
        assert_int_equal(json_read(f->path, &json, &err), 0);
        assert_int_equal(json_object_get(json, "shard") != NULL, i);
        json_object_set_new(json, "shard", json_integer(0));
        assert_int_equal(json_write(f->path, json, &err), 0);
        json_decref(json);
        assert_int_equal(history_read_json(f->path, &read, &back, &err), -1);
        assert_non_null(strstr(err.message, "'shard' is no number of images"));
    }
}

/* Both files count from 1, and say infinity as it is. */
static void json_and_csv_count_epochs_alike(void **state)
{
    struct fixture *f = *state;
    struct error err;
    json_t *json;
    char *csv;
    size_t size;
    assert_int_equal(history_write_csv(f->path, &f->history, &err), 0);
    assert_int_equal(file_read(f->path, 4096, &csv, &size, &err), 0);
    assert_int_equal(history_write_json(f->path, &f->history, &summary, &err), 0);
    assert_int_equal(json_read(f->path, &json, &err), 0);
    const json_t *epochs = json_object_get(json, "epochs");
    const char *line = csv;
    for (size_t i = 0; i < 3; i++) {
        line = strchr(line, '\n') + 1;
        assert_int_equal(strtol(line, NULL, 10),
                         json_integer_value(json_at(json_array_get(epochs, i), "epoch")));
    }
    assert_string_equal(json_string_value(json_at(json_array_get(epochs, 2), "val_loss")), "inf");
    assert_true(json_is_null(json_at(json_array_get(epochs, 2), "loss")));
    json_decref(json);
    free(csv);
}

/* Where nothing stops early the last is kept, and the file says so. */
static void json_says_which_epoch_was_kept_where_it_is_not_the_best(void **state)
{
    struct fixture *f = *state;
    struct error err;
    struct history read = {0};
    json_t *json;
    f->history.kept_epoch = 2;
    assert_int_equal(history_write_json(f->path, &f->history, &summary, &err), 0);
    assert_int_equal(json_read(f->path, &json, &err), 0);
    assert_int_equal(json_integer_value(json_at(json, "best_epoch")), 2);
    assert_int_equal(json_integer_value(json_at(json, "kept_epoch")), 3);
    assert_int_equal(history_read_json(f->path, &read, NULL, &err), 0);
    assert_int_equal(read.kept_epoch, 2);
    assert_int_equal(read.best_epoch, 1);
    history_release(&read);
    json_decref(json);
}

static void json_equal_histories_give_equal_bytes(void **state)
{
    struct fixture *f = *state;
    struct error err;
    char *first, *second;
    size_t first_size, second_size;
    assert_int_equal(history_write_json(f->path, &f->history, &summary, &err), 0);
    assert_int_equal(file_read(f->path, 4096, &first, &first_size, &err), 0);
    assert_int_equal(history_write_json(f->path, &f->history, &summary, &err), 0);
    assert_int_equal(file_read(f->path, 4096, &second, &second_size, &err), 0);
    assert_int_equal(first_size, second_size);
    assert_memory_equal(first, second, first_size);
    free(first);
    free(second);
}

static void json_refuses_what_is_no_history(void **state)
{
    struct fixture *f = *state;
    static const char *const cases[] = {
        "{}",
        "{\"epochs\": 3}",
        "{\"epochs\": [{\"loss\": 1}], \"best_epoch\": 1}",
        "{\"epochs\": [], \"best_epoch\": 1, \"checkpoint_epoch\": null}",
        "{\"epochs\": [], \"best_epoch\": null, \"checkpoint_epoch\": null, \"phase\": 3}",
        "{\"epochs\": [], \"best_epoch\": null, \"checkpoint_epoch\": null, \"phase\": \"x\"}",
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct error err;
        struct history read = {0};
        assert_int_equal(file_write(f->path, cases[i], strlen(cases[i]), &err), 0);
        assert_int_equal(history_read_json(f->path, &read, NULL, &err), -1);
        assert_int_equal(err.kind, ERR_FORMAT);
        assert_null(read.epochs);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_history, free_history)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(csv_has_the_layout_of_keras),
        TEST(json_reads_back),
        TEST(json_names_a_precision_that_is_not_f32),
        TEST(json_names_a_shard_that_is_not_8),
        TEST(json_and_csv_count_epochs_alike),
        TEST(json_says_which_epoch_was_kept_where_it_is_not_the_best),
        TEST(json_equal_histories_give_equal_bytes),
        TEST(json_refuses_what_is_no_history),
    };
    return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
