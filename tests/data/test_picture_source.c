#include "data/picture_source.h"

#include "base/file.h"
#include "data_scratch.h"

#include <locale.h>
#include <stdlib.h>

/* Files of no content: only their names are looked at. */
static struct scratch_path put(void **state, const char *folder, const char *const *paths)
{
    for (; *paths != NULL; paths++) {
        char name[200];
        snprintf(name, sizeof(name), "%s/%s", folder, *paths);
        struct scratch_path path = data_scratch_path(state, name);
        EXPECT_OK(file_make_parents(path.text, &err));
        data_scratch_write(path.text, "x", 1);
    }
    return data_scratch_path(state, folder);
}

/* "path class part" of each, a line each. */
static void expect_list(const struct picture_list *list, const char *expected)
{
    char text[2000] = "";
    size_t size = 0;
    for (size_t i = 0; i < list->count; i++)
        size += (size_t)snprintf(text + size, sizeof(text) - size, "%s %s %s\n",
                                 list->entries[i].path, list->classes[list->entries[i].label],
                                 picture_part_names[list->entries[i].part]);
    assert_string_equal(text, expected);
}

static void class_folders_are_told_by_their_names(void **state)
{
    const char *const paths[] = {"\xe7\x8a\xac/1.png", "cat/b.JPG",
                                 "cat/more/a.png",     "cat/.hidden.png",
                                 "cat/Thumbs.db",      "cat/notes.txt",
                                 "__MACOSX/a.png",     ".git/x.png",
                                 "stray.jpeg",         NULL};
    struct scratch_path folder = put(state, "classes", paths);
    struct picture_list list;
    EXPECT_OK(picture_source_open(folder.text, NULL, &list, &err));
    assert_int_equal(list.kind, PICTURES_CLASS_FOLDERS);
    expect_list(&list,
                "cat/b.JPG cat any\ncat/more/a.png cat any\n\xe7\x8a\xac/1.png \xe7\x8a\xac any\n");
    assert_int_equal(list.hidden, 2);
    assert_int_equal(list.others, 1);
    assert_string_equal(list.other_names[0], "cat/notes.txt");
    assert_int_equal(list.stray, 1);
    picture_list_release(&list);
}

static void a_class_that_cannot_be_shown_is_told_by_a_picture_of_it(void **state)
{
    const char *const paths[] = {"cat/1.png", "d\xf6g/1.png", NULL};
    struct scratch_path folder = put(state, "no utf-8", paths);
    struct picture_list list = {0};
    struct error err;
    assert_int_equal(picture_source_open(folder.text, NULL, &list, &err), -1);
    assert_string_equal(err.message, "'d g/1.png': the class name is not UTF-8: byte 0xf6 at 2; "
                                     "write it in UTF-8");
    picture_list_release(&list);
}

static void split_folders_are_parts(void **state)
{
    const char *const paths[] = {"data/Train/a/1.png", "data/Train/b/1.png", "data/valid/a/2.png",
                                 "data/test/b/3.png",  "data/test/.keep",    NULL};
    struct scratch_path folder = put(state, "split", paths);
    struct picture_list list;
    EXPECT_OK(picture_source_open(folder.text, NULL, &list, &err));
    assert_int_equal(list.kind, PICTURES_SPLIT_FOLDERS);
    expect_list(&list, "data/Train/a/1.png a train\ndata/Train/b/1.png b train\n"
                       "data/test/b/3.png b test\ndata/valid/a/2.png a validation\n");
    picture_list_release(&list);
}

/* "train" among other classes is a class: of a railway, say. */
static void a_class_may_be_called_train(void **state)
{
    const char *const paths[] = {"train/1.png", "tram/1.png", NULL};
    struct scratch_path folder = put(state, "rail", paths);
    struct picture_list list;
    EXPECT_OK(picture_source_open(folder.text, NULL, &list, &err));
    assert_int_equal(list.kind, PICTURES_CLASS_FOLDERS);
    assert_int_equal(list.class_count, 2);
    picture_list_release(&list);
}

