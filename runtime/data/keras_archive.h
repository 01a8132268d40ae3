/* Weights in a model that Keras 3 saved whole: .keras, a zip archive of config.json, metadata.json
 * and model.weights.h5. Other zip archives are refused for what they are. */
#ifndef DATA_KERAS_ARCHIVE_H
#define DATA_KERAS_ARCHIVE_H

#include "base/error.h"
#include "base/text.h"
#include "data/safetensors.h"

/* As keras_h5_read(); by a process without rights, too. */
int keras_archive_read(const char *path, struct safetensors *set, struct text *note,
                       struct error *err);

/* The same here and now, from bytes in memory. */
int keras_archive_parse(unsigned char *bytes, size_t size, struct safetensors *set,
                        struct text *note, struct error *err);

#endif
