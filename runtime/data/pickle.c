#include "data/pickle.h"

#include "base/memory.h"
#include "base/utf8.h"

#include <stdlib.h>
#include <string.h>

/* A hostile file can make a value of each byte: more than these are in no data set. */
enum { VALUES = 4 << 20, MARKS = 64, MEMO = 4 << 20 };

/* What may be named, and what is made of it. */
enum name { NAME_RECONSTRUCT, NAME_NDARRAY, NAME_DTYPE, NAME_FROMBUFFER, NAME_ENCODE, NAME_BYTES };

static const struct {
    const char *module, *name;
    enum name meaning;
} known_names[] = {
    {"numpy.core.multiarray", "_reconstruct", NAME_RECONSTRUCT},
    {"numpy._core.multiarray", "_reconstruct", NAME_RECONSTRUCT},
    {"numpy", "ndarray", NAME_NDARRAY},
    {"numpy", "dtype", NAME_DTYPE},
    {"numpy.core.numeric", "_frombuffer", NAME_FROMBUFFER},
    {"numpy._core.numeric", "_frombuffer", NAME_FROMBUFFER},
    {"_codecs", "encode", NAME_ENCODE},
    {"__builtin__", "bytes", NAME_BYTES},
    {"builtins", "bytes", NAME_BYTES},
};

struct pickle {
    const unsigned char *bytes;
    size_t size, at;
    struct pickle_value *values;
    size_t count, capacity;
    uint32_t *stack;
    size_t depth, stack_capacity;
    size_t marks[MARKS];
    size_t mark_count;
    uint32_t *memo; /* index + 1; 0: none */
    size_t memo_count, memo_capacity;
    uint32_t root;
};

static int wrong(const struct pickle *p, const char *what, struct error *err)
{
    return error_set(err, ERR_FORMAT, "its pickle cannot be read at byte %zu: %s", p->at, what);
}

/* ---- stack and values ---- */

static int push(struct pickle *p, uint32_t index, struct error *err)
{
    if (memory_grow(&p->stack, &p->stack_capacity, p->depth + 1, sizeof(*p->stack), err) < 0)
        return -1;
    p->stack[p->depth++] = index;
    return 0;
}

/* A new value on the stack; pointers to others are void after it. */
static struct pickle_value *push_new(struct pickle *p, enum pickle_kind kind, struct error *err)
{
    if (p->count == VALUES) {
        wrong(p, "it holds too many values", err);
        return NULL;
    }
    if (memory_grow(&p->values, &p->capacity, p->count + 1, sizeof(*p->values), err) < 0 ||
        push(p, (uint32_t)p->count, err) < 0)
        return NULL;
    struct pickle_value *value = &p->values[p->count++];
    *value = (struct pickle_value){.kind = kind};
    return value;
}

static size_t floor_of(const struct pickle *p)
{
    return p->mark_count > 0 ? p->marks[p->mark_count - 1] : 0;
}

static bool has(const struct pickle *p, size_t count)
{
    return p->depth >= floor_of(p) + count;
}

static struct pickle_value *top(const struct pickle *p, size_t below)
{
    return &p->values[p->stack[p->depth - 1 - below]];
}

static int add_item(struct pickle_value *list, uint32_t index, struct error *err)
{
    if (memory_grow(&list->items, &list->capacity, list->count + 1, sizeof(*list->items), err) < 0)
        return -1;
    list->items[list->count++] = index;
    return 0;
}

/* ---- reading the file ---- */

static bool take(struct pickle *p, size_t size, const unsigned char **data)
{
    if (p->size - p->at < size)
        return false;
    *data = p->bytes + p->at;
    p->at += size;
    return true;
}

/* A little-endian number of `size` bytes. */
static bool take_number(struct pickle *p, size_t size, uint64_t *number)
{
    const unsigned char *data;
    if (!take(p, size, &data))
        return false;
    *number = 0;
    for (size_t i = 0; i < size; i++)
        *number |= (uint64_t)data[i] << (8 * i);
    return true;
}

static int push_int(struct pickle *p, int64_t number, struct error *err)
{
    struct pickle_value *value = push_new(p, PICKLE_INT, err);
    if (value == NULL)
        return -1;
    value->number = number;
    return 0;
}

static int push_sized(struct pickle *p, enum pickle_kind kind, size_t width, struct error *err)
{
    uint64_t size;
    const unsigned char *data;
    if (!take_number(p, width, &size) || size > p->size || !take(p, (size_t)size, &data))
        return wrong(p, "it ends too early", err);
    struct pickle_value *value = push_new(p, kind, err);
    if (value == NULL)
        return -1;
    value->data = data;
    value->size = (size_t)size;
    return 0;
}

