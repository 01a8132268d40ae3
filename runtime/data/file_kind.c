#include "data/file_kind.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { HEAD_SIZE = 4096, LENGTH_SIZE = 8, TAR_MAGIC_AT = 257, TABLE_MAGIC_SIZE = 8 };

static const char pickle_words[] =
    "a PyTorch file (a pickle, as .pth, .pt and .bin are), which can run code where it is opened; "
    "in Python write safetensors.torch.save_file(torch.load(FILE, weights_only=True), "
    "'weights.safetensors') and give that";

/* Bytes at a place of the file. */
static const struct signature {
    size_t at, size;
    const char *bytes;
    const char *what;
} signatures[] = {
    {0, 2, "\x80\x02", pickle_words},
    {0, 2, "\x80\x03", pickle_words},
    {0, 2, "\x80\x04", pickle_words},
    {0, 2, "\x80\x05", pickle_words},
    {0, 42, "version https://git-lfs.github.com/spec/v1", /* its specification fixes the line */
     "a pointer of Git LFS, not the file itself: fetch it with 'git lfs pull', or from a link that "
     "downloads it"},
    {4, 4, "TFL3", "a TensorFlow Lite model; give the Keras file that it was made from"},
    {0, 4, "GGUF", "a GGUF file of a language model"},
    {0, 6, "\x93NUMPY", "one array of numpy (.npy), not named tensors"},
    {0, 2, "\x1f\x8b", "compressed by gzip: unpack it and give the file with the weights"},
    {0, 3, "BZh", "compressed by bzip2: unpack it and give the file with the weights"},
    {0, 6,
     "\xfd"
     "7zXZ",
     "compressed by xz: unpack it and give the file with the weights"},
    {0, 4, "\x28\xb5\x2f\xfd", "compressed by zstd: unpack it and give the file with the weights"},
    {0, 6, "7z\xbc\xaf\x27\x1c", "a 7z archive: unpack it and give the file with the weights"},
    {0, 4, "Rar!", "a rar archive: unpack it and give the file with the weights"},
    {TAR_MAGIC_AT, 5, "ustar", "a tar archive: unpack it and give the file with the weights"},
    {0, 4, "%PDF", "a PDF document, not weights"},
    {0, 4, "\x89PNG", "a picture (PNG), not weights"},
    {0, 3, "\xff\xd8\xff", "a picture (JPEG), not weights"},
    {0, 4,
     "\x7f"
     "ELF",
     "a program, not weights"},
};

static const char page_words[] =
    "a web page (HTML), not weights: the URL leads to a page about the file, to an error or to a "
    "login; take the link that downloads the file itself (at Hugging Face '/resolve/' in place of "
    "'/blob/', at GitHub '/raw/')";
static const char json_words[] =
    "a JSON text; where it is the index of a model in several files (weight_map), join them into "
    "one .safetensors, and give no config.json";
static const char graph_words[] =
    "a TensorFlow SavedModel (saved_model.pb, protobuf): load the model with Keras and write its "
    "weights by model.save_weights('model.weights.h5')";
static const char onnx_words[] =
    "an ONNX model (protobuf); give the weights that it was exported from, as .safetensors, .h5 or "
    ".keras";
static const char checkpoint_words[] =
    "the index of a TensorFlow checkpoint (.ckpt): load it with Keras and write the weights by "
    "model.save_weights('model.weights.h5')";

/* A page may begin with blanks, a byte order mark, a comment or a declaration. */
bool file_kind_is_page(const char *text)
{
    if (strncmp(text, "\xef\xbb\xbf", 3) == 0)
        text += 3;
    text += strspn(text, " \t\r\n");
    if (*text != '<')
        return false;
    static const char *const marks[] = {"<!doctype html", "<html", "<head", "<body", "<title"};
    for (size_t i = 0; i < sizeof marks / sizeof marks[0]; i++)
        if (strcasestr(text, marks[i]) != NULL)
            return true;
    return false;
}

static const char *text_kind(const char *head, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((unsigned char)head[i] < ' ' && strchr("\t\r\n\f", head[i]) == NULL)
            return NULL;
    size_t blank = strspn(head, " \t\r\n");
    if (head[blank] == '{' || head[blank] == '[')
        return json_words;
    if (head[blank] == '<')
        return "a text of XML, not weights: perhaps the error that a server answered with";
    return "a text, not weights";
}

