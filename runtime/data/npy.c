/* The file:
 *
 *   file   = 0x93 "NUMPY" 0x01 0x00 length header data
 *   length = u16, little-endian, of header; so that data begins at a multiple
 *            of 64
 *   header = "{'descr': '" type "', 'fortran_order': False, 'shape': (" dims
 *            "), }" blanks "\n"
 *   dims   = "" | n "," | n ", " n ...
 *
 * The reader takes the three members in any order, with any blanks: it is a
 * Python literal.
 */
#include "data/npy.h"

#include "base/file.h"
#include "base/memory.h"
#include "base/text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "arrays are stored as they are");

static const unsigned char magic[] = {0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0};

enum { PREFIX_SIZE = 10, ALIGNMENT = 64 };

/* numpy leaves room for the first dimension to grow in place to this many digits. */
enum { GROWTH_DIGITS = 21 };

static const struct {
    const char *name;
    size_t size;
} types[] = {
    [NPY_U8] = {"|u1", 1},  [NPY_I32] = {"<i4", 4}, [NPY_I64] = {"<i8", 8}, [NPY_F32] = {"<f4", 4},
    [NPY_F64] = {"<f8", 8}, [NPY_U16] = {"<u2", 2}, [NPY_I8] = {"|i1", 1},  [NPY_I16] = {"<i2", 2},
    [NPY_U32] = {"<u4", 4}, [NPY_U64] = {"<u8", 8},
};

enum { TYPE_COUNT = sizeof(types) / sizeof(types[0]) };

size_t npy_type_size(enum npy_type type)
{
    return types[type].size;
}

int npy_count(int rank, const int64_t *shape, size_t element_size, int64_t *count,
              struct error *err)
{
    if (rank < 0 || rank > NPY_MAX_RANK)
        return error_set(err, ERR_FORMAT, "an array of rank %d: at most %d dimensions are read",
                         rank, NPY_MAX_RANK);
    int64_t product = 1, bytes;
    for (int i = 0; i < rank; i++) {
        if (shape[i] < 0)
            return error_set(err, ERR_FORMAT, "dimension %d is negative: %lld", i,
                             (long long)shape[i]);
        if (__builtin_mul_overflow(product, shape[i], &product))
            return error_set(err, ERR_FORMAT, "the product of the shape overflows");
    }
    if (__builtin_mul_overflow(product, (int64_t)element_size, &bytes))
        return error_set(err, ERR_FORMAT, "the size of the array overflows");
    *count = product;
    return 0;
}

/* ---- reading the header ---- */

struct cursor {
    const char *at;
    struct error *err;
};

static void skip_blanks(struct cursor *cursor)
{
    cursor->at += strspn(cursor->at, " \t\n");
}

static bool take(struct cursor *cursor, const char *token)
{
    skip_blanks(cursor);
    size_t length = strlen(token);
    if (strncmp(cursor->at, token, length) != 0)
        return false;
    cursor->at += length;
    return true;
}

static int bad_header(struct cursor *cursor)
{
    return error_set(cursor->err, ERR_FORMAT,
                     "its npy header is not as numpy writes it, at '%.20s'", cursor->at);
}

/* A quoted text without escapes, at most size - 1 bytes. */
static int take_text(struct cursor *cursor, char *text, size_t size)
{
    skip_blanks(cursor);
    char quote = *cursor->at;
    if (quote != '\'' && quote != '"')
        return bad_header(cursor);
    const char *end = strchr(cursor->at + 1, quote);
    if (end == NULL || (size_t)(end - cursor->at) > size)
        return bad_header(cursor);
    size_t length = (size_t)(end - cursor->at - 1);
    memcpy(text, cursor->at + 1, length);
    text[length] = '\0';
    cursor->at = end + 1;
    return 0;
}

static int take_type(struct cursor *cursor, enum npy_type *type)
{
    char name[32];
    skip_blanks(cursor);
    if (*cursor->at == '[')
        return error_set(cursor->err, ERR_FORMAT, "it holds records; plain numbers are needed");
    if (take_text(cursor, name, sizeof(name)) < 0)
        return -1;
    for (int i = 0; i < TYPE_COUNT; i++)
        if (strcmp(name, types[i].name) == 0) {
            *type = (enum npy_type)i;
            return 0;
        }
    return error_set(cursor->err, ERR_FORMAT,
                     "its type '%s' is not read%s; write |u1, <u2, <i4, <i8, "
                     "<f4 or <f8",
                     name, name[0] == '>' ? " (big-endian)" : "");
}