static void a_table_says_more_than_folders(void **state)
{
    static const char table[] = "filename;class;patient;split\na/1.png;cat;p2;train\n"
                                "a/2.png;dog;p1;test\nb/1.png;cat;p2;dev\n";
    const char *const paths[] = {"a/1.png", "a/2.png", "b/1.png", NULL};
    struct scratch_path folder = put(state, "table", paths);
    struct scratch_path file = data_scratch_path(state, "table/labels.csv");
    struct scratch_path second = data_scratch_path(state, "table/more.csv");
    struct picture_list list;
    data_scratch_write(file.text, table, sizeof(table) - 1);
    for (int as_file = 0; as_file < 2; as_file++) {
        EXPECT_OK(picture_source_open(as_file ? file.text : folder.text, NULL, &list, &err));
        assert_int_equal(list.kind, PICTURES_CSV);
        expect_list(&list, "a/1.png cat train\na/2.png dog test\nb/1.png cat validation\n");
        assert_int_equal(list.entries[0].group, 1);
        assert_int_equal(list.entries[1].group, 0);
        assert_int_equal(list.entries[2].group, 1);
        assert_string_equal(list.columns[2], "patient");
        picture_list_release(&list);
    }
    const struct picture_columns columns = {.label = "split", .group = "scanner"};
    EXPECT_ERROR(picture_source_open(file.text, &columns, &list, &err), ERR_FORMAT,
                 "labels.csv':1: there is no column 'scanner'");
    data_scratch_write(second.text, table, sizeof(table) - 1);
    EXPECT_ERROR(picture_source_open(folder.text, NULL, &list, &err), ERR_FORMAT, "two tables");
    data_scratch_write(second.text, "x,y\n1,2\n", 8); /* none of pictures */
    EXPECT_OK(picture_source_open(folder.text, NULL, &list, &err));
    picture_list_release(&list);
}

static void an_archive_is_listed_as_a_folder_is(void **state)
{
    struct scratch_path path = data_scratch_path(state, "a.tar");
    struct picture_list list;
    const struct tar_member members[] = {
        {.name = "./p/b\xc3\xa9/1.png", .data = "x", .size = 1},
        {.name = "./p/a/1.png", .data = "x", .size = 1},
        {.name = "./p/a/._1.png", .data = "x", .size = 1},
    };
    const struct tar_member twice[] = {members[1], members[1], members[0]};
    setlocale(LC_CTYPE, "C.UTF-8"); /* for the writer; the reader needs none */
    write_tar(path.text, members, 3, true);
    setlocale(LC_CTYPE, "C");
    EXPECT_OK(picture_source_open(path.text, NULL, &list, &err));
    assert_true(list.archive);
    expect_list(&list, "p/a/1.png a any\np/b\xc3\xa9/1.png b\xc3\xa9 any\n");
    assert_int_equal(list.hidden, 1);
    picture_list_release(&list);
    setlocale(LC_CTYPE, "C.UTF-8");
    write_tar(path.text, twice, 3, true);
    setlocale(LC_CTYPE, "C");
    EXPECT_ERROR(picture_source_open(path.text, NULL, &list, &err), ERR_FORMAT, "is there twice");
}