static int push_int_sized(struct pickle *p, size_t width, struct error *err)
{
    uint64_t number;
    if (!take_number(p, width, &number))
        return wrong(p, "it ends too early", err);
    return push_int(p, width == 4 ? (int32_t)(uint32_t)number : (int64_t)number, err);
}

static int push_long(struct pickle *p, struct error *err)
{
    uint64_t size, number = 0;
    if (!take_number(p, 1, &size) || (size <= 8 && !take_number(p, (size_t)size, &number)))
        return wrong(p, "it ends too early", err);
    if (size > 8)
        return wrong(p, "a number is too large", err);
    if (size > 0 && size < 8 && number >> (8 * size - 1))
        number |= UINT64_MAX << (8 * size);
    return push_int(p, (int64_t)number, err);
}

/* ---- names and calls ---- */

static int push_name(struct pickle *p, const unsigned char *module, size_t module_size,
                     const unsigned char *name, size_t name_size, struct error *err)
{
    for (size_t i = 0; i < sizeof(known_names) / sizeof(known_names[0]); i++)
        if (strlen(known_names[i].module) == module_size &&
            memcmp(known_names[i].module, module, module_size) == 0 &&
            strlen(known_names[i].name) == name_size &&
            memcmp(known_names[i].name, name, name_size) == 0) {
            struct pickle_value *value = push_new(p, PICKLE_NAME, err);
            if (value == NULL)
                return -1;
            value->number = known_names[i].meaning;
            return 0;
        }
    return error_set(err, ERR_FORMAT,
                     "its pickle asks for '%.*s.%.*s', which no data set needs: it is not run, and "
                     "not read",
                     (int)(module_size < 100 ? module_size : 100), (const char *)module,
                     (int)(name_size < 100 ? name_size : 100), (const char *)name);
}

static int global(struct pickle *p, struct error *err)
{
    const unsigned char *line[2];
    size_t sizes[2];
    for (int i = 0; i < 2; i++) {
        line[i] = p->bytes + p->at;
        const unsigned char *end = memchr(line[i], '\n', p->size - p->at);
        if (end == NULL)
            return wrong(p, "it ends too early", err);
        sizes[i] = (size_t)(end - line[i]);
        p->at += sizes[i] + 1;
    }
    return push_name(p, line[0], sizes[0], line[1], sizes[1], err);
}

static int stack_global(struct pickle *p, struct error *err)
{
    if (!has(p, 2) || top(p, 0)->kind != PICKLE_TEXT || top(p, 1)->kind != PICKLE_TEXT)
        return wrong(p, "a name is no text", err);
    const struct pickle_value module = *top(p, 1), name = *top(p, 0);
    p->depth -= 2;
    return push_name(p, module.data, module.size, name.data, name.size, err);
}

/* Latin-1 of a text, as Python 3 writes bytes in protocol 2. */
static int encode(struct pickle *p, const struct pickle_value *text, struct error *err)
{
    unsigned char *own = memory_new(text->size, 1, err);
    size_t size = 0;
    if (own == NULL)
        return -1;
    for (size_t at = 0; at < text->size;) {
        uint32_t point = UINT32_MAX;
        const size_t length = utf8_read((const char *)text->data + at, text->size - at, &point);
        if (length == 0 || point > 0xff) {
            free(own);
            return wrong(p, "bytes that are none", err);
        }
        own[size++] = (unsigned char)point;
        at += length;
    }
    struct pickle_value *value = push_new(p, PICKLE_BYTES, err);
    if (value == NULL) {
        free(own);
        return -1;
    }
    value->data = value->own = own;
    value->size = size;
    return 0;
}

static const struct pickle_value *argument(const struct pickle *p, const struct pickle_value *tuple,
                                           size_t i, enum pickle_kind kind)
{
    const struct pickle_value *value = pickle_item(p, tuple, i);
    return value != NULL && value->kind == kind ? value : NULL;
}

static bool set_type(struct pickle_value *value, const struct pickle_value *text)
{
    if (text == NULL || text->size == 0 || text->size >= sizeof(value->type))
        return false;
    memcpy(value->type, text->data, text->size);
    return true;
}

