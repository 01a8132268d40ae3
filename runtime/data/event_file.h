/* An event file of TensorBoard, written into a text: event_file_begin, then what it shows, in the
 * order of the steps; then the text is written to a file EVENT_FILE_NAME in a folder of its own,
 * whose path is the run's name. Equal values give equal bytes: no clock is asked, step n happened n
 * seconds after the year 2000 began (UTC). Failed allocations are the text's.
 *
 * The file is TensorFlow's TFRecord: for each record its length (u64), the masked CRC-32C of that
 * (u32), its bytes and their masked CRC-32C, all little-endian. A record is a message Event
 * (tensorboard/compat/proto/event.proto); scalars are tensors, as tf.summary writes them.
 */
#ifndef DATA_EVENT_FILE_H
#define DATA_EVENT_FILE_H

#include "base/text.h"

#include <jansson.h>
#include <stdint.h>

#define EVENT_FILE_NAME "events.out.tfevents.946684800.reprise"

void event_file_begin(struct text *file);
void event_file_scalar(struct text *file, const char *tag, int64_t step, float value);

/* What the run's results were made with, for the tab HPARAMS: texts, numbers and booleans by name;
 * other members are passed over. */
void event_file_hyperparameters(struct text *file, const json_t *values);

#endif
