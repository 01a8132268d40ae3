#include "stage_run.h"

#include "base/file.h"
#include "base/json.h"
#include "data/data_scratch.h"
#include "data/dataset.h"
#include "data/folder_digest.h"
#include "figure/png_file.h"

#include <png.h>
#include <stdlib.h>
#include <string.h>

#include "tap.h"

enum { SIDE = 8 };

static char *below(const struct stage_run *run, const char *name)
{
    struct error err = {0};
    char *path = file_join(run->folder, name, &err);
    assert_non_null(path);
    return path;
}

/* A picture of one colour, which is all that `number` says. */
static void put_picture(const struct stage_run *run, const char *name, uint32_t number)
{
    struct error err = {0};
    uint32_t pixels[SIDE * SIDE];
    char *path = below(run, name);
    for (int i = 0; i < SIDE * SIDE; i++)
        pixels[i] = 0xff000000 | number;
    assert_int_equal(file_make_parents(path, &err), 0);
    if (png_file_write(path, pixels, SIDE, SIDE, SIDE, 72, &err) < 0)
        fail_msg("%s", err.message);
    free(path);
}

static void put_text(const struct stage_run *run, const char *name, const char *text)
{
    struct error err = {0};
    char *path = below(run, name);
    assert_int_equal(file_make_parents(path, &err), 0);
    assert_int_equal(file_write(path, text, strlen(text), &err), 0);
    free(path);
}

/* `count` pictures of a class, that begin at a number. */
static void put_class(const struct stage_run *run, const char *class, int count, uint32_t first)
{
    for (int i = 0; i < count; i++) {
        char name[64];
        snprintf(name, sizeof(name), "own/%s/%03d.png", class, i);
        put_picture(run, name, first + (uint32_t)i);
    }
}

static void init_run(struct stage_run *run)
{
    stage_run_init(run, "import");
    char *own = below(run, "own");
    stage_run_dep(run, "pictures", own);
    stage_run_out(run, "dataset", "dataset");
    free(own);
}

static void expect_said(const struct stage_run *run, const char *part)
{
    if (strstr(run->messages, part) == NULL)
        fail_msg("'%s' lacks '%s'", run->messages, part);
}

static void open_made(struct stage_run *run, struct dataset *dataset, json_t **summary)
{
    struct error err = {0};
    if (stage_run_execute(run) != 0)
        fail_msg("%s", run->messages);
    char *folder = below(run, "dataset"), *path = below(run, "dataset/dataset.json");
    if (dataset_open(folder, dataset, &err) < 0 || json_read(path, summary, &err) < 0)
        fail_msg("%s", err.message);
    free(folder);
    free(path);
}

static int number_of(const uint8_t *pixel)
{
    return pixel[0] << 16 | pixel[1] << 8 | pixel[2];
}

static void class_folders_become_a_dataset(void **state)
{
    (void)state;
    struct stage_run run;
    struct dataset dataset;
    json_t *summary;
    init_run(&run);
    put_class(&run, "cat", 20, 1000);
    put_class(&run, "dog", 10, 2000);
    put_text(&run, "own/cat/notes.txt", "x");
    open_made(&run, &dataset, &summary);
    assert_int_equal(dataset.class_count, 2);
    assert_int_equal(dataset.train_labels.count, 24);
    assert_int_equal(dataset.test_labels.count, 6);
    assert_int_equal(dataset.height, SIDE);
    assert_null(dataset.train_groups.data);
    for (int64_t i = 0; i < 24; i++) {
        const int number =
            number_of((const uint8_t *)dataset.train_images.data + i * SIDE * SIDE * 3);
        assert_int_equal(number / 1000 - 1, ((const uint16_t *)dataset.train_labels.data)[i]);
    }
    assert_int_equal(json_integer_value(json_at(summary, "schema")), 1);
    assert_int_equal(json_integer_value(json_at(summary, "skipped.not_pictures")), 1);
    assert_int_equal(json_integer_value(json_at(summary, "equal_pictures")), 0);
    expect_said(&run, "pictures become 8x8");
    json_decref(summary);
    dataset_release(&dataset);
    stage_run_release(&run);
}

