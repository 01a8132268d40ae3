/* A thin layer over CUDA's runtime and cuDNN: all that the executor asks of a card beside its
 * kernels (kernels.h) and execution plans (execution_plan.h). It decides nothing, so that tests can
 * put another in its place (tests/cuda/twin.h), and with it run everything above without a card.
 *
 * Work is put into streams and runs in the order of its stream, later; what it reads of the host's
 * memory must stay until then, and what it writes there can be read after card_wait(). Pointers to
 * the card's memory and streams, events and graphs are `void *` on this side.
 *
 * Each function returns 0 or -1 with a struct error: ERR_MEMORY where the card has not that much,
 * else ERR_DEVICE; every status of a call becomes one in one place, which names the call. A failure
 * of work that was put into a stream earlier comes out of whatever is called next; after it, the
 * card is of no more use.
 */
#ifndef NN_CUDA_CARD_H
#define NN_CUDA_CARD_H

#include "base/error.h"
#include "nn/cuda/execution_plan.h"

#include <stddef.h>

struct card;

struct card_facts {
    char name[128];   /* "NVIDIA H200" */
    int major, minor; /* its compute capability */
    int driver,
        runtime;  /* CUDA's versions, 13000 is 13.0: what the driver can, what this was built for */
    size_t cudnn; /* cuDNN's version, 91900 is 9.19.0 */
    char cudnn_path[1024];
    size_t memory; /* bytes, of which others may use some */
};

/* The facts of card 0 without taking it into use: no context is made, and no memory of it taken.
 * ERR_DEVICE with the reason where there is no card, or no cuDNN; of its folder see cudnn_open().
 * ERR_USAGE where there are other cards of another model.
 */
int card_look(const char *cudnn_folder, struct card_facts *facts, struct error *err);
/* Takes it into use, after card_look(). */
int card_open(const char *cudnn_folder, struct card **card, struct error *err);
void card_close(struct card *card);
const struct card_facts *card_facts(const struct card *card);
/* What execution plans are made for. */
const struct plan_device *card_plan_device(const struct card *card);

/* ---- memory; not zeroed, aligned to 256 bytes ---- */

int card_memory_left(struct card *card, size_t *bytes, struct error *err);
int card_memory_new(struct card *card, size_t bytes, void **memory, struct error *err);
void card_memory_free(struct card *card, void *memory);
/* Of the host, pinned: copies from and to it do not hold up the caller. */
int card_pinned_new(struct card *card, size_t bytes, void **memory, struct error *err);
void card_pinned_free(struct card *card, void *memory);

/* ---- streams ---- */

enum card_priority { CARD_FIRST, CARD_WHERE_THERE_IS_ROOM };
int card_stream_new(struct card *card, enum card_priority priority, void **stream,
                    struct error *err);
void card_stream_free(struct card *card, void *stream);
/* Until all that was put into the stream is done. */
int card_wait(struct card *card, void *stream, struct error *err);

/* A place in a stream, which another can wait for; recorded anew as often as wanted. */
int card_event_new(struct card *card, void **event, struct error *err);
void card_event_free(struct card *card, void *event);
int card_event_record(struct card *card, void *event, void *stream, struct error *err);
int card_event_follow(struct card *card, void *stream, void *event, struct error *err);

int card_upload(struct card *card, void *stream, void *to, const void *host, size_t bytes,
                struct error *err);
int card_download(struct card *card, void *stream, void *host, const void *from, size_t bytes,
                  struct error *err);
int card_copy(struct card *card, void *stream, void *to, const void *from, size_t bytes,
              struct error *err);
int card_zero(struct card *card, void *stream, void *to, size_t bytes, struct error *err);

/* Whether the kernels that were launched since the last call could be; `what` they were for. */
int card_launched(struct card *card, const char *what, struct error *err);
/* Runs a plan on memory [OPERAND_END] of the card; see execution_plan_run(). */
int card_run(struct card *card, void *stream, const struct execution_plan *plan,
             void *const memory[OPERAND_END], void *workspace, struct error *err);

/* ---- graphs ---- */

/* What is put into the stream between the two is kept in place of being run. */
int card_capture_begin(struct card *card, void *stream, struct error *err);
int card_capture_end(struct card *card, void *stream, void **graph, struct error *err);
void card_graph_free(struct card *card, void *graph);
int card_replay(struct card *card, void *graph, void *stream, struct error *err);

#endif
