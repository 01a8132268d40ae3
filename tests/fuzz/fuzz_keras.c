/* Any bytes as weights of Keras, in HDF5 and in a .keras; what is read is written as safetensors.
 *
 * They are read twice: as people's files are, by a process without rights (data/confined.h); and
 * here, by the function that this process calls, so that libFuzzer sees what the bytes reach, and a
 * sanitizer's report has a place to go. What libhdf5 kills that process with is not read here: a
 * search would end with the first of that library's bugs, of which releases have many, and which
 * the process is there to contain. Who looks for those builds the library with a sanitizer.
 */
#include "base/file.h"
#include "data/keras_archive.h"
#include "data/keras_h5.h"
#include "fuzz/fuzz_folder.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <unwind.h>

enum { INPUT_LIMIT = 1 << 30 };

/* ---- what the sanitizers ask ---- */

const char *__asan_default_options(void);
const char *__lsan_default_suppressions(void);
void __asan_on_error(void);

/* Memory is refused here much as it is there; little is kept of what was freed, as a process that
 * is large takes long to fork. */
const char *__asan_default_options(void)
{
    return "allocator_may_return_null=1:max_allocation_size_mb=1024:quarantine_size_mb=16:"
           "print_suppressions=0";
}

const char *__lsan_default_suppressions(void)
{
    return "leak:libhdf5\n";
}

static _Unwind_Reason_Code look_for_library(struct _Unwind_Context *frame, void *found)
{
    Dl_info info;
    if (dladdr((void *)_Unwind_GetIP(frame), &info) != 0 && info.dli_fname != NULL &&
        strstr(info.dli_fname, "libhdf5") != NULL)
        *(bool *)found = true;
    return _URC_NO_REASON;
}

/* A report ends a process by exit. Where libhdf5 is the culprit, the process without rights, which
 * has no stderr, ends by a signal instead, as it would without a sanitizer. Our functions that the
 * library calls pass for its own. */
void __asan_on_error(void)
{
    bool in_library = false;
    if (write(STDERR_FILENO, "", 0) == 0)
        return;
    _Unwind_Backtrace(look_for_library, &in_library);
    if (in_library)
        __builtin_trap();
}

/* ---- reading ---- */

struct reader {
    int (*apart)(const char *path, struct safetensors *set, struct text *note, struct error *err);
    int (*here)(unsigned char *bytes, size_t size, struct safetensors *set, struct text *note,
                struct error *err);
};

static int parse_h5(unsigned char *bytes, size_t size, struct safetensors *set, struct text *note,
                    struct error *err)
{
    return keras_h5_parse(bytes, size, NULL, set, note, err);
}

static const struct reader h5 = {keras_h5_read, parse_h5};
static const struct reader archive = {keras_archive_read, keras_archive_parse};

static bool says(const struct error *err, const char *words)
{
    return strstr(err->message, words) != NULL;
}

/* Whether a sanitizer, or a bug of ours, ended the process without rights. */
static bool gave_no_answer(const struct error *err)
{
    return says(err, "gave no answer that makes sense");
}

static bool may_be_read_here(const struct error *err)
{
    return err->kind != ERR_MEMORY &&
           (gave_no_answer(err) || !says(err, ": the library that reads it "));
}

static bool sets_equal(const struct safetensors *a, const struct safetensors *b)
{
    bool equal = a->count == b->count;
    for (size_t i = 0; equal && i < a->count; i++) {
        const struct safetensor *x = &a->tensors[i], *y = &b->tensors[i];
        equal = strcmp(x->name, y->name) == 0 && x->rank == y->rank && x->count == y->count &&
                memcmp(x->shape, y->shape, (size_t)x->rank * sizeof(x->shape[0])) == 0 &&
                memcmp(x->data, y->data, (size_t)x->count * sizeof(float)) == 0;
    }
    return equal;
}

/* `apart` is what the process without rights read, or NULL where it refused. It may refuse what is
 * read here: its memory is limited. */
static void read_here(const struct reader *reader, const char *path,
                      const struct safetensors *apart)
{
    struct safetensors set = {0};
    struct text note = {0};
    struct error err = {0};
    char *bytes;
    size_t size;
    ASSERT(file_read(path, INPUT_LIMIT, &bytes, &size, &err) == 0);
    if (size > 0 && reader->here((unsigned char *)bytes, size, &set, &note, &err) < 0) {
        ASSERT(set.tensors == NULL && set.metadata == NULL && fuzz_error_is_good(&err));
        ASSERT(apart == NULL);
    }
    ASSERT(apart == NULL || sets_equal(apart, &set));
    safetensors_release(&set);
    text_release(&note);
    free(bytes);
}

static int convert(const struct reader *reader, const char *from, const char *to, struct error *err)
{
    struct safetensors set = {0};
    struct text note = {0};
    if (reader->apart(from, &set, &note, err) < 0) {
        ASSERT(set.tensors == NULL && set.metadata == NULL && note.size == 0);
        if (may_be_read_here(err))
            read_here(reader, from, NULL);
        ASSERT(!gave_no_answer(err));
        return -1;
    }
    ASSERT(set.count > 0 && fuzz_text_is_clean(text_string(&note)));
    text_release(&note);
    read_here(reader, from, &set);
    int result = safetensors_write(to, &set, err);
    safetensors_release(&set);
    return result;
}

static int convert_h5(const char *from, const char *to, struct error *err)
{
    return convert(&h5, from, to, err);
}

static int convert_archive(const char *from, const char *to, struct error *err)
{
    return convert(&archive, from, to, err);
}

static int rewrite(const char *from, const char *to, struct error *err)
{
    struct safetensors set = {0};
    ASSERT(safetensors_read(from, &set, err) == 0);
    ASSERT(safetensors_write(to, &set, err) == 0);
    safetensors_release(&set);
    return 0;
}

enum fuzz_verdict fuzz_keras_h5(const uint8_t *data, size_t size)
{
    return fuzz_rewrite(data, size, convert_h5, rewrite);
}

enum fuzz_verdict fuzz_keras_archive(const uint8_t *data, size_t size)
{
    return fuzz_rewrite(data, size, convert_archive, rewrite);
}