static void the_same_bytes_come_of_any_number_of_threads(void **state)
{
    (void)state;
    char *first = NULL;
    size_t first_size = 0;
    for (int threads = 1; threads <= 4; threads += 3) {
        struct stage_run run;
        size_t size;
        init_run(&run);
        json_object_set_new(run.description, "resources", json_pack("{s:i}", "threads", threads));
        put_class(&run, "cat", 20, 1000);
        put_class(&run, "dog", 10, 2000);
        if (stage_run_execute(&run) != 0)
            fail_msg("%s", run.messages);
        char *bytes = stage_run_read(&run, "dataset/train_images.npy", &size);
        if (first == NULL) {
            first = bytes;
            first_size = size;
        } else {
            assert_int_equal(size, first_size);
            assert_memory_equal(bytes, first, size);
            free(bytes);
        }
        stage_run_release(&run);
    }
    free(first);
}

/* Pictures of a folder as members of an archive, last ones first. */
static void pack(const struct stage_run *run, int count, const char *archive)
{
    struct tar_member members[64];
    char names[64][64];
    char *path = below(run, archive);
    for (int i = 0; i < count; i++) {
        struct tar_member *member = &members[count - 1 - i];
        snprintf(names[i], sizeof(names[i]), "own/%s/%03d.png", i % 2 ? "cat" : "dog", i / 2);
        *member = (struct tar_member){.name = names[i]};
        member->data = stage_run_read(run, names[i], &member->size);
    }
    write_tar(path, members, (size_t)count, true);
    for (int i = 0; i < count; i++)
        free((void *)members[i].data);
    free(path);
}

static void an_archive_gives_the_bytes_of_its_folder(void **state)
{
    (void)state;
    struct stage_run run;
    size_t sizes[2];
    char *bytes[2];
    init_run(&run);
    json_object_set_new(run.description, "resources", json_pack("{s:i}", "threads", 3));
    put_class(&run, "cat", 20, 1000);
    put_class(&run, "dog", 20, 2000);
    pack(&run, 40, "own.tar.gz");
    for (int i = 0; i < 2; i++) {
        if (stage_run_execute(&run) != 0)
            fail_msg("%s", run.messages);
        bytes[i] = stage_run_read(&run, "dataset/train_images.npy", &sizes[i]);
        char *archive = below(&run, "own.tar.gz");
        stage_run_dep(&run, "pictures", archive);
        free(archive);
    }
    assert_int_equal(sizes[0], sizes[1]);
    assert_memory_equal(bytes[0], bytes[1], sizes[0]);
    free(bytes[0]);
    free(bytes[1]);
    stage_run_release(&run);
}

/* A table, and the eight pictures p/0.png to p/7.png; in an archive below `top` unless that is
 * NULL.
 */
static void put_table(struct stage_run *run, const char *table, const char *top)
{
    struct tar_member members[9] = {{.data = table, .size = strlen(table)}};
    init_run(run);
    put_text(run, "own/labels.csv", table);
    for (int i = 0; i < 8; i++) {
        char name[32];
        snprintf(name, sizeof(name), "own/p/%d.png", i);
        put_picture(run, name, 1000 + (uint32_t)i);
        members[i + 1].data = stage_run_read(run, name, &members[i + 1].size);
    }
    for (int i = 0; i < 9; i++)
        assert_true(asprintf((char **)&members[i].name, i > 0 ? "%sp/%d.png" : "%slabels.csv",
                             top != NULL ? top : "", i - 1) > 0);
    char *archive = below(run, "own.tar");
    write_tar(archive, members, 9, true);
    if (top != NULL)
        stage_run_dep(run, "pictures", archive);
    for (int i = 0; i < 9; i++) {
        free((void *)members[i].name);
        free(i > 0 ? (void *)members[i].data : NULL);
    }
    free(archive);
}

/* In the table's order, and with a picture that is there twice in it. */
static void a_table_in_an_archive_gives_the_bytes_of_its_folder(void **state)
{
    (void)state;
    static const char table[] = "image;target;patient\np/3.png;odd;c\np/0.png;even;a\n"
                                "p/1.png;odd;b\np/2.png;even;b\np/4.png;even;d\n"
                                "./p/5.png;odd;d\np/4.png;even;d\np/6.png;even;e\np/7.png;odd;f\n";
    static const char *const tops[] = {NULL, "", "./mine/"};
    char *first[2] = {NULL};
    for (int i = 0; i < 3; i++) {
        static const char *const files[] = {"dataset/train_images.npy", "dataset/train_groups.npy"};
        struct stage_run run;
        put_table(&run, table, tops[i]);
        json_object_set_new(run.description, "resources", json_pack("{s:i}", "threads", 3));
        stage_run_param(&run, "test_size", json_integer(2));
        if (stage_run_execute(&run) != 0)
            fail_msg("%s", run.messages);
        for (int file = 0; file < 2; file++) {
            size_t size;
            char *bytes = stage_run_read(&run, files[file], &size);
            if (i > 0)
                assert_memory_equal(bytes, first[file], size);
            free(i > 0 ? bytes : NULL);
            first[file] = i > 0 ? first[file] : bytes;
        }
        stage_run_release(&run);
    }
    free(first[0]);
    free(first[1]);
}