static int take_order(struct cursor *cursor)
{
    if (take(cursor, "False"))
        return 0;
    if (take(cursor, "True"))
        return error_set(cursor->err, ERR_FORMAT,
                         "it is in Fortran order; write numpy.ascontiguousarray of it");
    return bad_header(cursor);
}

static int take_shape(struct cursor *cursor, struct npy *npy)
{
    if (!take(cursor, "("))
        return bad_header(cursor);
    npy->rank = 0;
    while (!take(cursor, ")")) {
        skip_blanks(cursor);
        size_t digits = strspn(cursor->at, "0123456789");
        if (digits == 0)
            return bad_header(cursor);
        if (npy->rank == NPY_MAX_RANK)
            return error_set(cursor->err, ERR_FORMAT, "it has more than %d dimensions",
                             NPY_MAX_RANK);
        char number[24];
        long long value;
        if (digits >= sizeof(number))
            return error_set(cursor->err, ERR_FORMAT, "a dimension overflows");
        memcpy(number, cursor->at, digits);
        number[digits] = '\0';
        if (!text_to_int64(number, &value))
            return error_set(cursor->err, ERR_FORMAT, "a dimension overflows");
        npy->shape[npy->rank++] = value;
        cursor->at += digits;
        skip_blanks(cursor);
        if (*cursor->at != ')' && !take(cursor, ","))
            return bad_header(cursor);
    }
    return 0;
}

static int parse_header(const char *header, struct npy *npy, struct error *err)
{
    struct cursor cursor = {header, err};
    unsigned seen = 0;
    if (!take(&cursor, "{"))
        return bad_header(&cursor);
    while (!take(&cursor, "}")) {
        char key[32];
        unsigned bit;
        int result;
        if (take_text(&cursor, key, sizeof(key)) < 0)
            return -1;
        if (!take(&cursor, ":"))
            return bad_header(&cursor);
        if (strcmp(key, "descr") == 0)
            bit = 1, result = take_type(&cursor, &npy->type);
        else if (strcmp(key, "fortran_order") == 0)
            bit = 2, result = take_order(&cursor);
        else if (strcmp(key, "shape") == 0)
            bit = 4, result = take_shape(&cursor, npy);
        else
            return error_set(err, ERR_FORMAT, "its npy header has an unknown member '%s'", key);
        if (result < 0)
            return -1;
        if (seen & bit)
            return error_set(err, ERR_FORMAT, "its npy header has '%s' twice", key);
        seen |= bit;
        skip_blanks(&cursor);
        if (*cursor.at != '}' && !take(&cursor, ","))
            return bad_header(&cursor);
    }
    skip_blanks(&cursor);
    if (seen != 7 || *cursor.at != '\0')
        return bad_header(&cursor);
    return 0;
}

static int read_header(FILE *stream, struct npy *npy, long *size, struct error *err)
{
    unsigned char prefix[PREFIX_SIZE];
    if (fread(prefix, 1, sizeof(prefix), stream) != sizeof(prefix) || memcmp(prefix, magic, 6) != 0)
        return error_set(err, ERR_FORMAT, "it is not an npy file");
    if (prefix[6] != 1 || prefix[7] != 0)
        return error_set(err, ERR_FORMAT, "it is npy version %d.%d; write version 1.0", prefix[6],
                         prefix[7]);
    size_t length = prefix[8] | (size_t)prefix[9] << 8;
    char *header = memory_new(length + 1, 1, err);
    if (header == NULL)
        return -1;
    int result;
    if (fread(header, 1, length, stream) != length)
        result = error_set(err, ERR_FORMAT, "it ends within its npy header");
    else if (memchr(header, '\0', length) != NULL)
        result = error_set(err, ERR_FORMAT, "its npy header holds a NUL");
    else
        result = parse_header(header, npy, err);
    free(header);
    *size = (long)(PREFIX_SIZE + length);
    return result;
}