static bool set_shape(const struct pickle *p, struct pickle_value *array,
                      const struct pickle_value *shape)
{
    if (shape == NULL || shape->count > PICKLE_RANK)
        return false;
    array->rank = (int)shape->count;
    for (size_t i = 0; i < shape->count; i++) {
        const struct pickle_value *side = argument(p, shape, i, PICKLE_INT);
        if (side == NULL || side->number < 0)
            return false;
        array->shape[i] = side->number;
    }
    return true;
}

static int call(struct pickle *p, struct error *err)
{
    if (!has(p, 2) || top(p, 0)->kind != PICKLE_LIST || top(p, 1)->kind != PICKLE_NAME)
        return wrong(p, "something is called that has no name", err);
    const struct pickle_value arguments = *top(p, 0);
    const enum name name = (enum name)top(p, 1)->number;
    struct pickle_value made = {0};
    const struct pickle_value *first;
    p->depth -= 2;
    switch (name) {
    case NAME_RECONSTRUCT: made = (struct pickle_value){.kind = PICKLE_ARRAY, .rank = -1}; break;
    case NAME_DTYPE:
        made.kind = PICKLE_DTYPE;
        if ((first = argument(p, &arguments, 0, PICKLE_TEXT)) == NULL)
            first = argument(p, &arguments, 0, PICKLE_BYTES);
        if (!set_type(&made, first))
            return wrong(p, "a type of NumPy's that is not read", err);
        break;
    case NAME_FROMBUFFER: {
        const struct pickle_value *type = argument(p, &arguments, 1, PICKLE_DTYPE);
        const struct pickle_value *order = argument(p, &arguments, 3, PICKLE_TEXT);
        first = argument(p, &arguments, 0, PICKLE_BYTES);
        made = (struct pickle_value){.kind = PICKLE_ARRAY};
        if (first == NULL || type == NULL || order == NULL || order->size != 1 ||
            order->data[0] != 'C' || !set_shape(p, &made, argument(p, &arguments, 2, PICKLE_LIST)))
            return wrong(p, "an array of NumPy's that is not read", err);
        memcpy(made.type, type->type, sizeof(made.type));
        made.data = first->data;
        made.size = first->size;
        break;
    }
    case NAME_ENCODE:
        first = argument(p, &arguments, 0, PICKLE_TEXT);
        return first == NULL ? wrong(p, "bytes that are none", err) : encode(p, first, err);
    case NAME_BYTES:
        if (arguments.count != 0)
            return wrong(p, "bytes that are none", err);
        made.kind = PICKLE_BYTES;
        made.data = p->bytes;
        break;
    case NAME_NDARRAY: return wrong(p, "something is called that makes nothing", err);
    }
    struct pickle_value *value = push_new(p, made.kind, err);
    if (value == NULL)
        return -1;
    *value = made;
    return 0;
}

/* The state of an array: (version, shape, dtype, Fortran order, bytes); that of a dtype says the
 * order of bytes, '|' for one byte and '<'. */
static int build(struct pickle *p, struct error *err)
{
    if (!has(p, 2) || top(p, 0)->kind != PICKLE_LIST)
        return wrong(p, "a state that is not read", err);
    const struct pickle_value state = *top(p, 0);
    struct pickle_value *object = top(p, 1);
    if (object->kind == PICKLE_DTYPE) {
        const struct pickle_value *order = pickle_item(p, &state, 1);
        if (order == NULL || order->size != 1 || strchr("|<=", order->data[0]) == NULL)
            return wrong(p, "numbers of another order of bytes", err);
    } else if (object->kind == PICKLE_ARRAY && object->rank == -1) {
        const struct pickle_value *type = argument(p, &state, 2, PICKLE_DTYPE);
        const struct pickle_value *fortran = argument(p, &state, 3, PICKLE_INT);
        const struct pickle_value *data = pickle_item(p, &state, 4);
        if (type == NULL || fortran == NULL || fortran->number != 0 || data == NULL ||
            (data->kind != PICKLE_BYTES && data->kind != PICKLE_TEXT) ||
            !set_shape(p, object, argument(p, &state, 1, PICKLE_LIST)))
            return wrong(p, "an array of NumPy's that is not read", err);
        memcpy(object->type, type->type, sizeof(object->type));
        object->data = data->data;
        object->size = data->size;
    } else
        return wrong(p, "a state that is not read", err);
    p->depth--;
    return 0;
}

/* ---- collections ---- */

