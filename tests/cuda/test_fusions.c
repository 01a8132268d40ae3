/* What a card would be asked for, derived from programs: no cuDNN, no card. */
#include "profiles.h"

#include "base/memory.h"
#include "nn/formula.h"

#include <stdlib.h>
#include <string.h>

#include "tap.h"

static void ok(int status, const struct error *err)
{
    if (status)
        fail_msg("%s", err->message);
}

/* A profile in one type of element and one mode of batch norm, with its list. */
struct bed {
    const struct profile *profile;
    struct profiled profiled;
    struct fusion_list list;
};

static void each_bed(void (*check)(struct bed *bed))
{
    for (size_t i = 0; i < profile_count * 4; i++) {
        struct profile profile = profiles[i / 4];
        struct bed bed = {.profile = &profile};
        struct error err = {0};
        profile.norm = i % 2 ? NORM_BATCH : NORM_INFERENCE;
        profiled_init(&bed.profiled, &profile, i / 2 % 2 ? DTYPE_BF16 : DTYPE_F32);
        bed.profiled.options.prefix_batch = 64; /* another than inference's */
        ok(fusion_list_add(&bed.list, &bed.profiled.program, &bed.profiled.options, &err), &err);
        check(&bed);
        fusion_list_release(&bed.list);
        profiled_release(&bed.profiled);
    }
}

static void check_distinct(struct bed *bed)
{
    char name[FUSION_NAME_SIZE];
    assert_true(bed->list.count > 0);
    for (size_t i = 0; i < bed->list.count; i++) {
        const struct fusion *fusion = &bed->list.fusions[i];
        if (fusion_list_find(&bed->list, fusion) != i)
            fail_msg("%s: '%s' is there twice", bed->profile->name, fusion_name(fusion, name));
        if (fusion->shape.groups != 1)
            fail_msg("%s: '%s' is depthwise", bed->profile->name, fusion_name(fusion, name));
    }
}

static void fusions_are_distinct_and_none_is_depthwise(void **state)
{
    (void)state;
    each_bed(check_distinct);
}

static void check_nan(struct bed *bed)
{
    for (size_t i = 0; i < bed->list.count; i++) {
        const struct fusion *fusion = &bed->list.fusions[i];
        assert_true(fusion->inference || fusion->activation == ACTIVATION_NONE);
        assert_false(fusion->mask);
    }
    struct fusion_list careful = {0};
    struct error err = {0};
    bed->profiled.options.careful = true;
    ok(fusion_list_add(&careful, &bed->profiled.program, &bed->profiled.options, &err), &err);
    for (size_t i = 0; i < careful.count; i++)
        assert_int_equal(careful.fusions[i].activation, ACTIVATION_NONE);
    fusion_list_release(&careful);
}

static void fusions_that_train_hide_no_nan_nor_do_careful_ones(void **state)
{
    (void)state;
    each_bed(check_nan);
}

/* ---- against the program's steps ---- */

struct cover {
    struct bed *bed;
    bool *used; /* [list.count] */
};

/* The list has it, with the node's own numbers. */
static void expect(struct cover *cover, int index, bool there, const struct fusion *fusion,
                   enum fusion_kind kind, int64_t n)
{
    const struct graph *graph = cover->bed->profiled.program.graph;
    const struct node *node = &graph->nodes[index], *input = &graph->nodes[node->input];
    const char *words = cover->bed->profile->name;
    if (!there)
        fail_msg("%s: '%s' has no fusion of kind %d", words, node->name, (int)kind);
    const struct conv_shape *s = &fusion->shape;
    assert_int_equal(fusion->kind, kind);
    assert_int_equal(s->n, n);
    assert_int_equal(s->h, input->height);
    assert_int_equal(s->w, input->width);
    assert_int_equal(s->k, node->channels);
    assert_int_equal(conv_out_height(s), node->height);
    assert_int_equal(conv_out_width(s), node->width);
    const size_t at = fusion_list_find(&cover->bed->list, fusion);
    if (at == cover->bed->list.count)
        fail_msg("%s: the list has no fusion of kind %d for '%s'", words, (int)kind, node->name);
    cover->used[at] = true;
}

