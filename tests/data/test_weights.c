/* Files that are no weights are named for what they are, with the way out. */
#include "data/weights.h"

#include "base/file.h"
#include "data/confined.h"
#include "data_scratch.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void refuses(const char *path, const char *words)
{
    struct safetensors set = {0};
    struct text note = {0};
    EXPECT_ERROR(weights_read(path, &set, &note, &err), ERR_FORMAT, words);
    EXPECT_ERROR(weights_read(path, &set, &note, &err), ERR_FORMAT, path);
    assert_null(set.tensors);
}

static void weights_names_files_by_their_bytes(void **state)
{
    static const struct {
        const char *bytes;
        size_t size; /* 0: of the text */
        const char *words;
    } cases[] = {
        {"", 0, "is empty"},
        {"<!DOCTYPE html>\n<html><body>404</body></html>", 0, "a web page (HTML)"},
        {"\xef\xbb\xbf\n <HTML><head>", 0, "a web page (HTML)"},
        {"<!-- x --><html lang=en>", 0, "a web page (HTML)"},
        {"<?xml version='1.0'?><Error><Code>AccessDenied</Code></Error>", 0, "a text of XML"},
        {"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n", 0,
         "a pointer of Git LFS"},
        {"{\"weight_map\": {}}", 0, "a JSON text"},
        {"Not Found", 0, "a text, not weights"},
        {"\x80\x02\x8a\x0al\xfc\x9c\x46\xf9 j\xa8P\x19.", 16, "a PyTorch file"},
        {"\x08\x01\x12\xbc\x19\n\x05", 7, "a TensorFlow SavedModel"},
        {"\x08\x08\x12\x07pytorch:\x8a", 12, "an ONNX model"},
        {"\x08\x0a:\xff\xff\x7f", 6, "an ONNX model"},
        {"\x1c\0\0\0TFL3\0\0", 10, "a TensorFlow Lite model"},
        {"\x1f\x8b\x08\0\0", 5, "compressed by gzip"},
        {"GGUF\3\0\0\0", 8, "a GGUF file"},
        {"\x93NUMPY\1\0v\0{", 11, "one array of numpy"},
        {"\1\2\3\0\0\0\0\0\0\0\0\0", 12, "none of the files that weights are read from"},
        {"\x10\0\0\0\0\0\0\0{\"a\"", 12, "truncated"},
        {"\x89HDF\r\n\x1a\n\0\0\0", 11, "H5Fopen"},
        {"PK\3\4\x14\0\0\0", 8, "a zip archive that is damaged or truncated"},
    };
    struct scratch_path path = data_scratch_path(state, "weights.bin");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t size = cases[i].size > 0 ? cases[i].size : strlen(cases[i].bytes);
        data_scratch_write(path.text, cases[i].bytes, size);
        refuses(path.text, cases[i].words);
    }
    char tar[512] = "model.safetensors";
    memcpy(tar + 257, "ustar", 5);
    data_scratch_write(path.text, tar, sizeof(tar));
    refuses(path.text, "a tar archive");
    char table[64] = "x";
    memcpy(table + 56, "\x57\xfb\x80\x8b\x24\x75\x47\xdb", 8);
    data_scratch_write(path.text, table, sizeof(table));
    refuses(path.text, "the index of a TensorFlow checkpoint");
    struct scratch_path folder = data_scratch_path(state, "saved_model");
    assert_int_equal(mkdir(folder.text, 0755), 0);
    refuses(folder.text, "a folder, not a file");
}

/* A zip archive with one member, stored. */
static void write_zip(const char *path, const char *const *names, size_t count)
{
    struct archive *archive = archive_write_new();
    archive_write_set_format_zip(archive);
    assert_int_equal(archive_write_open_filename(archive, path), ARCHIVE_OK);
    for (size_t i = 0; i < count; i++) {
        struct archive_entry *entry = archive_entry_new();
        archive_entry_set_pathname(entry, names[i]);
        archive_entry_set_size(entry, 2);
        archive_entry_set_filetype(entry, AE_IFREG);
        archive_entry_set_perm(entry, 0644);
        assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
        assert_int_equal(archive_write_data(archive, "{}", 2), 2);
        archive_entry_free(entry);
    }
    archive_write_free(archive);
}