/* Protobuf messages begin with field 1: a version, as a small number, and then what is typical. */
static const char *protobuf_kind(const unsigned char *head, size_t size)
{
    enum { FIELD_1 = 0x08, FIELD_2_BYTES = 0x12, ONNX_NEWEST = 32 };
    if (size < 4 || head[0] != FIELD_1 || head[1] == 0 || head[1] > ONNX_NEWEST)
        return NULL;
    if (head[1] == 1 && head[2] == FIELD_2_BYTES)
        return graph_words;
    /* producer_name, producer_version, domain, model_version, doc_string, graph, opset_import */
    return head[1] >= 2 && memchr("\x12\x1a\x22\x28\x32\x3a\x42", head[2], 7) != NULL ? onnx_words
                                                                                      : NULL;
}

static const char *other_kind(const char *head, size_t size, const unsigned char *tail)
{
    static const unsigned char table[] = {0x57, 0xfb, 0x80, 0x8b, 0x24, 0x75, 0x47, 0xdb};
    const char *what;
    for (size_t i = 0; i < sizeof signatures / sizeof signatures[0]; i++) {
        const struct signature *s = &signatures[i];
        if (size >= s->at + s->size && memcmp(head + s->at, s->bytes, s->size) == 0)
            return s->what;
    }
    if (memcmp(tail, table, sizeof table) == 0)
        return checkpoint_words;
    if (file_kind_is_page(head))
        return page_words;
    if ((what = protobuf_kind((const unsigned char *)head, size)) != NULL ||
        (what = text_kind(head, size)) != NULL)
        return what;
    return "none of the files that weights are read from: .safetensors, Keras' .h5, .weights.h5 "
           "and .keras; it may be truncated";
}

/* The header's length, and the brace that it begins with. */
static bool looks_like_safetensors(const char *head, size_t size, int64_t file_size)
{
    uint64_t length = 0;
    if (size <= LENGTH_SIZE)
        return false;
    memcpy(&length, head, sizeof length);
    const char first = head[LENGTH_SIZE];
    return first == '{' || (length <= (uint64_t)(file_size - LENGTH_SIZE) && length > 0 &&
                            isspace((unsigned char)first));
}

static void tell(const char *head, size_t size, const unsigned char *tail, int64_t file_size,
                 enum file_kind *kind, const char **what)
{
    *what = NULL;
    if (size >= 8 && memcmp(head, "\x89HDF\r\n\x1a\n", 8) == 0) {
        *kind = FILE_HDF5;
    } else if (size >= 4 && (memcmp(head, "PK\3\4", 4) == 0 || memcmp(head, "PK\5\6", 4) == 0)) {
        *kind = FILE_ZIP;
    } else if (looks_like_safetensors(head, size, file_size)) {
        *kind = FILE_SAFETENSORS;
    } else {
        *kind = FILE_OTHER;
        *what = size == 0 ? "empty" : other_kind(head, size, tail);
    }
}

int file_kind_of(const char *path, enum file_kind *kind, const char **what, struct error *err)
{
    char head[HEAD_SIZE + 1] = {0};
    unsigned char tail[TABLE_MAGIC_SIZE] = {0};
    struct stat st;
    FILE *stream = fopen(path, "rbe");
    if (stream == NULL)
        return error_errno(err, "cannot read '%s'", path);
    int result = 0;
    if (fstat(fileno(stream), &st) < 0) {
        result = error_errno(err, "cannot ask the size of '%s'", path);
    } else if (!S_ISREG(st.st_mode)) {
        *kind = FILE_OTHER;
        *what = S_ISDIR(st.st_mode)
                    ? "a folder, not a file; of a TensorFlow SavedModel no weights "
                      "are read: write them by model.save_weights('model.weights.h5')"
                    : "not a regular file";
    } else {
        size_t size = fread(head, 1, HEAD_SIZE, stream);
        if (st.st_size >= TABLE_MAGIC_SIZE && fseek(stream, -TABLE_MAGIC_SIZE, SEEK_END) == 0 &&
            fread(tail, 1, sizeof tail, stream) != sizeof tail)
            memset(tail, 0, sizeof tail);
        if (ferror(stream))
            result = error_errno(err, "cannot read '%s'", path);
        else
            tell(head, size, tail, st.st_size, kind, what);
    }
    fclose(stream);
    return result;
}