/* What cuDNN does of this program: by the graph alone. */
static bool is_ours(const struct bed *bed, int index)
{
    const struct node *node = &bed->profiled.program.graph->nodes[index];
    return (node->kind == NODE_CONV && node->groups == 1) || node->kind == NODE_DENSE;
}

static void cover_inference(struct cover *cover, int64_t n, size_t nodes)
{
    const struct program *program = &cover->bed->profiled.program;
    for (size_t s = 0; s < program->inference.count; s++) {
        const int index = program->inference.steps[s].node;
        struct fusion fusion;
        if ((size_t)index >= nodes)
            break;
        const bool there = fusion_of_inference(program, index, n, false, &fusion);
        if (!is_ours(cover->bed, index)) {
            assert_false(there);
            continue;
        }
        const struct node *node = &program->graph->nodes[index];
        expect(cover, index, there, &fusion, FUSION_FORWARD, n);
        assert_true(fusion.inference && fusion.bias);
        assert_int_equal(fusion.residual, node->residual >= 0);
        assert_int_equal(fusion.activation, node->activation);
        assert_int_equal(fusion.y, program->nodes[index].dtype);
    }
}

static void cover_propagate(struct cover *cover, int64_t n, int index)
{
    const struct program *program = &cover->bed->profiled.program;
    const struct node *node = &program->graph->nodes[index];
    struct fusion fusion;
    bool there = fusion_of_backward_weights(program, index, n, DTYPE_F32, &fusion);
    assert_int_equal(there, is_ours(cover->bed, index) && program->nodes[index].kernel_trains);
    if (there) {
        expect(cover, index, there, &fusion, FUSION_BACKWARD_WEIGHTS, n);
        assert_int_equal(fusion.w, DTYPE_F32);
        assert_int_equal(fusion.y, program->dtype);
    }
    there = fusion_of_backward_data(program, index, n, &fusion);
    assert_int_equal(there, is_ours(cover->bed, index) && program->nodes[node->input].active);
    if (there) {
        expect(cover, index, there, &fusion, FUSION_BACKWARD_DATA, n);
        assert_int_equal(fusion.x, program->dtype);
        assert_int_equal(fusion.y, program->dtype);
    }
}

static void cover_training(struct cover *cover, int64_t n)
{
    const struct program *program = &cover->bed->profiled.program;
    for (size_t s = 0; s < program->training.count && n > 0; s++) {
        const int index = program->training.steps[s].node;
        struct fusion fusion;
        if (program->training.steps[s].kind == STEP_PROPAGATE)
            cover_propagate(cover, n, index);
        if (program->training.steps[s].kind != STEP_COMPUTE)
            continue;
        const bool there = fusion_of_forward(program, index, n, &fusion);
        assert_int_equal(there, is_ours(cover->bed, index));
        if (!there)
            continue;
        expect(cover, index, there, &fusion, FUSION_FORWARD, n);
        assert_false(fusion.inference);
        const struct node *node = &program->graph->nodes[index];
        const bool own_norm = program_has_own_norm(program, index);
        assert_int_equal(fusion.bias, node->bias || program->nodes[index].folded);
        assert_int_equal(fusion.residual, node->residual >= 0 && !own_norm);
    }
}

static void check_cover(struct bed *bed)
{
    const struct program *program = &bed->profiled.program;
    struct cover cover = {bed, calloc(bed->list.count, 1)};
    char name[FUSION_NAME_SIZE];
    assert_non_null(cover.used);
    cover_inference(&cover, bed->profiled.options.inference_batch, program->graph->count);
    cover_inference(&cover, bed->profiled.options.prefix_batch, program->first);
    cover_training(&cover, bed->profiled.options.batch);
    cover_training(&cover, bed->profiled.options.last_batch);
    for (size_t i = 0; i < bed->list.count; i++)
        if (!cover.used[i])
            fail_msg("%s: no step needs '%s'", bed->profile->name,
                     fusion_name(&bed->list.fusions[i], name));
    free(cover.used);
}

static void fusions_are_what_the_program_s_steps_need(void **state)
{
    (void)state;
    each_bed(check_cover);
}