static void weights_names_zip_archives_by_their_members(void **state)
{
    static const struct {
        const char *names[3];
        const char *words;
    } cases[] = {
        {{"archive/data.pkl", "archive/version", "archive/data/0"}, "it is a PyTorch file"},
        {{"m/code/a.py", "m/constants.pkl", "m/version"}, "it is a TorchScript model"},
        {{"saved_model.pb", "variables/x", "y"}, "it is a TensorFlow SavedModel"},
        {{"a.npy", "b.npy", "c.npy"}, "it is a .npz of numpy"},
        {{"x/weights.h5", "readme", "z"}, "a zip archive with an .h5 in it"},
        {{"x/model.safetensors", "readme", "z"}, "a zip archive with a .safetensors in it"},
        {{"config.json", "metadata.json", "model.weights.json"}, "in several files"},
        {{"config.json", "metadata.json", "assets/x"}, "a .keras (a zip archive) without its"},
        {{"config.json", "metadata.json", "model.weights.h5"}, "a .keras (a zip archive); its"},
        {{"word/document.xml", "a", "b"}, "it is a zip archive, and no .keras"},
    };
    struct scratch_path path = data_scratch_path(state, "weights.bin");
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        write_zip(path.text, cases[i].names, 3);
        refuses(path.text, cases[i].words);
    }
}

static void weights_rejects_every_truncation_of_an_archive(void **state)
{
    struct scratch_path path = data_scratch_path(state, "cut.keras");
    char *data;
    size_t size;
    EXPECT_OK(file_read("tests/golden/keras_files/nested.keras", 1 << 20, &data, &size, &err));
    for (size_t kept = 0; kept < size; kept += 1 + size / 60) {
        struct safetensors set = {0};
        struct text note = {0};
        struct error err = {0};
        data_scratch_write(path.text, data, kept);
        /* Only what follows the last member may be missing. */
        if (weights_read(path.text, &set, &note, &err) == 0)
            assert_true(kept > size - 400);
        else
            assert_int_equal(err.kind, ERR_FORMAT);
        safetensors_release(&set);
        text_release(&note);
    }
    free(data);
}

/* ---- the process without rights ---- */

static int crash(unsigned char *bytes, size_t size, struct safetensors *set, struct text *note,
                 struct error *err)
{
    (void)bytes, (void)size, (void)set, (void)note, (void)err;
    volatile uintptr_t nowhere = 8;
    *(volatile int *)nowhere = 1;
    return 0;
}

static int write_garbage(unsigned char *bytes, size_t size, struct safetensors *set,
                         struct text *note, struct error *err)
{
    (void)bytes, (void)size, (void)set, (void)note, (void)err;
    static const char garbage[100] = "garbage";
    return write(STDIN_FILENO, garbage, sizeof(garbage)) > 0 ? 0 : -1;
}

static int claim_too_much(unsigned char *bytes, size_t size, struct safetensors *set,
                          struct text *note, struct error *err)
{
    (void)bytes, (void)size, (void)set, (void)note, (void)err;
    const uint32_t none = 0, rank = 2, length = 1;
    const uint64_t count = 1;
    const int64_t shape[2] = {1 << 30, 1 << 30};
    bool good = write(STDIN_FILENO, &none, sizeof(none)) > 0 &&
                write(STDIN_FILENO, &count, sizeof(count)) > 0 &&
                write(STDIN_FILENO, &length, sizeof(length)) > 0 &&
                write(STDIN_FILENO, "a", 1) > 0 && write(STDIN_FILENO, &rank, sizeof(rank)) > 0 &&
                write(STDIN_FILENO, shape, sizeof(shape)) > 0;
    _exit(!good);
}

