#include "data/event_file.h"

#include "data/crc32c.h"
#include "data/protobuf.h"

/* 2000-01-01T00:00:00Z, as EVENT_FILE_NAME says, too. */
static const double FIRST_SECOND = 946684800;

/* Fields by the names that they have in TensorBoard's .proto files. */
enum { EVENT_WALL_TIME = 1, EVENT_STEP = 2, EVENT_FILE_VERSION = 3, EVENT_SUMMARY = 5 };
enum { SUMMARY_VALUE = 1, VALUE_TAG = 1, VALUE_TENSOR = 8, VALUE_METADATA = 9 };
enum { METADATA_PLUGIN_DATA = 1, PLUGIN_DATA_NAME = 1, PLUGIN_DATA_CONTENT = 2 };
enum { METADATA_DATA_CLASS = 4, DATA_CLASS_SCALAR = 1 };
enum { TENSOR_DTYPE = 1, TENSOR_SHAPE = 2, TENSOR_FLOATS = 5, DT_FLOAT = 1, SHAPE_DIM = 2 };
enum { HPARAMS_SESSION_START = 3, HPARAMS_SESSION_END = 4 };
enum { SESSION_HPARAMS = 1, SESSION_START_TIME = 5, MAP_KEY = 1, MAP_VALUE = 2 };
enum { SESSION_STATUS = 1, SESSION_END_TIME = 2, STATUS_SUCCESS = 1 };
enum { VALUE_NUMBER = 2, VALUE_STRING = 3, VALUE_BOOL = 4 };

/* ---- records ---- */

static void add_masked_crc(struct text *file, const void *bytes, size_t size)
{
    const uint32_t crc = crc32c(bytes, size);
    const uint32_t masked = (crc >> 15 | crc << 17) + 0xa282ead8;
    text_append(file, (const char *)&masked, sizeof(masked)); /* little-endian, as we are */
}

/* Adds `record` and empties it. */
static void add_record(struct text *file, struct text *record)
{
    const uint64_t size = record->size;
    text_append(file, (const char *)&size, sizeof(size));
    add_masked_crc(file, &size, sizeof(size));
    text_append(file, text_string(record), record->size);
    add_masked_crc(file, text_string(record), record->size);
    file->failed |= record->failed;
    text_clear(record);
}

/* An event whose summary is one value; empties it. As protobuf has it, a step of 0 is left out. */
static void add_event(struct text *file, int64_t step, struct text *value)
{
    struct text event = {0}, summary = {0};
    protobuf_double(&event, EVENT_WALL_TIME, FIRST_SECOND + (double)step);
    if (step != 0)
        protobuf_int(&event, EVENT_STEP, step);
    protobuf_message(&summary, SUMMARY_VALUE, value);
    protobuf_message(&event, EVENT_SUMMARY, &summary);
    add_record(file, &event);
    text_release(&summary);
    text_release(&event);
}

void event_file_begin(struct text *file)
{
    struct text event = {0};
    protobuf_double(&event, EVENT_WALL_TIME, FIRST_SECOND);
    protobuf_string(&event, EVENT_FILE_VERSION, "brain.Event:2");
    add_record(file, &event);
    text_release(&event);
}

/* ---- scalars ---- */

void event_file_scalar(struct text *file, const char *tag, int64_t step, float number)
{
    struct text value = {0}, part = {0}, inner = {0};
    protobuf_string(&value, VALUE_TAG, tag);
    protobuf_int(&part, TENSOR_DTYPE, DT_FLOAT);
    protobuf_message(&part, TENSOR_SHAPE, &inner); /* no dimensions */
    protobuf_bytes(&part, TENSOR_FLOATS, &number, sizeof(number));
    protobuf_message(&value, VALUE_TENSOR, &part);
    protobuf_string(&inner, PLUGIN_DATA_NAME, "scalars");
    protobuf_message(&part, METADATA_PLUGIN_DATA, &inner);
    protobuf_int(&part, METADATA_DATA_CLASS, DATA_CLASS_SCALAR);
    protobuf_message(&value, VALUE_METADATA, &part);
    add_event(file, step, &value);
    text_release(&inner);
    text_release(&part);
    text_release(&value);
}

/* ---- hyperparameters ---- */

/* The plugin keeps what it knows in a summary's metadata, beside a tensor of no elements. */
static void add_hparams(struct text *file, const char *tag, int kind, struct text *info)
{
    struct text value = {0}, part = {0}, inner = {0}, content = {0};
    protobuf_string(&value, VALUE_TAG, tag);
    protobuf_int(&part, TENSOR_DTYPE, DT_FLOAT);
    protobuf_message(&inner, SHAPE_DIM, &content); /* one, whose size of 0 is left out */
    protobuf_message(&part, TENSOR_SHAPE, &inner);
    protobuf_message(&value, VALUE_TENSOR, &part);
    protobuf_string(&inner, PLUGIN_DATA_NAME, "hparams");
    protobuf_message(&content, kind, info);
    protobuf_message(&inner, PLUGIN_DATA_CONTENT, &content);
    protobuf_message(&part, METADATA_PLUGIN_DATA, &inner);
    protobuf_message(&value, VALUE_METADATA, &part);
    add_event(file, 0, &value);
    text_release(&content);
    text_release(&inner);
    text_release(&part);
    text_release(&value);
}

/* False where TensorBoard has no such values. */
static bool add_value(struct text *value, const json_t *json)
{
    if (json_is_string(json))
        protobuf_bytes(value, VALUE_STRING, json_string_value(json), json_string_length(json));
    else if (json_is_number(json))
        protobuf_double(value, VALUE_NUMBER, json_number_value(json));
    else if (json_is_boolean(json))
        protobuf_int(value, VALUE_BOOL, json_is_true(json));
    return json_is_string(json) || json_is_number(json) || json_is_boolean(json);
}

void event_file_hyperparameters(struct text *file, const json_t *values)
{
    struct text info = {0}, entry = {0}, value = {0};
    const char *name;
    json_t *json;
    json_object_foreach ((json_t *)values, name, json) {
        if (!add_value(&value, json))
            continue;
        protobuf_string(&entry, MAP_KEY, name);
        protobuf_message(&entry, MAP_VALUE, &value);
        protobuf_message(&info, SESSION_HPARAMS, &entry);
    }
    protobuf_double(&info, SESSION_START_TIME, FIRST_SECOND);
    add_hparams(file, "_hparams_/session_start_info", HPARAMS_SESSION_START, &info);
    protobuf_int(&info, SESSION_STATUS, STATUS_SUCCESS);
    protobuf_double(&info, SESSION_END_TIME, FIRST_SECOND);
    add_hparams(file, "_hparams_/session_end_info", HPARAMS_SESSION_END, &info);
    text_release(&value);
    text_release(&entry);
    text_release(&info);
}