static void pictures_have_a_fourth_channel_in_bf16_alone(void **state)
{
    (void)state;
    for (int dtype = DTYPE_F32; dtype <= DTYPE_BF16; dtype++) {
        struct profiled profiled;
        struct fusion fusion;
        profiled_init(&profiled, &profiles[0], (enum dtype)dtype);
        for (int i = 1; i < 4; i++) {
            const struct node *node = &profiled.program.graph->nodes[i];
            assert_true(fusion_of_inference(&profiled.program, i, 1, false, &fusion));
            if (node->input == 0)
                assert_int_equal(fusion.shape.c, dtype == DTYPE_BF16 ? 4 : 3);
            else
                assert_int_equal(fusion.shape.c,
                                 profiled.program.graph->nodes[node->input].channels);
        }
        profiled_release(&profiled);
    }
}

/* ---- names ---- */

static void names_differ_where_fusions_do(void **state)
{
    const struct fusion base = {.shape = {8, 7, 7, 16, 16, 3, 3, 1, 1, 1, 1, 1, 1}};
    struct fusion others[32];
    size_t count = 0;
    (void)state;
#define WITH(member, value) others[count] = base, others[count++].member = (value)
    others[count++] = base;
    WITH(kind, FUSION_BACKWARD_DATA);
    WITH(kind, FUSION_BACKWARD_WEIGHTS);
    WITH(inference, true);
    WITH(shape.n, 9);
    WITH(shape.h, 9);
    WITH(shape.w, 9);
    WITH(shape.c, 9);
    WITH(shape.k, 9);
    WITH(shape.r, 9);
    WITH(shape.s, 9);
    WITH(shape.stride, 9);
    WITH(shape.pad_top, 9);
    WITH(shape.pad_bottom, 9);
    WITH(shape.pad_left, 9);
    WITH(shape.pad_right, 9);
    WITH(shape.groups, 9);
    WITH(x, DTYPE_BF16);
    WITH(w, DTYPE_BF16);
    WITH(y, DTYPE_BF16);
    WITH(scale, true);
    WITH(bias, true);
    WITH(residual, true);
    WITH(activation, ACTIVATION_RELU);
    WITH(activation, ACTIVATION_RELU6);
    WITH(mask, true);
    WITH(keeps_z, true);
#undef WITH
    const struct fusion_list list = {others, count, count};
    for (size_t i = 0; i < count; i++)
        assert_int_equal(fusion_list_find(&list, &others[i]), i);
}

/* ---- one that is known ---- */