/* What the data set keeps: no folder that it was made in. */
static const char *broken_why(const json_t *summary, size_t index)
{
    const json_t *broken = json_array_get(json_at(summary, "skipped.broken"), index);
    return json_string_value(json_at(broken, "why"));
}

static void a_picture_that_an_archive_lacks_is_broken(void **state)
{
    (void)state;
    static const char table[] = "path,label\np/0.png,a\np/1.png,b\np/9.png,a\np/2.png,a\n"
                                "p/3.png,b\np/4.png,a\np/5.png,b\np/8.png,a\n";
    struct stage_run run;
    struct dataset dataset;
    json_t *summary;
    put_table(&run, table, "");
    assert_int_equal(stage_run_execute(&run), 1);
    expect_said(&run, "own.tar': there is no member 'p/9.png', which 'labels.csv' lists");
    stage_run_param(&run, "skip_broken", json_true());
    stage_run_param(&run, "test_size", json_integer(2));
    open_made(&run, &dataset, &summary);
    assert_int_equal(dataset.train_labels.count + dataset.test_labels.count, 6);
    assert_int_equal(json_integer_value(json_at(summary, "skipped.broken_count")), 2);
    assert_string_equal(broken_why(summary, 0),
                        "there is no member 'p/9.png', which 'labels.csv' lists");
    json_decref(summary);
    dataset_release(&dataset);
    stage_run_release(&run);
}

/* Picture 1000 is there six times; all stay on one side, also where split parts them again. */
static void equal_pictures_stay_on_one_side(void **state)
{
    (void)state;
    struct stage_run run;
    struct dataset dataset;
    json_t *summary;
    int sides = 0;
    init_run(&run);
    put_class(&run, "cat", 20, 1000);
    put_class(&run, "dog", 20, 2000);
    for (int i = 0; i < 5; i++) {
        char name[64];
        snprintf(name, sizeof(name), "own/cat/copy%d.png", i);
        put_picture(&run, name, 1000);
    }
    open_made(&run, &dataset, &summary);
    for (int64_t i = 0; i < dataset.train_labels.count; i++) {
        const bool copy =
            number_of((const uint8_t *)dataset.train_images.data + i * SIDE * SIDE * 3) == 1000;
        assert_non_null(dataset.train_groups.data);
        assert_int_equal(((const int64_t *)dataset.train_groups.data)[i] >= 0, copy);
        sides |= copy;
    }
    for (int64_t i = 0; i < dataset.test_labels.count; i++)
        if (number_of((const uint8_t *)dataset.test_images.data + i * SIDE * SIDE * 3) == 1000)
            sides |= 2;
    assert_in_range(sides, 1, 2);
    assert_int_equal(json_integer_value(json_at(summary, "equal_pictures")), 5);
    expect_said(&run, "5 pictures are equal to another and stay on its side of each split: "
                      "'cat/copy0.png' is 'cat/000.png'");
    json_decref(summary);
    dataset_release(&dataset);
    stage_run_release(&run);
}

static void put_broken(struct stage_run *run)
{
    init_run(run);
    put_class(run, "cat", 10, 1000);
    put_class(run, "dog", 10, 2000);
    put_text(run, "own/cat/005.png", "no picture");
    put_text(run, "own/dog/004.png", "none either");
}

