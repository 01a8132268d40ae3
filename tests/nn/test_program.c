/* What a network computes, checked as data: no device, no weights, no pictures. */
#include "nn/program.h"

#include "base/memory.h"

#include "formula.h"

#include <stdlib.h>
#include <string.h>

#include "tap.h"

enum { SIZE = 32, CLASSES = 4, LINE = ARENA_ALIGNMENT };

static void ok(int status, const struct error *err)
{
    if (status)
        fail_msg("%s", err->message);
}

/* A network in one of its ways to train. */
static const struct {
    const char *architecture; /* as formula_name() has it */
    const char *pattern;      /* of what trains; NULL: only the head */
} ways[] = {
    {"resnet8", NULL},
    {"resnet8", ""},
    {"resnet8", "conv4"},
    {"resnet8",
     "conv2_block1_1"}, /* what comes behind is frozen: folded, and passes gradients on */
    {"resnet8", "conv3_block1_0"}, /* a shortcut alone */
    {"resnet8+conv3_block1_1_relu+conv1_relu", NULL},
    {"resnet8+conv3_block1_1_relu+conv1_relu", ""},
    {"resnet18", ""}, /* has a max pool, here within the suffix */
    {"resnet50", "conv5"},
    {"mobilenet", "conv_pw_12"},
    {"mobilenet_v2", ""},
    {"efficientnet_lite0", ""},
};
enum { WAYS = sizeof ways / sizeof ways[0], MODES = 4 };

struct bed {
    struct model *model;
    struct program program;
    char words[200];
};

static void open_bed(struct bed *bed, size_t way, int mode)
{
    struct error err = {0};
    *bed = (struct bed){0};
    bed->model = formula_model(ways[way].architecture, SIZE, CLASSES, 8, 0.2);
    ok(model_set_trainable(bed->model, &ways[way].pattern, ways[way].pattern ? 1 : 0, &err), &err);
    ok(program_init(&bed->program, bed->model, true, mode % 2 ? NORM_BATCH : NORM_INFERENCE,
                    mode / 2 ? DTYPE_BF16 : DTYPE_F32, &err),
       &err);
    snprintf(bed->words, sizeof bed->words, "%s, %s, mode %d", ways[way].architecture,
             ways[way].pattern ? ways[way].pattern : "head", mode);
}

static void close_bed(struct bed *bed)
{
    program_release(&bed->program);
    model_free(bed->model);
}

static void each_bed(void (*check)(struct bed *bed))
{
    for (size_t way = 0; way < WAYS; way++)
        for (int mode = 0; mode < MODES; mode++) {
            struct bed bed;
            open_bed(&bed, way, mode);
            check(&bed);
            close_bed(&bed);
        }
}

/* ---- memory ---- */

struct memory {
    const struct bed *bed;
    const struct step_list *list;
    size_t *offsets;
    int *owners; /* of each line of the arena: the buffer that it was last written for; or -1 */
    size_t step;
};

/* What is read still holds what was written for it. */
static void touch(void *arg, int buffer, enum buffer_use use)
{
    struct memory *memory = arg;
    const struct buffer *own = &memory->list->buffers[buffer];
    const size_t first = memory->offsets[buffer] / LINE;
    const size_t lines = ((size_t)own->count * dtype_size(own->dtype) + LINE - 1) / LINE;
    if (memory->step < own->first || memory->step > own->last)
        fail_msg("%s: step %zu uses buffer %d, which is dead", memory->bed->words, memory->step,
                 buffer);
    for (size_t i = first; i < first + lines; i++)
        if (use == BUFFER_WRITE)
            memory->owners[i] = buffer;
        else if (memory->owners[i] != buffer)
            fail_msg("%s: step %zu reads buffer %d, which is %s", memory->bed->words, memory->step,
                     buffer, memory->owners[i] < 0 ? "not written" : "another's by now");
}

