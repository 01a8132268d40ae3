#include "data/unpack.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/stage.h"

#include <archive.h>
#include <archive_entry.h>
#include <errno.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { READ_SIZE = 256 << 10 };

struct unpacker {
    struct archive *archive;
    const struct unpack_limits *limits;
    const struct unpack_visitor *visitor;
    int64_t entries, bytes;
};

static int archive_failure(struct unpacker *unpacker, struct error *err)
{
    if (archive_errno(unpacker->archive) == ENOMEM)
        return error_set(err, ERR_MEMORY, "out of memory");
    const char *reason = archive_error_string(unpacker->archive);
    if (unpacker->entries == 0 && reason != NULL &&
        strcmp(reason, "Unrecognized archive format") == 0)
        return error_set(
            err, ERR_FORMAT,
            "it is truncated or damaged, or no archive: that is a tar, also compressed by gzip, "
            "bzip2, xz or zstd, or a zip");
    return error_set(err, ERR_FORMAT, "the archive is truncated or damaged: %s",
                     reason != NULL ? reason : "no reason given");
}

/* ---- an entry's name and kind ---- */

static bool climbs(const char *path)
{
    for (const char *part = path; part != NULL; part = strchr(part, '/')) {
        part += *part == '/';
        if (strncmp(part, "..", 2) == 0 && (part[2] == '/' || part[2] == '\0'))
            return true;
    }
    return false;
}

static const char *kind_name(struct archive_entry *entry)
{
    if (archive_entry_hardlink(entry) != NULL)
        return "a hard link";
    switch (archive_entry_filetype(entry)) {
    case AE_IFLNK: return "a symbolic link";
    case AE_IFCHR:
    case AE_IFBLK: return "a device";
    case AE_IFIFO: return "a pipe";
    case AE_IFSOCK: return "a socket";
    default: return "of an unknown kind";
    }
}

static int check_entry(struct unpacker *unpacker, struct archive_entry *entry, struct error *err)
{
    const char *path = archive_entry_pathname(entry);
    if (++unpacker->entries > unpacker->limits->entries)
        return error_set(err, ERR_FORMAT, "it has more than %lld members",
                         (long long)unpacker->limits->entries);
    if (path == NULL || *path == '\0')
        return error_set(err, ERR_FORMAT, "a member has no readable name");
    if (*path == '/')
        return error_set(err, ERR_FORMAT, "member '%s' has an absolute path", path);
    if (climbs(path))
        return error_set(err, ERR_FORMAT, "member '%s' leaves its folder with '..'", path);
    bool plain =
        archive_entry_filetype(entry) == AE_IFREG || archive_entry_filetype(entry) == AE_IFDIR;
    if (!plain || archive_entry_hardlink(entry) != NULL || archive_entry_symlink(entry) != NULL)
        return error_set(err, ERR_FORMAT,
                         "member '%s' is %s; only regular files and folders are accepted", path,
                         kind_name(entry));
    if (archive_entry_sparse_count(entry) > 0)
        return error_set(err, ERR_FORMAT, "member '%s' is a sparse file", path);
    if (archive_entry_size(entry) < 0 || archive_entry_size(entry) > unpacker->limits->member_bytes)
        return error_set(err, ERR_FORMAT, "member '%s' has %lld bytes, more than the %lld allowed",
                         path, (long long)archive_entry_size(entry),
                         (long long)unpacker->limits->member_bytes);
    return 0;
}

/* ---- an entry's data ---- */

/* Reads `size` bytes and not one more; into `data` unless that is NULL. What
 * is skipped is unpacked too, so that it counts and is checked. */
static int read_data(struct unpacker *unpacker, const char *path, unsigned char *data, size_t size,
                     struct error *err)
{
    unsigned char *spare = NULL;
    size_t done = 0;
    int result = -1;
    if ((spare = memory_new(READ_SIZE, 1, err)) == NULL)
        return -1;
    for (;;) {
        if (stage_stop_requested()) {
            stage_interrupted(err);
            break;
        }
        /* At the end one more read finds the end of the member. */
        size_t left = size - done;
        unsigned char *to = data != NULL && left > 0 ? data + done : spare;
        size_t ask = left == 0 || left > READ_SIZE ? READ_SIZE : left;
        la_ssize_t got = archive_read_data(unpacker->archive, to, ask);
        if (got < 0) {
            archive_failure(unpacker, err);
            break;
        }
        if ((got == 0 && left > 0) || (got > 0 && left == 0)) {
            error_set(err, ERR_FORMAT, "member '%s' does not have the %zu bytes it announces", path,
                      size);
            break;
        }
        if (got == 0) {
            result = 0;
            break;
        }
        done += (size_t)got;
        unpacker->bytes += got;
        if (unpacker->bytes > unpacker->limits->total_bytes) {
            error_set(err, ERR_FORMAT, "it unpacks to more than %lld bytes",
                      (long long)unpacker->limits->total_bytes);
            break;
        }
    }
    free(spare);
    return result;
}