static void a_broken_picture_stops_with_its_name_or_is_skipped(void **state)
{
    (void)state;
    struct stage_run run;
    struct dataset dataset;
    json_t *summary;
    put_broken(&run);
    assert_int_equal(stage_run_execute(&run), 1);
    expect_said(&run, "cat/005.png");
    stage_run_release(&run);
    put_broken(&run);
    stage_run_param(&run, "skip_broken", json_true());
    open_made(&run, &dataset, &summary);
    assert_int_equal(dataset.train_labels.count + dataset.test_labels.count, 18);
    assert_int_equal(json_integer_value(json_at(summary, "skipped.broken_count")), 2);
    const json_t *broken = json_array_get(json_at(summary, "skipped.broken"), 1);
    assert_string_equal(json_string_value(json_at(broken, "path")), "dog/004.png");
    assert_string_equal(broken_why(summary, 1),
                        "'dog/004.png' is neither a PNG nor a JPEG picture");
    expect_said(&run, "2 pictures cannot be read and are left out");
    json_decref(summary);
    dataset_release(&dataset);
    stage_run_release(&run);
}

static void a_table_gives_parts_and_groups(void **state)
{
    (void)state;
    struct stage_run run;
    struct dataset dataset;
    json_t *summary;
    char table[4000] = "path,label,patient\n";
    init_run(&run);
    for (int i = 0; i < 40; i++) {
        char name[64];
        snprintf(name, sizeof(name), "own/p/%02d.png", i);
        put_picture(&run, name, 1000 + (uint32_t)i);
        snprintf(table + strlen(table), sizeof(table) - strlen(table), "p/%02d.png,%s,%d\n", i,
                 i % 2 ? "odd" : "even", i / 4);
    }
    put_text(&run, "own/labels.csv", table);
    stage_run_param(&run, "group", json_string("patient"));
    open_made(&run, &dataset, &summary);
    int side[10] = {0};
    const struct npy *const halves[] = {&dataset.train_images, &dataset.test_images};
    for (int half = 0; half < 2; half++)
        for (int64_t i = 0; i < halves[half]->shape[0]; i++)
            side[(number_of((const uint8_t *)halves[half]->data + i * SIDE * SIDE * 3) - 1000) /
                 4] |= half + 1;
    for (int i = 0; i < 10; i++)
        assert_in_range(side[i], 1, 2);
    assert_int_equal(dataset.test_labels.count, 8);
    json_decref(summary);
    dataset_release(&dataset);
    stage_run_release(&run);
}

static void parts_of_folders_are_obeyed(void **state)
{
    (void)state;
    struct stage_run run;
    struct dataset dataset;
    json_t *summary;
    int64_t validates = 0;
    init_run(&run);
    put_class(&run, "train/a", 6, 1000);
    put_class(&run, "train/b", 6, 2000);
    put_class(&run, "val/a", 2, 3000);
    put_class(&run, "test/b", 3, 4000);
    put_picture(&run, "own/test/a/x.png", 1000); /* a training picture */
    open_made(&run, &dataset, &summary);
    assert_int_equal(dataset.train_labels.count, 14);
    assert_int_equal(dataset.test_labels.count, 4);
    for (int64_t i = 0; i < 14; i++)
        validates += ((const uint8_t *)dataset.train_validation.data)[i];
    assert_int_equal(validates, 2);
    expect_said(&run, "1 test pictures are equal to, or of one group with, training pictures");
    json_decref(summary);
    dataset_release(&dataset);
    stage_run_release(&run);
}

/* `count` pictures of two classes in turn as an array, whose numbers begin at `first`, but for the
 * last, which is number `last`. */
static void put_arrays(const struct stage_run *run, const char *half, int64_t count, uint32_t first,
                       uint32_t last)
{
    struct error err = {0};
    uint8_t pixels[64][SIDE][SIDE][3], labels[64];
    const int64_t shape[4] = {count, SIDE, SIDE, 3};
    char names[2][64];
    for (int64_t i = 0; i < count; i++) {
        const uint32_t number = i == count - 1 ? last : first + (uint32_t)i;
        labels[i] = i % 2;
        for (int at = 0; at < SIDE * SIDE; at++)
            for (int c = 0; c < 3; c++)
                pixels[i][at / SIDE][at % SIDE][c] = (uint8_t)(number >> (16 - 8 * c));
    }
    snprintf(names[0], sizeof(names[0]), "own/x_%s.npy", half);
    snprintf(names[1], sizeof(names[1]), "own/y_%s.npy", half);
    char *images = below(run, names[0]), *labels_path = below(run, names[1]);
    assert_int_equal(file_make_parents(images, &err), 0);
    assert_int_equal(npy_write(images, NPY_U8, 4, shape, pixels, &err), 0);
    assert_int_equal(npy_write(labels_path, NPY_U8, 1, shape, labels, &err), 0);
    free(images);
    free(labels_path);
}