static void run_in_memory(const struct bed *bed, const struct step_list *list)
{
    struct error err = {0};
    size_t bytes;
    struct memory memory = {.bed = bed, .list = list};
    memory.offsets = calloc(list->buffer_count, sizeof *memory.offsets);
    ok(arena_place(list->buffers, list->buffer_count, 1, memory.offsets, &bytes, &err), &err);
    memory.owners = malloc(bytes / LINE * sizeof *memory.owners);
    memset(memory.owners, -1, bytes / LINE * sizeof *memory.owners);
    for (; memory.step < list->count; memory.step++)
        program_visit(&bed->program, &list->steps[memory.step], touch, &memory);
    free(memory.owners);
    free(memory.offsets);
}

static void check_memory(struct bed *bed)
{
    run_in_memory(bed, &bed->program.inference);
    run_in_memory(bed, &bed->program.training);
}

static void steps_read_what_earlier_steps_wrote(void **state)
{
    (void)state;
    each_bed(check_memory);
}

/* ---- order ---- */

/* The segment of a node's step of this kind; -1 where it has none. Fails where it has two. */
static int64_t segment_of(const struct bed *bed, enum step_kind kind, int node)
{
    const struct step_list *list = &bed->program.training;
    int64_t found = -1, segment = 0;
    for (size_t s = 0; s < list->count; s++) {
        if (s == list->segments[segment])
            segment++;
        if (list->steps[s].kind != kind || list->steps[s].node != node)
            continue;
        if (found >= 0)
            fail_msg("%s: node %d has two steps of kind %d", bed->words, node, (int)kind);
        found = segment;
    }
    return found;
}

static void check_steps(struct bed *bed)
{
    const struct program *program = &bed->program;
    const struct graph *graph = program->graph;
    const int last = (int)graph->count - 1;
    assert_int_equal(program->training.segments[program->training.segment_count - 1],
                     program->training.count);
    assert_true(segment_of(bed, STEP_LOSS, last) >= 0);
    for (int i = 0; i <= last; i++) {
        const struct program_node *node = &program->nodes[i];
        const int64_t compute = segment_of(bed, STEP_COMPUTE, i);
        const int64_t normalise = segment_of(bed, STEP_NORMALISE, i);
        const int64_t mask = segment_of(bed, STEP_MASK, i);
        const int64_t propagate = segment_of(bed, STEP_PROPAGATE, i);
        if ((compute >= 0) != (i >= (int)program->first))
            fail_msg("%s: node %d is computed although it is of the prefix", bed->words, i);
        assert_int_equal(normalise >= 0, compute >= 0 && program_has_own_norm(program, i));
        assert_int_equal(mask >= 0, node->active);
        assert_true(propagate >= 0 || !node->kernel_trains);
        /* What the images of a batch have in common is joined between segments. */
        if (node->batch_norm && (compute >= normalise || mask >= propagate))
            fail_msg("%s: node %d is used before its join", bed->words, i);
        assert_false(node->folded && (node->kernel_trains || node->norm_trains));
    }
    if (program->norm == NORM_INFERENCE)
        assert_int_equal(program->training.segment_count, 1);
}

static void steps_come_once_and_after_their_joins(void **state)
{
    (void)state;
    each_bed(check_steps);
}

static void check_inference(struct bed *bed)
{
    const struct program *program = &bed->program;
    const struct step_list *list = &program->inference;
    size_t s = 0;
    for (int i = 0; i < (int)program->graph->count; i++) {
        const struct node *node = &program->graph->nodes[i];
        if (node->kind == NODE_DROPOUT) {
            assert_int_equal(program->nodes[i].output, program->nodes[node->input].output);
            continue;
        }
        assert_int_equal(list->steps[s].kind, i == 0 ? STEP_FEED : STEP_FUSED);
        assert_int_equal(list->steps[s++].node, i);
    }
    assert_int_equal(s, list->count);
    assert_int_equal(list->segment_count, 1);
    /* The scores outlive all steps. */
    assert_int_equal(list->buffers[program->nodes[program->graph->count - 1].output].last, s);
}

static void inference_takes_each_node_in_turn(void **state)
{
    (void)state;
    each_bed(check_inference);
}

/* ---- elements ---- */