/* Makes a list or tuple of the last `count` values. */
static int collect(struct pickle *p, size_t count, struct error *err)
{
    const size_t from = p->depth - count;
    struct pickle_value *list = push_new(p, PICKLE_LIST, err);
    for (size_t i = 0; list != NULL && i < count; i++)
        if (add_item(list, p->stack[from + i], err) < 0)
            return -1;
    if (list == NULL)
        return -1;
    p->stack[from] = p->stack[p->depth - 1];
    p->depth = from + 1;
    return 0;
}

static int collect_to_mark(struct pickle *p, struct error *err)
{
    if (p->mark_count == 0)
        return wrong(p, "a mark is missing", err);
    const size_t from = p->marks[--p->mark_count];
    return collect(p, p->depth - from, err);
}

/* Adds the last `count` values to the collection below them. */
static int extend(struct pickle *p, enum pickle_kind kind, size_t count, struct error *err)
{
    if (p->depth < floor_of(p) + count + 1 || top(p, count)->kind != kind ||
        (kind == PICKLE_DICT && count % 2 != 0))
        return wrong(p, "items of nothing", err);
    struct pickle_value *list = top(p, count);
    for (size_t i = 0; i < count; i++)
        if (add_item(list, p->stack[p->depth - count + i], err) < 0)
            return -1;
    p->depth -= count;
    return 0;
}

static int extend_to_mark(struct pickle *p, enum pickle_kind kind, struct error *err)
{
    if (p->mark_count == 0)
        return wrong(p, "a mark is missing", err);
    const size_t from = p->marks[--p->mark_count];
    return extend(p, kind, p->depth - from, err);
}

/* ---- memo ---- */

static int remember(struct pickle *p, uint64_t slot, struct error *err)
{
    if (!has(p, 1) || slot >= MEMO)
        return wrong(p, "a memo that is none", err);
    if (memory_grow(&p->memo, &p->memo_capacity, (size_t)slot + 1, sizeof(*p->memo), err) < 0)
        return -1;
    while (p->memo_count <= slot)
        p->memo[p->memo_count++] = 0;
    p->memo[slot] = p->stack[p->depth - 1] + 1;
    return 0;
}

static int recall(struct pickle *p, uint64_t slot, struct error *err)
{
    if (slot >= p->memo_count || p->memo[slot] == 0)
        return wrong(p, "a memo that is none", err);
    return push(p, p->memo[slot] - 1, err);
}

static int memo(struct pickle *p, size_t width, bool put, struct error *err)
{
    uint64_t slot;
    if (!take_number(p, width, &slot))
        return wrong(p, "it ends too early", err);
    return put ? remember(p, slot, err) : recall(p, slot, err);
}

/* ---- opcodes ---- */

static int push_empty(struct pickle *p, enum pickle_kind kind, struct error *err)
{
    return push_new(p, kind, err) != NULL ? 0 : -1;
}

static int skip(struct pickle *p, size_t size, struct error *err)
{
    const unsigned char *ignored;
    return take(p, size, &ignored) ? 0 : wrong(p, "it ends too early", err);
}

static int tuple(struct pickle *p, size_t count, struct error *err)
{
    return has(p, count) ? collect(p, count, err) : wrong(p, "items of nothing", err);
}

static int mark(struct pickle *p, struct error *err)
{
    if (p->mark_count == MARKS)
        return wrong(p, "it is nested too deep", err);
    p->marks[p->mark_count++] = p->depth;
    return 0;
}

static int unknown(const struct pickle *p, unsigned opcode, struct error *err)
{
    return error_set(err, ERR_FORMAT,
                     "its pickle has the opcode 0x%02x at byte %zu, which no data set needs: it is "
                     "not run, and not read",
                     opcode, p->at - 1);
}