static void equal_pictures_of_arrays_are_told_as_those_of_folders(void **state)
{
    (void)state;
    struct stage_run run;
    struct dataset dataset;
    json_t *summary;
    init_run(&run);
    put_arrays(&run, "train", 40, 1000, 1003);
    put_arrays(&run, "test", 10, 2000, 1005);
    open_made(&run, &dataset, &summary);
    assert_int_equal(dataset.train_labels.count, 40);
    assert_int_equal(dataset.test_labels.count, 10);
    assert_int_equal(number_of(dataset.train_images.data), 1000);
    const int64_t *groups = dataset.train_groups.data;
    assert_non_null(groups);
    assert_int_equal(groups[39], groups[3]);
    assert_int_equal(groups[4], -1);
    assert_int_equal(json_integer_value(json_at(summary, "equal_pictures")), 2);
    expect_said(&run, "2 pictures are equal to another; those to train with stay on one side "
                      "of a split: 'training picture 39' is 'training picture 3', "
                      "'test picture 9' is 'training picture 5'");
    expect_said(&run, "1 test pictures are equal to, or of one group with, training pictures, "
                      "'test picture 9' first");
    json_decref(summary);
    dataset_release(&dataset);
    stage_run_release(&run);
}

static void a_limit_is_kept_in_arrays(void **state)
{
    (void)state;
    struct stage_run run;
    struct dataset dataset;
    json_t *summary;
    init_run(&run);
    put_arrays(&run, "train", 40, 1000, 1039);
    put_arrays(&run, "test", 10, 2000, 2009);
    stage_run_param(&run, "limit", json_integer(4));
    open_made(&run, &dataset, &summary);
    assert_int_equal(dataset.train_labels.count, 8);
    assert_int_equal(dataset.test_labels.count, 8);
    assert_int_equal(number_of((const uint8_t *)dataset.test_images.data + 7 * SIDE * SIDE * 3),
                     2007);
    json_decref(summary);
    dataset_release(&dataset);
    stage_run_release(&run);
}

/* `download` of what lies in own/, by its digest. */
static void init_download(struct stage_run *run, void (*put)(const struct stage_run *run),
                          const char *parameter, int value)
{
    struct error err = {0};
    struct digest digest;
    char hex[DIGEST_HEX_SIZE];
    stage_run_init(run, "download");
    put(run);
    char *own = below(run, "own");
    assert_int_equal(folder_digest(own, &digest, &err), 0);
    digest_to_hex(&digest, hex);
    stage_run_param(
        run, "dataset",
        json_pack("{s:s+, s:s, s:i}", "url", "file:", own, "sha256", hex, parameter, value));
    stage_run_out(run, "dataset", "dataset");
    free(own);
}

static void put_equal_arrays(const struct stage_run *run)
{
    put_arrays(run, "train", 40, 1000, 1003);
    put_arrays(run, "test", 10, 2000, 1005);
}

static void put_two_classes(const struct stage_run *run)
{
    put_class(run, "cat", 5, 1000);
    put_class(run, "dog", 5, 2000);
}

/* A benchmark that others index, too: its parts stay, and a split is scikit-learn's. */
static void what_is_pinned_stays_as_published_and_equal_pictures_are_named(void **state)
{
    (void)state;
    struct stage_run run;
    struct dataset dataset;
    json_t *summary;
    init_download(&run, put_equal_arrays, "test_limit", 10);
    open_made(&run, &dataset, &summary);
    assert_null(dataset.train_groups.data);
    assert_null(json_object_get(summary, "equal_pictures"));
    expect_said(&run, "2 pictures are equal to another: 'training picture 39' is");
    expect_said(&run, "1 test pictures are equal to");
    json_decref(summary);
    dataset_release(&dataset);
    stage_run_release(&run);
}

static void the_first_are_of_arrays_and_not_of_pictures(void **state)
{
    (void)state;
    struct stage_run run;
    struct dataset dataset;
    json_t *summary;
    init_download(&run, put_equal_arrays, "train_limit", 15);
    open_made(&run, &dataset, &summary);
    assert_int_equal(dataset.train_labels.count, 15);
    assert_int_equal(dataset.test_labels.count, 10);
    json_decref(summary);
    dataset_release(&dataset);
    stage_run_release(&run);
    init_download(&run, put_two_classes, "train_limit", 5);
    assert_int_equal(stage_run_execute(&run), 2);
    expect_said(&run, "limit takes the first of each class");
    stage_run_release(&run);
}

