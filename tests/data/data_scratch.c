#include "data_scratch.h"

#include "base/file.h"

#include <archive.h>
#include <archive_entry.h>
#include <stdlib.h>

int data_scratch_set_up(void **state)
{
    struct data_scratch *scratch = calloc(1, sizeof(*scratch));
    assert_non_null(scratch);
    snprintf(scratch->folder, sizeof(scratch->folder), "/tmp/reprise-data-XXXXXX");
    assert_non_null(mkdtemp(scratch->folder));
    *state = scratch;
    return 0;
}

int data_scratch_tear_down(void **state)
{
    struct data_scratch *scratch = *state;
    struct error err = {0};
    int result = file_remove(scratch->folder, &err);
    free(scratch);
    return result;
}

struct scratch_path data_scratch_path(void **state, const char *name)
{
    const struct data_scratch *scratch = *state;
    struct scratch_path path;
    snprintf(path.text, sizeof(path.text), "%s/%s", scratch->folder, name);
    return path;
}

void data_scratch_write(const char *path, const void *data, size_t size)
{
    FILE *stream = fopen(path, "wb"); /* without the flush to disk of file_write */
    assert_non_null(stream);
    assert_int_equal(fwrite(data, 1, size, stream), size);
    assert_int_equal(fclose(stream), 0);
}

static void write_member(struct archive *archive, const struct tar_member *member)
{
    struct archive_entry *entry = archive_entry_new();
    archive_entry_set_pathname(entry, member->name);
    archive_entry_set_filetype(entry, member->kind != 0 ? member->kind : AE_IFREG);
    archive_entry_set_perm(entry, 0644);
    archive_entry_set_size(entry, (la_int64_t)member->size);
    if (member->link != NULL)
        archive_entry_set_symlink(entry, member->link);
    if (member->hardlink != NULL)
        archive_entry_set_hardlink(entry, member->hardlink);
    if (member->sparse)
        archive_entry_sparse_add_entry(entry, 0, 1);
    assert_int_equal(archive_write_header(archive, entry), ARCHIVE_OK);
    if (member->size > 0)
        assert_int_equal(archive_write_data(archive, member->data, member->size), member->size);
    archive_entry_free(entry);
}

void write_tar(const char *path, const struct tar_member *members, size_t count, bool gzip)
{
    struct archive *archive = archive_write_new();
    archive_write_set_format_pax_restricted(archive);
    if (gzip)
        archive_write_add_filter_gzip(archive);
    assert_int_equal(archive_write_open_filename(archive, path), ARCHIVE_OK);
    for (size_t i = 0; i < count; i++)
        write_member(archive, &members[i]);
    assert_int_equal(archive_write_close(archive), ARCHIVE_OK);
    archive_write_free(archive);
}