static void check_elements(struct bed *bed)
{
    const struct program *program = &bed->program;
    const int last = (int)program->graph->count - 1;
    for (int i = 0; i <= last; i++) {
        const struct program_node *node = &program->nodes[i];
        const enum dtype dtype = i == last ? DTYPE_F32 : program->dtype;
        assert_int_equal(node->dtype, dtype);
        assert_int_equal(program->inference.buffers[node->output].dtype, dtype);
        if (node->y >= 0)
            assert_int_equal(program->training.buffers[node->y].dtype, dtype);
        if (node->dy >= 0)
            assert_int_equal(program->training.buffers[node->dy].dtype, program->dtype);
    }
}

static void logits_are_f32_and_gradients_the_network_s(void **state)
{
    (void)state;
    each_bed(check_elements);
}

/* ---- one that is known ---- */

static void program_of_a_frozen_base_is_the_head(void **state)
{
    static const char known[] = "the suffix begins at 'dropout'\n"
                                "training: 11 steps, 1 segments, 7 buffers\n"
                                "  0 compute 'dropout', writes 0, edge 'avg_pool'\n"
                                "  1 compute 'dense', reads 0, writes 1\n"
                                "  2 compute 'dropout_1', reads 1, writes 3\n"
                                "  3 compute 'dense_1', reads 3, writes 5\n"
                                "  4 loss 'dense_1', reads 5, writes 6\n"
                                "  5 mask 'dense_1', updates 6\n"
                                "  6 propagate 'dense_1', reads 3 6, writes 4\n"
                                "  7 mask 'dropout_1', updates 4\n"
                                "  8 propagate 'dropout_1', reads 4, writes 2\n"
                                "  9 mask 'dense', reads 1, updates 2\n"
                                "  10 propagate 'dense', reads 0 2\n"
                                "  buffer 0: 64 f32 [0 to 10]\n"
                                "  buffer 1: 8 f32 [1 to 9]\n"
                                "  buffer 2: 8 f32 [8 to 10]\n"
                                "  buffer 3: 8 f32 [2 to 6]\n"
                                "  buffer 4: 8 f32 [6 to 8]\n"
                                "  buffer 5: 4 f32 [3 to 4]\n"
                                "  buffer 6: 4 f32 [4 to 6]\n";
    struct error err = {0};
    struct bed bed;
    char *text = NULL;
    size_t size = 0;
    (void)state;
    open_bed(&bed, 0, 1);
    FILE *stream = open_memstream(&text, &size);
    ok(program_print(&bed.program, stream, &err), &err);
    fclose(stream);
    const char *head = strstr(text, "the suffix begins at");
    assert_non_null(head);
    assert_string_equal(head, known);
    free(text);
    close_bed(&bed);
}

static void program_that_only_infers_has_no_training(void **state)
{
    struct error err = {0};
    struct program program;
    (void)state;
    struct model *model = formula_model("resnet8", SIZE, CLASSES, 8, 0.2);
    ok(program_init(&program, model, false, NORM_BATCH, DTYPE_F32, &err), &err);
    assert_int_equal(program.training.count, 0);
    assert_int_equal(program.first, 0);
    for (size_t i = 0; i < model->graph.count; i++)
        assert_false(program.nodes[i].edge || program.nodes[i].active);
    program_release(&program);
    program_release(&program);
    model_free(model);
}

static void program_survives_failed_allocations(void **state)
{
    unsigned injected = 0;
    (void)state;
    struct model *model = formula_model("resnet8", SIZE, CLASSES, 8, 0.2);
    for (unsigned after = 1;; after++) {
        struct error err = {0};
        struct program program;
        memory_fail_after(after);
        const int status = program_init(&program, model, true, NORM_BATCH, DTYPE_F32, &err);
        const bool failed = memory_fail_after(0) != 0;
        program_release(&program);
        assert_int_equal(status, failed ? -1 : 0);
        if (!failed)
            break;
        assert_int_equal(err.kind, ERR_MEMORY);
        injected++;
    }
    assert_true(injected >= 10);
    model_free(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_read_what_earlier_steps_wrote),
        cmocka_unit_test(steps_come_once_and_after_their_joins),
        cmocka_unit_test(inference_takes_each_node_in_turn),
        cmocka_unit_test(logits_are_f32_and_gradients_the_network_s),
        cmocka_unit_test(program_of_a_frozen_base_is_the_head),
        cmocka_unit_test(program_that_only_infers_has_no_training),
        cmocka_unit_test(program_survives_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