static int read_entry(struct unpacker *unpacker, struct archive_entry *entry, struct error *err)
{
    const struct unpack_visitor *visitor = unpacker->visitor;
    if (check_entry(unpacker, entry, err) < 0)
        return -1;
    if (archive_entry_filetype(entry) == AE_IFDIR)
        return 0;
    const char *path = archive_entry_pathname(entry);
    size_t size = (size_t)archive_entry_size(entry);
    bool wanted = visitor->wants(visitor->context, path);
    unsigned char *data = NULL;
    if (wanted && (data = memory_new(size, 1, err)) == NULL)
        return -1;
    if (read_data(unpacker, path, data, size, err) < 0) {
        free(data);
        return -1;
    }
    return wanted ? visitor->take(visitor->context, path, data, size, err) : 0;
}

static int read_entries(struct unpacker *unpacker, struct error *err)
{
    for (;;) {
        struct archive_entry *entry;
        int status = archive_read_next_header(unpacker->archive, &entry);
        if (status == ARCHIVE_EOF)
            return unpacker->entries > 0 ? 0 : error_set(err, ERR_FORMAT, "the archive is empty");
        /* A warning says that a name was not in the locale's character set. */
        if (status != ARCHIVE_OK && status != ARCHIVE_WARN)
            return archive_failure(unpacker, err);
        if (read_entry(unpacker, entry, err) < 0)
            return -1;
    }
}

/* Not the _all forms: some of those start other programs. */
static bool support(struct archive *archive)
{
    return archive_read_support_format_tar(archive) == ARCHIVE_OK &&
           archive_read_support_format_zip_seekable(archive) == ARCHIVE_OK &&
           archive_read_support_filter_gzip(archive) == ARCHIVE_OK &&
           archive_read_support_filter_bzip2(archive) == ARCHIVE_OK &&
           archive_read_support_filter_xz(archive) == ARCHIVE_OK &&
           archive_read_support_filter_zstd(archive) == ARCHIVE_OK;
}

int unpack_archive(const char *archive, const struct unpack_limits *limits,
                   const struct unpack_visitor *visitor, struct error *err)
{
    /* libarchive turns names into the locale's characters, which may be ASCII alone. */
    locale_t utf8 = newlocale(LC_CTYPE_MASK, "C.UTF-8", (locale_t)0);
    locale_t before = utf8 != (locale_t)0 ? uselocale(utf8) : (locale_t)0;
    struct unpacker unpacker = {archive_read_new(), limits, visitor, 0, 0};
    int result;
    if (unpacker.archive == NULL)
        result = error_set(err, ERR_MEMORY, "out of memory");
    else if (!support(unpacker.archive))
        result = error_set(err, ERR_IO, "libarchive lacks tar, zip, gzip, bzip2, xz or zstd");
    else if (archive_read_open_filename(unpacker.archive, archive, READ_SIZE) != ARCHIVE_OK)
        result = archive_failure(&unpacker, err);
    else
        result = read_entries(&unpacker, err);
    archive_read_free(unpacker.archive);
    if (utf8 != (locale_t)0) {
        uselocale(before);
        freelocale(utf8);
    }
    return result < 0 ? error_prefix(err, "'%s': ", archive) : 0;
}

/* ---- folders ---- */

static int visit_file(const char *path, const char *name, const struct unpack_limits *limits,
                      const struct unpack_visitor *visitor, struct error *err)
{
    char *data;
    size_t size;
    if (!visitor->wants(visitor->context, name))
        return 0;
    if (file_read(path, (size_t)limits->member_bytes, &data, &size, err) < 0)
        return -1;
    return visitor->take(visitor->context, name, data, size, err);
}

static int visit_folder(const char *path, const char *below, int64_t *entries,
                        const struct unpack_limits *limits, const struct unpack_visitor *visitor,
                        struct error *err)
{
    char **names;
    size_t count;
    if (file_list(path, &names, &count, err) < 0)
        return -1;
    int result = 0;
    for (size_t i = 0; result == 0 && i < count; i++) {
        struct stat st;
        char *full = file_join(path, names[i], err);
        char *name = *below ? file_join(below, names[i], err) : memory_copy_text(names[i], err);
        if (full == NULL || name == NULL)
            result = -1;
        else if (++*entries > limits->entries)
            result = error_set(err, ERR_FORMAT, "'%s' has more than %lld files", path,
                               (long long)limits->entries);
        else if (stat(full, &st) == 0 && S_ISDIR(st.st_mode))
            result = *below ? 0 : visit_folder(full, name, entries, limits, visitor, err);
        else
            result = visit_file(full, name, limits, visitor, err);
        free(full);
        free(name);
    }
    file_free_names(names, count);
    return result;
}

int unpack_any(const char *path, const struct unpack_limits *limits,
               const struct unpack_visitor *visitor, struct error *err)
{
    struct stat st;
    int64_t entries = 0;
    if (stat(path, &st) < 0 || !S_ISDIR(st.st_mode))
        return unpack_archive(path, limits, visitor, err);
    return visit_folder(path, "", &entries, limits, visitor, err);
}