static int fail_with_controls(unsigned char *bytes, size_t size, struct safetensors *set,
                              struct text *note, struct error *err)
{
    (void)bytes, (void)size, (void)set, (void)note;
    return error_set(err, ERR_FORMAT, "layer '\x1b[31m' is bad");
}

static void confined_read_turns_any_end_into_an_error(void **state)
{
    static const struct {
        confined_reader *reader;
        const char *words;
    } cases[] = {
        {crash, "the library that reads it crashed on it"},
        {write_garbage, "the file is damaged, or was made to do that"},
        {claim_too_much, "f"},
        {fail_with_controls, "layer ' [31m' is bad"},
    };
    struct scratch_path path = data_scratch_path(state, "any.h5");
    data_scratch_write(path.text, "bytes", 5);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct safetensors set = {0};
        struct text note = {0};
        EXPECT_ERROR(confined_read(path.text, cases[i].reader, &set, &note, &err), ERR_FORMAT,
                     cases[i].words);
        assert_null(set.tensors);
    }
}

/* What the child tells of what it could do, one byte each. */
static int try_everything(unsigned char *bytes, size_t size, struct safetensors *set,
                          struct text *note, struct error *err)
{
    (void)size, (void)set, (void)err;
    int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    text_add(note, fd >= 0 ? "open " : "");
    fd = open((char *)bytes, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    text_add(note, fd >= 0 ? "create " : "");
    text_add(note, socket(AF_UNIX, SOCK_STREAM, 0) >= 0 ? "socket " : "");
    text_add(note, kill(getppid(), 0) == 0 ? "kill " : "");
    text_add(note, unlink((char *)bytes) == 0 ? "unlink " : "");
    text_add(note, write(STDERR_FILENO, "x", 1) > 0 ? "stderr " : "");
    pid_t child = fork();
    if (child == 0)
        _exit(0);
    text_add(note, child > 0 ? "fork " : "");
    text_add(note, "done");
    return 0;
}

static void confined_process_can_only_compute_and_answer(void **state)
{
    struct scratch_path path = data_scratch_path(state, "any.h5");
    struct scratch_path victim = data_scratch_path(state, "victim");
    struct safetensors set = {0};
    struct text note = {0};
    data_scratch_write(path.text, victim.text, strlen(victim.text) + 1);
    data_scratch_write(victim.text, "x", 1);
    EXPECT_OK(confined_read(path.text, try_everything, &set, &note, &err));
    assert_string_equal(text_string(&note), "done");
    assert_true(file_exists(victim.text));
    text_release(&note);
}

static int jump(unsigned char *bytes, size_t size, struct safetensors *set, struct text *note,
                struct error *err)
{
    (void)bytes, (void)size, (void)set, (void)err;
    jmp_buf back;
    if (setjmp(back) == 0)
        longjmp(back, 1);
    text_add(note, "back");
    return 0;
}

/* A sanitizer has a call to make before any of them, which the process must be let make. */
static void confined_process_may_call_what_does_not_return(void **state)
{
    struct scratch_path path = data_scratch_path(state, "any.h5");
    struct safetensors set = {0};
    struct text note = {0};
    data_scratch_write(path.text, "bytes", 5);
    EXPECT_OK(confined_read(path.text, jump, &set, &note, &err));
    assert_string_equal(text_string(&note), "back");
    text_release(&note);
}

int main(void)
{
#define TEST(name)                                                                                 \
    cmocka_unit_test_setup_teardown(name, data_scratch_set_up, data_scratch_tear_down)
    const struct CMUnitTest tests[] = {
        TEST(weights_names_files_by_their_bytes),
        TEST(weights_names_zip_archives_by_their_members),
        TEST(weights_rejects_every_truncation_of_an_archive),
        TEST(confined_read_turns_any_end_into_an_error),
        TEST(confined_process_can_only_compute_and_answer),
        TEST(confined_process_may_call_what_does_not_return),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