/* The size is checked against the file's before anything of that size is allocated. */
static int read_stream(FILE *stream, long long size, struct npy *npy, struct error *err)
{
    long header_size = 0;
    if (read_header(stream, npy, &header_size, err) < 0 ||
        npy_count(npy->rank, npy->shape, types[npy->type].size, &npy->count, err) < 0)
        return -1;
    long long needed = (long long)npy->count * (long long)types[npy->type].size;
    long long found = size - header_size;
    if (found != needed)
        return error_set(err, ERR_FORMAT, "it %s: %lld bytes of data where its shape needs %lld",
                         found < needed ? "is truncated" : "has trailing bytes", found, needed);
    if ((npy->data = memory_new((size_t)npy->count, types[npy->type].size, err)) == NULL)
        return -1;
    if (fread(npy->data, 1, (size_t)needed, stream) != (size_t)needed) {
        npy_release(npy);
        return error_set(err, ERR_IO, "it ended early");
    }
    return 0;
}

static int read_file(FILE *stream, struct npy *npy, struct error *err)
{
    struct stat st;
    if (fstat(fileno(stream), &st) < 0)
        return error_errno(err, "cannot ask its size");
    if (!S_ISREG(st.st_mode))
        return error_set(err, ERR_FORMAT, "it is not a regular file");
    return read_stream(stream, (long long)st.st_size, npy, err);
}

int npy_parse(const void *bytes, size_t size, struct npy *npy, struct error *err)
{
    struct npy read = {0};
    if (size == 0)
        return error_set(err, ERR_FORMAT, "it is not an npy file");
    FILE *stream = fmemopen((void *)bytes, size, "rb"); /* which does not write */
    if (stream == NULL)
        return error_set(err, ERR_MEMORY, "out of memory");
    int result = read_stream(stream, (long long)size, &read, err);
    fclose(stream);
    if (result == 0)
        *npy = read;
    return result;
}

const char *npy_type_name(enum npy_type type)
{
    return types[type].name;
}

int npy_read(const char *path, struct npy *npy, struct error *err)
{
    FILE *stream = fopen(path, "rbe");
    if (stream == NULL)
        return error_errno(err, "cannot read '%s'", path);
    struct npy read = {0};
    int result = read_file(stream, &read, err);
    fclose(stream);
    if (result < 0)
        return error_prefix(err, "'%s': ", path);
    *npy = read;
    return 0;
}

int npy_read_as(const char *path, enum npy_type type, int rank, struct npy *npy, struct error *err)
{
    struct npy read = {0};
    if (npy_read(path, &read, err) < 0)
        return -1;
    if (read.type != type || read.rank != rank) {
        error_set(err, ERR_FORMAT, "'%s': it has type %s and rank %d where %s and %d are needed",
                  path, types[read.type].name, read.rank, types[type].name, rank);
        npy_release(&read);
        return -1;
    }
    *npy = read;
    return 0;
}

/* ---- labels ---- */

/* The whole number at `i`; -1 for what is below 0, INT64_MAX for what is above. */
static int64_t whole_at(const struct npy *npy, int64_t i)
{
    int64_t value = -1;
    switch (npy->type) {
    case NPY_U8: return ((const uint8_t *)npy->data)[i];
    case NPY_U16: return ((const uint16_t *)npy->data)[i];
    case NPY_U32: return ((const uint32_t *)npy->data)[i];
    case NPY_U64: {
        const uint64_t wide = ((const uint64_t *)npy->data)[i];
        return wide > INT64_MAX ? INT64_MAX : (int64_t)wide;
    }
    case NPY_I8: value = ((const int8_t *)npy->data)[i]; break;
    case NPY_I16: value = ((const int16_t *)npy->data)[i]; break;
    case NPY_I32: value = ((const int32_t *)npy->data)[i]; break;
    case NPY_I64: value = ((const int64_t *)npy->data)[i]; break;
    case NPY_F32:
    case NPY_F64: break;
    }
    return value;
}