static void fusions_of_a_small_network_are_known(void **state)
{
    static const char *const known[] = {
        "infer forward 2048x32x32x4 16x3x3 stride 1 pad 1,1,1,1 bf16 bias relu",
        "infer forward 2048x32x32x16 16x3x3 stride 1 pad 1,1,1,1 bf16 bias relu",
        "infer forward 2048x32x32x16 16x3x3 stride 1 pad 1,1,1,1 bf16 bias residual relu",
        "infer forward 2048x32x32x16 32x1x1 stride 2 pad 0,0,0,0 bf16 bias",
        "infer forward 2048x32x32x16 32x3x3 stride 2 pad 1,1,1,1 bf16 bias relu",
        "infer forward 2048x16x16x32 32x3x3 stride 1 pad 1,1,1,1 bf16 bias residual relu",
        "infer forward 2048x16x16x32 64x1x1 stride 2 pad 0,0,0,0 bf16 bias",
        "infer forward 2048x16x16x32 64x3x3 stride 2 pad 1,1,1,1 bf16 bias relu",
        "infer forward 2048x8x8x64 64x3x3 stride 1 pad 1,1,1,1 bf16 bias residual relu",
        "infer forward 2048x1x1x64 64x1x1 stride 1 pad 0,0,0,0 bf16 bias relu",
        "infer forward 2048x1x1x64 10x1x1 stride 1 pad 0,0,0,0 bf16,bf16,f32 bias",
        "train forward 32x32x32x16 32x1x1 stride 2 pad 0,0,0,0 bf16",
        "train backward-weights 32x32x32x16 32x1x1 stride 2 pad 0,0,0,0 bf16,f32,bf16",
        "train forward 32x32x32x16 32x3x3 stride 2 pad 1,1,1,1 bf16",
        "train backward-weights 32x32x32x16 32x3x3 stride 2 pad 1,1,1,1 bf16,f32,bf16",
        "train forward 32x16x16x32 32x3x3 stride 1 pad 1,1,1,1 bf16",
        "train backward-data 32x16x16x32 32x3x3 stride 1 pad 1,1,1,1 bf16",
        "train backward-weights 32x16x16x32 32x3x3 stride 1 pad 1,1,1,1 bf16,f32,bf16",
        "train forward 32x16x16x32 64x1x1 stride 2 pad 0,0,0,0 bf16",
        "train backward-data 32x16x16x32 64x1x1 stride 2 pad 0,0,0,0 bf16",
        "train backward-weights 32x16x16x32 64x1x1 stride 2 pad 0,0,0,0 bf16,f32,bf16",
        "train forward 32x16x16x32 64x3x3 stride 2 pad 1,1,1,1 bf16",
        "train backward-data 32x16x16x32 64x3x3 stride 2 pad 1,1,1,1 bf16",
        "train backward-weights 32x16x16x32 64x3x3 stride 2 pad 1,1,1,1 bf16,f32,bf16",
        "train forward 32x8x8x64 64x3x3 stride 1 pad 1,1,1,1 bf16",
        "train backward-data 32x8x8x64 64x3x3 stride 1 pad 1,1,1,1 bf16",
        "train backward-weights 32x8x8x64 64x3x3 stride 1 pad 1,1,1,1 bf16,f32,bf16",
        "train forward 32x1x1x64 64x1x1 stride 1 pad 0,0,0,0 bf16 bias",
        "train backward-data 32x1x1x64 64x1x1 stride 1 pad 0,0,0,0 bf16",
        "train backward-weights 32x1x1x64 64x1x1 stride 1 pad 0,0,0,0 bf16,f32,bf16",
        "train forward 32x1x1x64 10x1x1 stride 1 pad 0,0,0,0 bf16,bf16,f32 bias",
        "train backward-data 32x1x1x64 10x1x1 stride 1 pad 0,0,0,0 bf16",
        "train backward-weights 32x1x1x64 10x1x1 stride 1 pad 0,0,0,0 bf16,f32,bf16",
    };
    const struct profile *profile = &profiles[2];
    struct profiled profiled;
    struct fusion_list list = {0};
    struct error err = {0};
    char name[FUSION_NAME_SIZE];
    (void)state;
    profiled_init(&profiled, profile, DTYPE_BF16);
    ok(fusion_list_add(&list, &profiled.program, &profiled.options, &err), &err);
    for (size_t i = 0; i < list.count && i < sizeof known / sizeof known[0]; i++)
        assert_string_equal(fusion_name(&list.fusions[i], name), known[i]);
    assert_int_equal(list.count, sizeof known / sizeof known[0]);
    fusion_list_release(&list);
    profiled_release(&profiled);
}

static void lists_survive_failed_allocations(void **state)
{
    struct profiled profiled;
    unsigned injected = 0;
    (void)state;
    profiled_init(&profiled, &profiles[0], DTYPE_BF16);
    for (unsigned after = 1;; after++) {
        struct fusion_list list = {0};
        struct error err = {0};
        memory_fail_after(after);
        const int status = fusion_list_add(&list, &profiled.program, &profiled.options, &err);
        const bool failed = memory_fail_after(0) != 0;
        fusion_list_release(&list);
        assert_int_equal(status, failed ? -1 : 0);
        if (!failed)
            break;
        assert_int_equal(err.kind, ERR_MEMORY);
        injected++;
    }
    assert_true(injected >= 2);
    profiled_release(&profiled);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fusions_are_distinct_and_none_is_depthwise),
        cmocka_unit_test(fusions_that_train_hide_no_nan_nor_do_careful_ones),
        cmocka_unit_test(fusions_are_what_the_program_s_steps_need),
        cmocka_unit_test(pictures_have_a_fourth_channel_in_bf16_alone),
        cmocka_unit_test(names_differ_where_fusions_do),
        cmocka_unit_test(fusions_of_a_small_network_are_known),
        cmocka_unit_test(lists_survive_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