static void a_table_in_the_top_of_an_archive_is_taken(void **state)
{
    static const char table[] = "{\"file\": \"b/1.png\", \"label\": 7, \"split\": \"train\"}\n"
                                "{\"file\": \"./a/1.png\", \"label\": 3, \"split\": \"test\"}\n"
                                "{\"file\": \"b/1.png\", \"label\": 7, \"split\": \"val\"}\n";
    struct scratch_path path = data_scratch_path(state, "a.tar");
    struct picture_list list = {0};
    struct tar_member members[] = {
        {.name = "top/b/1.png", .data = "x", .size = 1},
        {.name = "top/labels.jsonl", .data = table, .size = sizeof(table) - 1},
        {.name = "top/b/more.csv", .data = "path,label\nx,y\n", .size = 15},
        {.name = "top/notes.csv", .data = "x,y\n", .size = 4},
        {.name = "__MACOSX/._labels.csv", .data = "path,label\nx,y\n", .size = 15},
    };
    write_tar(path.text, members, 5, true);
    EXPECT_OK(picture_source_open(path.text, NULL, &list, &err));
    assert_int_equal(list.kind, PICTURES_JSONL);
    assert_true(list.archive);
    assert_string_equal(list.table, "labels.jsonl");
    expect_list(&list, "top/b/1.png 7 train\ntop/a/1.png 3 test\ntop/b/1.png 7 validation\n");
    picture_list_release(&list);
    EXPECT_ALLOCATION_FAILURES(picture_source_open(path.text, NULL, &list, &err), 0);
    picture_list_release(&list);
    members[3].data = "path,label\n../x,y\n";
    members[3].size = 18;
    write_tar(path.text, members, 5, true);
    EXPECT_ERROR(picture_source_open(path.text, NULL, &list, &err), ERR_FORMAT,
                 "it holds two tables of pictures, 'labels.jsonl' and 'notes.csv': leave one");
    members[1].size = 0;
    write_tar(path.text, members, 5, true);
    EXPECT_ERROR(picture_source_open(path.text, NULL, &list, &err), ERR_FORMAT, "'notes.csv' in '");
    EXPECT_ERROR(picture_source_open(path.text, NULL, &list, &err), ERR_FORMAT,
                 "a.tar':2: '../x' is not below the table's folder");
}

static void what_holds_no_pictures_is_none(void **state)
{
    const char *const paths[] = {"a.txt", "b.png", NULL};
    struct scratch_path folder = put(state, "none", paths);
    struct picture_list list;
    EXPECT_OK(picture_source_open(folder.text, NULL, &list, &err));
    assert_int_equal(list.kind, PICTURES_NONE);
    assert_int_equal(list.stray, 1);
    picture_list_release(&list);
    EXPECT_ERROR(picture_source_open("/no/such", NULL, &list, &err), ERR_IO, "/no/such");
}

static void names_that_are_not_utf8_are_refused(void **state)
{
    const char *const paths[] = {"caf\xe9/1.png", "b/1.png", NULL};
    struct scratch_path folder = put(state, "latin", paths);
    struct picture_list list;
    EXPECT_ERROR(picture_source_open(folder.text, NULL, &list, &err), ERR_FORMAT, "not UTF-8");
}

static void a_list_survives_failing_allocations(void **state)
{
    const char *const paths[] = {"train/a/1.png", "train/b/1.png", "x.txt", NULL};
    struct scratch_path folder = put(state, "memory", paths);
    struct scratch_path file = data_scratch_path(state, "memory/labels.csv");
    struct picture_list list = {0};
    EXPECT_ALLOCATION_FAILURES(picture_source_open(folder.text, NULL, &list, &err), 0);
    picture_list_release(&list);
    data_scratch_write(file.text, "path,label,group\na,b,c\n", 23);
    EXPECT_ALLOCATION_FAILURES(picture_source_open(file.text, NULL, &list, &err), 0);
    picture_list_release(&list);
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, data_scratch_set_up, data_scratch_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(class_folders_are_told_by_their_names),
        TEST(a_class_that_cannot_be_shown_is_told_by_a_picture_of_it),
        TEST(split_folders_are_parts),
        TEST(a_class_may_be_called_train),
        TEST(a_table_says_more_than_folders),
        TEST(an_archive_is_listed_as_a_folder_is),
        TEST(a_table_in_the_top_of_an_archive_is_taken),
        TEST(what_holds_no_pictures_is_none),
        TEST(names_that_are_not_utf8_are_refused),
        TEST(a_list_survives_failing_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