int npy_to_labels(struct npy *npy, int64_t limit, struct error *err)
{
    struct npy labels = {0};
    if (npy->type == NPY_F32 || npy->type == NPY_F64)
        return error_set(err, ERR_FORMAT,
                         "it has type %s where labels are whole numbers: write y.astype('int64')",
                         types[npy->type].name);
    if (npy->rank != 1 && !(npy->rank == 2 && npy->shape[1] == 1))
        return error_set(err, ERR_FORMAT,
                         "it has rank %d where labels have the shape (n) or (n,1): one-hot labels "
                         "become that by y.argmax(axis=1)",
                         npy->rank);
    if (npy_new(NPY_U16, 1, npy->shape, &labels, err) < 0)
        return -1;
    for (int64_t i = 0; i < npy->count; i++) {
        const int64_t value = whole_at(npy, i);
        if (value < 0 || value >= limit || value > UINT16_MAX) {
            npy_release(&labels);
            return value < 0
                       ? error_set(err, ERR_FORMAT, "label at %lld is below 0", (long long)i)
                       : error_set(err, ERR_FORMAT, "label %lld at %lld: there are %lld classes",
                                   (long long)value, (long long)i, (long long)limit);
        }
        ((uint16_t *)labels.data)[i] = (uint16_t)value;
    }
    npy_release(npy);
    *npy = labels;
    return 0;
}

int npy_new(enum npy_type type, int rank, const int64_t *shape, struct npy *npy, struct error *err)
{
    struct npy made = {.type = type, .rank = rank};
    if (npy_count(rank, shape, types[type].size, &made.count, err) < 0 ||
        (made.data = memory_new((size_t)made.count, types[type].size, err)) == NULL)
        return -1;
    for (int i = 0; i < rank; i++)
        made.shape[i] = shape[i];
    *npy = made;
    return 0;
}

/* ---- writing ---- */

static void format_header(struct text *header, enum npy_type type, int rank, const int64_t *shape)
{
    text_addf(header, "{'descr': '%s', 'fortran_order': False, 'shape': (", types[type].name);
    for (int i = 0; i < rank; i++)
        text_addf(header, "%s%lld%s", i ? " " : "", (long long)shape[i],
                  i + 1 < rank || rank == 1 ? "," : "");
    text_add(header, "), }");
    if (rank > 0) {
        char first[24];
        int digits = snprintf(first, sizeof(first), "%lld", (long long)shape[0]);
        text_addf(header, "%*s", GROWTH_DIGITS - digits, "");
    }
    size_t end = PREFIX_SIZE + header->size + 1;
    text_addf(header, "%*s\n", (int)((ALIGNMENT - end % ALIGNMENT) % ALIGNMENT), "");
}

static int open_writer(const char *path, enum npy_type type, int rank, const int64_t *shape,
                       struct file_writer *writer, struct error *err)
{
    struct text header = {0};
    int result = -1;
    format_header(&header, type, rank, shape);
    if (text_check(&header, err) == 0 && file_create(writer, path, err) == 0) {
        const unsigned char length[2] = {header.size & 0xff, header.size >> 8 & 0xff};
        fwrite(magic, 1, sizeof(magic), writer->stream);
        fwrite(length, 1, sizeof(length), writer->stream);
        fwrite(header.data, 1, header.size, writer->stream);
        result = 0;
    }
    text_release(&header);
    return result;
}

int npy_write(const char *path, enum npy_type type, int rank, const int64_t *shape,
              const void *data, struct error *err)
{
    int64_t count;
    struct file_writer writer = {0};
    if (npy_count(rank, shape, types[type].size, &count, err) < 0)
        return error_prefix(err, "'%s': ", path);
    if (open_writer(path, type, rank, shape, &writer, err) < 0)
        return -1;
    if (count > 0)
        fwrite(data, types[type].size, (size_t)count, writer.stream);
    return file_commit(&writer, err); /* asks ferror */
}

int npy_write_rows(const char *path, enum npy_type type, int rank, const int64_t *shape,
                   const void *data, const int64_t *indices, int64_t count, struct error *err)
{
    int64_t whole[NPY_MAX_RANK] = {count}, element;
    struct file_writer writer = {0};
    ASSERT(rank < NPY_MAX_RANK);
    if (rank > 0)
        memcpy(whole + 1, shape, (size_t)rank * sizeof(*shape));
    if (npy_count(rank, shape, types[type].size, &element, err) < 0)
        return error_prefix(err, "'%s': ", path);
    if (open_writer(path, type, rank + 1, whole, &writer, err) < 0)
        return -1;
    const size_t bytes = (size_t)element * types[type].size;
    for (int64_t i = 0; i < count && !ferror(writer.stream); i++)
        fwrite((const char *)data + (size_t)indices[i] * bytes, 1, bytes, writer.stream);
    return file_commit(&writer, err);
}

void npy_release(struct npy *npy)
{
    if (npy == NULL)
        return;
    free(npy->data);
    *npy = (struct npy){0};
}
