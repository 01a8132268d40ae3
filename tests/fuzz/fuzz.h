/* Fuzz targets: one per format that is read from outside or from disk. Each
 * takes any bytes, checks what the format's reader promises (no crash, no leak,
 * a refusal with a kind and one line, nothing left behind, what was read can be
 * written and read again), and says what became of the bytes.
 *
 * test_replay.c runs each over its corpus in the plain tests, and before `make
 * fuzz FORMAT=npy` searches on with libFuzzer.
 */
#ifndef TESTS_FUZZ_H
#define TESTS_FUZZ_H

#include <stddef.h>
#include <stdint.h>

enum fuzz_verdict {
    FUZZ_REFUSED,
    FUZZ_ACCEPTED,
    FUZZ_CANONICAL, /* accepted, and writing it again gives the same bytes */
};

typedef enum fuzz_verdict fuzz_target(const uint8_t *data, size_t size);

fuzz_target fuzz_action;
fuzz_target fuzz_checkpoint;
fuzz_target fuzz_cifar10;
fuzz_target fuzz_cifar_files;
fuzz_target fuzz_history;
fuzz_target fuzz_keras_archive;
fuzz_target fuzz_keras_h5;
fuzz_target fuzz_lock;
fuzz_target fuzz_memo;
fuzz_target fuzz_model;
fuzz_target fuzz_npy;
fuzz_target fuzz_npz;
fuzz_target fuzz_pickle;
fuzz_target fuzz_picture_table;
fuzz_target fuzz_picture;
fuzz_target fuzz_picture_archive;
fuzz_target fuzz_pipeline;
fuzz_target fuzz_progress;
fuzz_target fuzz_safetensors;
fuzz_target fuzz_stage;
fuzz_target fuzz_tree;
fuzz_target fuzz_unchanged;

#endif