static void expect_refusal(void (*set)(struct stage_run *run), int status, const char *message)
{
    struct stage_run run;
    init_run(&run);
    set(&run);
    assert_int_equal(stage_run_execute(&run), status);
    expect_said(&run, message);
    stage_run_release(&run);
}

static void set_few(struct stage_run *run)
{
    put_class(run, "cat", 10, 1000);
    put_class(run, "dog", 2, 2000);
}
static void set_one(struct stage_run *run)
{
    put_class(run, "cat", 10, 1000);
}
static void set_heap(struct stage_run *run)
{
    put_picture(run, "own/a.png", 1);
}
static void set_nothing(struct stage_run *run)
{
    put_text(run, "own/a.txt", "x");
}
static void set_size(struct stage_run *run)
{
    set_few(run);
    stage_run_param(run, "image_size", json_integer(4));
}
static void set_fit(struct stage_run *run)
{
    set_few(run);
    stage_run_param(run, "fit", json_string("crap"));
}
static void set_group(struct stage_run *run)
{
    set_few(run);
    stage_run_param(run, "group", json_string("patient"));
}

static void import_names_what_is_wrong_and_the_way_out(void **state)
{
    (void)state;
    expect_refusal(set_few, 1, "class 'dog' has 2 pictures to train with, and 3 are needed");
    expect_refusal(set_one, 1, "there is one class, 'cat', and nothing to tell apart");
    expect_refusal(set_heap, 1, "1 pictures in one heap, 'a.png' first");
    expect_refusal(set_nothing, 1, "holds no data set");
    expect_refusal(set_size, 2, "'image_size' must be a number from 8 to 4096");
    expect_refusal(set_fit, 2, "fit");
    expect_refusal(set_group, 2, "has no table of pictures, so no column 'patient'");
}

static void uneven_classes_are_told_and_a_limit_kept(void **state)
{
    (void)state;
    struct stage_run run;
    struct dataset dataset;
    json_t *summary;
    init_run(&run);
    put_class(&run, "cat", 40, 1000);
    put_class(&run, "dog", 5, 2000);
    put_class(&run, "eel", 5, 3000);
    stage_run_param(&run, "limit", json_integer(20));
    stage_run_param(&run, "image_size", json_pack("[i, i]", 8, 12));
    open_made(&run, &dataset, &summary);
    assert_int_equal(dataset.train_labels.count + dataset.test_labels.count, 30);
    assert_int_equal(dataset.width, 12);
    expect_said(&run, "'cat' has 20 pictures, 'dog' 5; with --set train.class_weight=balanced");
    json_decref(summary);
    dataset_release(&dataset);
    stage_run_release(&run);
}

static json_t *inspect(struct stage_run *run)
{
    struct error err = {0};
    json_t *found;
    stage_run_init(run, "inspect");
    char *own = below(run, "own"), *path = below(run, "found.json");
    stage_run_param(run, "path", json_string(own));
    stage_run_out(run, "found", "found.json");
    put_class(run, "cat", 3, 1000);
    put_class(run, "dog", 3, 2000);
    put_picture(run, "own/dog/same.png", 1001);
    put_text(run, "own/dog/bad.png", "x");
    put_class(run, "artifacts", 2, 3000); /* of a project that was here */
    if (stage_run_execute(run) != 0)
        fail_msg("%s", run->messages);
    if (json_read(path, &found, &err) < 0)
        fail_msg("%s", err.message);
    free(own);
    free(path);
    return found;
}

static void inspect_looks_for_equal_pictures_in_arrays(void **state)
{
    (void)state;
    struct stage_run run;
    struct error err = {0};
    json_t *found;
    stage_run_init(&run, "inspect");
    put_arrays(&run, "train", 40, 1000, 1003);
    put_arrays(&run, "test", 10, 2000, 1005);
    char *own = below(&run, "own"), *path = below(&run, "found.json");
    stage_run_param(&run, "path", json_string(own));
    stage_run_out(&run, "found", "found.json");
    if (stage_run_execute(&run) != 0)
        fail_msg("%s", run.messages);
    if (json_read(path, &found, &err) < 0)
        fail_msg("%s", err.message);
    char *text = json_to_text(found, true, &err);
    assert_string_equal(
        text, "{\"broken\":[],\"broken_count\":0,\"classes\":[\"0\",\"1\"],\"columns\":null,"
              "\"counts\":[20,20],\"duplicate_count\":2,\"duplicates\":[[\"training picture 3\","
              "\"training picture 39\"],[\"training picture 5\",\"test picture 9\"]],\"height\":{"
              "\"max\":8,\"median\":8,\"min\":8},\"kind\":\"npz\",\"path\":\".\",\"pictures\":50,"
              "\"schema\":1,\"test_counts\":[5,5],\"why\":\"50 pictures of 2 classes are taken\","
              "\"width\":{\"max\":8,\"median\":8,\"min\":8}}");
    free(text);
    free(own);
    free(path);
    json_decref(found);
    stage_run_release(&run);
}