static int execute(struct pickle *p, unsigned opcode, struct error *err)
{
    switch (opcode) {
    case 0x80: return skip(p, 1, err);                     /* PROTO */
    case 0x95: return skip(p, 8, err);                     /* FRAME */
    case '(': return mark(p, err);                         /* MARK */
    case 'N': return push_empty(p, PICKLE_NONE, err);      /* NONE */
    case 0x88: return push_int(p, 1, err);                 /* NEWTRUE */
    case 0x89: return push_int(p, 0, err);                 /* NEWFALSE */
    case 'K': return push_int_sized(p, 1, err);            /* BININT1 */
    case 'M': return push_int_sized(p, 2, err);            /* BININT2 */
    case 'J': return push_int_sized(p, 4, err);            /* BININT */
    case 0x8a: return push_long(p, err);                   /* LONG1 */
    case 'U': return push_sized(p, PICKLE_TEXT, 1, err);   /* SHORT_BINSTRING */
    case 'T': return push_sized(p, PICKLE_TEXT, 4, err);   /* BINSTRING */
    case 0x8c: return push_sized(p, PICKLE_TEXT, 1, err);  /* SHORT_BINUNICODE */
    case 'X': return push_sized(p, PICKLE_TEXT, 4, err);   /* BINUNICODE */
    case 'C': return push_sized(p, PICKLE_BYTES, 1, err);  /* SHORT_BINBYTES */
    case 'B': return push_sized(p, PICKLE_BYTES, 4, err);  /* BINBYTES */
    case 0x8e: return push_sized(p, PICKLE_BYTES, 8, err); /* BINBYTES8 */
    case 0x96: return push_sized(p, PICKLE_BYTES, 8, err); /* BYTEARRAY8 */
    case ']': return push_empty(p, PICKLE_LIST, err);      /* EMPTY_LIST */
    case ')': return push_empty(p, PICKLE_LIST, err);      /* EMPTY_TUPLE */
    case '}': return push_empty(p, PICKLE_DICT, err);      /* EMPTY_DICT */
    case 't': return collect_to_mark(p, err);              /* TUPLE */
    case 0x85: return tuple(p, 1, err);                    /* TUPLE1 */
    case 0x86: return tuple(p, 2, err);                    /* TUPLE2 */
    case 0x87: return tuple(p, 3, err);                    /* TUPLE3 */
    case 'a': return extend(p, PICKLE_LIST, 1, err);       /* APPEND */
    case 'e': return extend_to_mark(p, PICKLE_LIST, err);  /* APPENDS */
    case 's': return extend(p, PICKLE_DICT, 2, err);       /* SETITEM */
    case 'u': return extend_to_mark(p, PICKLE_DICT, err);  /* SETITEMS */
    case 'q': return memo(p, 1, true, err);                /* BINPUT */
    case 'r': return memo(p, 4, true, err);                /* LONG_BINPUT */
    case 'h': return memo(p, 1, false, err);               /* BINGET */
    case 'j': return memo(p, 4, false, err);               /* LONG_BINGET */
    case 0x94: return remember(p, p->memo_count, err);     /* MEMOIZE */
    case 'c': return global(p, err);                       /* GLOBAL */
    case 0x93: return stack_global(p, err);                /* STACK_GLOBAL */
    case 'R': return call(p, err);                         /* REDUCE */
    case 'b': return build(p, err);                        /* BUILD */
    default: return unknown(p, opcode, err);
    }
}

static int run(struct pickle *p, struct error *err)
{
    for (;;) {
        if (p->at == p->size)
            return wrong(p, "it ends too early", err);
        const unsigned opcode = p->bytes[p->at++];
        if (opcode == '.')
            break;
        if (execute(p, opcode, err) < 0)
            return -1;
    }
    if (p->depth != 1 || p->mark_count != 0)
        return wrong(p, "it leaves not one value", err);
    p->root = p->stack[0];
    return 0;
}

struct pickle *pickle_read(const unsigned char *bytes, size_t size, struct error *err)
{
    struct pickle *p = memory_new(1, sizeof(*p), err);
    if (p == NULL)
        return NULL;
    p->bytes = bytes;
    p->size = size;
    if (run(p, err) == 0)
        return p;
    pickle_free(p);
    return NULL;
}

void pickle_free(struct pickle *p)
{
    if (p == NULL)
        return;
    for (size_t i = 0; i < p->count; i++) {
        free(p->values[i].own);
        free(p->values[i].items);
    }
    free(p->values);
    free(p->stack);
    free(p->memo);
    free(p);
}

const struct pickle_value *pickle_root(const struct pickle *p)
{
    return &p->values[p->root];
}

const struct pickle_value *pickle_item(const struct pickle *p, const struct pickle_value *list,
                                       size_t i)
{
    return list->kind == PICKLE_LIST && i < list->count ? &p->values[list->items[i]] : NULL;
}

const struct pickle_value *pickle_get(const struct pickle *p, const struct pickle_value *dict,
                                      const char *key)
{
    for (size_t i = 0; dict->kind == PICKLE_DICT && i + 1 < dict->count; i += 2) {
        const struct pickle_value *name = &p->values[dict->items[i]];
        if ((name->kind == PICKLE_TEXT || name->kind == PICKLE_BYTES) &&
            name->size == strlen(key) && memcmp(name->data, key, name->size) == 0)
            return &p->values[dict->items[i + 1]];
    }
    return NULL;
}