static void inspect_tells_what_is_there(void **state)
{
    (void)state;
    struct stage_run run;
    struct error err = {0};
    json_t *found = inspect(&run);
    json_object_del(json_array_get(json_object_get(found, "broken"), 0), "why");
    char *text = json_to_text(found, true, &err);
    assert_string_equal(
        text, "{\"broken\":[{\"path\":\"dog/bad.png\"}],\"broken_count\":1,\"classes\":[\"cat\","
              "\"dog\"],\"columns\":null,\"counts\":[3,5],\"duplicate_count\":1,\"duplicates\":[["
              "\"cat/001.png\",\"dog/same.png\"]],\"height\":{\"max\":8,\"median\":8,\"min\":8},"
              "\"kind\":\"class_folders\",\"path\":\".\",\"pictures\":8,\"schema\":1,"
              "\"test_counts\":null,\"why\":\"8 pictures of 2 classes are taken\",\"width\":{"
              "\"max\":8,\"median\":8,\"min\":8}}");
    free(text);
    json_decref(found);
    stage_run_release(&run);
}

/* What is installed makes the pixels, so a key must name it. */
static void the_fingerprint_names_the_libraries_of_pictures(void **state)
{
    (void)state;
    static const char *const stages[] = {"import", "inspect", "predict"};
    for (int i = 0; i < 3; i++) {
        char command[300], line[4096], png[64] = "", jpeg[64] = "", picture[64] = "";
        bool rests = false;
        snprintf(command, sizeof(command), "%s/stages/%s --fingerprint cpu", getenv("BUILD"),
                 stages[i]);
        FILE *said = popen(command, "re");
        while (fgets(line, sizeof(line), said) != NULL) {
            sscanf(line, "libpng %60s", png);
            sscanf(line, "libjpeg-turbo %60s", jpeg);
            sscanf(line, "picture %60s", picture);
            rests = rests || (strncmp(line, "uses ", 5) == 0 && strstr(line, "libjpeg") != NULL);
        }
        assert_int_equal(pclose(said), 0);
        assert_string_equal(png, png_get_libpng_ver(NULL));
        assert_true(jpeg[0] >= '1' && jpeg[0] <= '9');
        assert_int_equal(strlen(picture), 16);
        assert_true(rests);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(class_folders_become_a_dataset),
        cmocka_unit_test(the_same_bytes_come_of_any_number_of_threads),
        cmocka_unit_test(an_archive_gives_the_bytes_of_its_folder),
        cmocka_unit_test(a_table_in_an_archive_gives_the_bytes_of_its_folder),
        cmocka_unit_test(a_picture_that_an_archive_lacks_is_broken),
        cmocka_unit_test(equal_pictures_stay_on_one_side),
        cmocka_unit_test(a_broken_picture_stops_with_its_name_or_is_skipped),
        cmocka_unit_test(a_table_gives_parts_and_groups),
        cmocka_unit_test(parts_of_folders_are_obeyed),
        cmocka_unit_test(equal_pictures_of_arrays_are_told_as_those_of_folders),
        cmocka_unit_test(a_limit_is_kept_in_arrays),
        cmocka_unit_test(what_is_pinned_stays_as_published_and_equal_pictures_are_named),
        cmocka_unit_test(the_first_are_of_arrays_and_not_of_pictures),
        cmocka_unit_test(import_names_what_is_wrong_and_the_way_out),
        cmocka_unit_test(uneven_classes_are_told_and_a_limit_kept),
        cmocka_unit_test(the_fingerprint_names_the_libraries_of_pictures),
        cmocka_unit_test(inspect_tells_what_is_there),
        cmocka_unit_test(inspect_looks_for_equal_pictures_in_arrays),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
