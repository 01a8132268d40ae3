#include "nn/cuda/fusion.h"

#include "base/memory.h"

#include <stdlib.h>
#include <string.h>

bool fusion_has(const struct fusion *fusion, enum operand operand)
{
    switch (operand) {
    case OPERAND_X:
    case OPERAND_W:
    case OPERAND_Y: return true;
    case OPERAND_Z: return fusion->keeps_z;
    case OPERAND_SCALE: return fusion->scale;
    case OPERAND_BIAS: return fusion->bias;
    case OPERAND_RESIDUAL: return fusion->residual;
    case OPERAND_MASK: return fusion->mask;
    case OPERAND_END: break;
    }
    return false;
}

const char *operand_name(enum operand operand)
{
    static const char *const names[OPERAND_END] = {
        [OPERAND_X] = "x",
        [OPERAND_W] = "w",
        [OPERAND_Y] = "y",
        [OPERAND_Z] = "z",
        [OPERAND_SCALE] = "scale",
        [OPERAND_BIAS] = "bias",
        [OPERAND_RESIDUAL] = "residual",
        [OPERAND_MASK] = "mask",
    };
    ASSERT(operand >= OPERAND_X && operand < OPERAND_END);
    return names[operand];
}

static const char *types_of(const struct fusion *fusion, char types[FUSION_NAME_SIZE])
{
    if (fusion->x == fusion->w && fusion->w == fusion->y)
        return dtype_name(fusion->x);
    snprintf(types, FUSION_NAME_SIZE, "%s,%s,%s", dtype_name(fusion->x), dtype_name(fusion->w),
             dtype_name(fusion->y));
    return types;
}

const char *fusion_name(const struct fusion *fusion, char name[FUSION_NAME_SIZE])
{
    static const char *const kinds[] = {"forward", "backward-data", "backward-weights"};
    static const char *const activations[] = {"", " relu", " relu6"};
    const struct conv_shape *s = &fusion->shape;
    char types[FUSION_NAME_SIZE], groups[32] = "";
    if (s->groups != 1)
        snprintf(groups, sizeof groups, " groups %lld", (long long)s->groups);
    const int length = snprintf(
        name, FUSION_NAME_SIZE,
        "%s %s %lldx%lldx%lldx%lld %lldx%lldx%lld stride %lld pad %lld,%lld,%lld,%lld%s "
        "%s%s%s%s%s%s%s",
        fusion->inference ? "infer" : "train", kinds[fusion->kind], (long long)s->n,
        (long long)s->h, (long long)s->w, (long long)s->c, (long long)s->k, (long long)s->r,
        (long long)s->s, (long long)s->stride, (long long)s->pad_top, (long long)s->pad_bottom,
        (long long)s->pad_left, (long long)s->pad_right, groups, types_of(fusion, types),
        fusion->scale ? " scale" : "", fusion->bias ? " bias" : "",
        fusion->residual ? " residual" : "", activations[fusion->activation],
        fusion->mask ? " mask" : "", fusion->keeps_z ? " z" : "");
    ASSERT(length < FUSION_NAME_SIZE);
    return name;
}

int64_t fusion_inference_batch(int64_t images, int64_t size)
{
    const int64_t most = 16 * images;
    for (; size <= 112 && images < most; size *= 2)
        images *= 4;
    return images;
}

/* ---- of a node ---- */

int64_t fusion_picture_channels(const struct program *program)
{
    const int64_t channels = program->graph->nodes[0].channels;
    return program->dtype == DTYPE_BF16 && channels < FUSION_PICTURE_CHANNELS
               ? FUSION_PICTURE_CHANNELS
               : channels;
}

/* What all fusions of a node have in common. */
static bool begin(const struct program *program, int index, int64_t n, enum fusion_kind kind,
                  struct fusion *fusion)
{
    const struct graph *graph = program->graph;
    const struct node *node = &graph->nodes[index];
    if (!node_has_conv(node) || node_is_depthwise(graph, index))
        return false;
    *fusion = (struct fusion){
        .kind = kind,
        .shape = node_conv_shape(graph, index, n),
        .x = program->dtype,
        .w = program->dtype,
        .y = program->dtype,
    };
    if (node->input == 0)
        fusion->shape.c = fusion_picture_channels(program);
    return true;
}

bool fusion_of_inference(const struct program *program, int index, int64_t n, bool careful,
                         struct fusion *fusion)
{
    const struct node *node = &program->graph->nodes[index];
    if (!begin(program, index, n, FUSION_FORWARD, fusion))
        return false;
    fusion->inference = true;
    fusion->y = program->nodes[index].dtype;
    fusion->bias = true; /* of the layer, and what folding the norm leaves beside the weights */
    fusion->residual = node->residual >= 0;
    fusion->activation = careful ? ACTIVATION_NONE : node->activation;
    return true;
}

bool fusion_of_observation(const struct program *program, int index, int64_t n,
                           struct fusion *fusion)
{
    if (!begin(program, index, n, FUSION_FORWARD, fusion))
        return false;
    fusion->inference = true;
    fusion->y = program->nodes[index].dtype;
    return true;
}

static bool in_suffix(const struct program *program, int index)
{
    return program->training.count > 0 && index >= (int)program->first;
}

bool fusion_of_forward(const struct program *program, int index, int64_t n, struct fusion *fusion)
{
    const struct node *node = &program->graph->nodes[index];
    const struct program_node *own = &program->nodes[index];
    if (!in_suffix(program, index) || !begin(program, index, n, FUSION_FORWARD, fusion))
        return false;
    fusion->y = own->dtype;
    fusion->bias = node->bias || own->folded;
    fusion->residual = !program_has_own_norm(program, index) && node->residual >= 0;
    return true;
}

/* Gradients are of the program's type, those of f32 logits, too. */
bool fusion_of_backward_data(const struct program *program, int index, int64_t n,
                             struct fusion *fusion)
{
    return in_suffix(program, index) && begin(program, index, n, FUSION_BACKWARD_DATA, fusion) &&
           program->nodes[index].active &&
           program->nodes[program->graph->nodes[index].input].active;
}

bool fusion_of_backward_weights(const struct program *program, int index, int64_t n, enum dtype dw,
                                struct fusion *fusion)
{
    if (!in_suffix(program, index) || !program->nodes[index].kernel_trains ||
        !begin(program, index, n, FUSION_BACKWARD_WEIGHTS, fusion))
        return false;
    if (program->dtype == DTYPE_BF16)
        fusion->w = dw;
    return true;
}

/* ---- lists ---- */

size_t fusion_list_find(const struct fusion_list *list, const struct fusion *fusion)
{
    char name[FUSION_NAME_SIZE], other[FUSION_NAME_SIZE];
    fusion_name(fusion, name);
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(fusion_name(&list->fusions[i], other), name) == 0)
            return i;
    return list->count;
}

static int add(struct fusion_list *list, const struct fusion *fusion, struct error *err)
{
    if (fusion_list_find(list, fusion) < list->count)
        return 0;
    if (memory_grow(&list->fusions, &list->capacity, list->count + 1, sizeof *list->fusions, err))
        return -1;
    list->fusions[list->count++] = *fusion;
    return 0;
}

static int add_inference(struct fusion_list *list, const struct program *program, size_t nodes,
                         int64_t n, bool careful, struct error *err)
{
    struct fusion fusion;
    for (size_t i = 0; i < nodes && n > 0; i++)
        if (fusion_of_inference(program, (int)i, n, careful, &fusion) && add(list, &fusion, err))
            return -1;
    return 0;
}

static int add_training(struct fusion_list *list, const struct program *program, int64_t n,
                        enum dtype dw, struct error *err)
{
    struct fusion fusion;
    for (int i = (int)program->first; i < (int)program->graph->count && n > 0; i++)
        if ((fusion_of_forward(program, i, n, &fusion) && add(list, &fusion, err)) ||
            (fusion_of_backward_data(program, i, n, &fusion) && add(list, &fusion, err)) ||
            (fusion_of_backward_weights(program, i, n, dw, &fusion) && add(list, &fusion, err)))
            return -1;
    return 0;
}

int fusion_list_add(struct fusion_list *list, const struct program *program,
                    const struct fusion_options *options, struct error *err)
{
    const bool careful = options->careful;
    const size_t prefix = program->training.count > 0 ? program->first : 0;
    if (add_inference(list, program, program->graph->count, options->inference_batch, careful,
                      err) ||
        add_inference(list, program, prefix, options->prefix_batch, careful, err) ||
        add_training(list, program, options->batch, options->dw, err))
        return -1;
    return add_training(list, program, options->last_batch, options->dw, err);
}

int fusion_list_observe(struct fusion_list *list, const struct program *program, int64_t n,
                        struct error *err)
{
    struct fusion fusion;
    for (int i = 1; i < (int)program->graph->count; i++)
        if (program->graph->nodes[i].norm[0] && fusion_of_observation(program, i, n, &fusion) &&
            add(list, &fusion, err))
            return -1;
    return 0;
}

void fusion_list_release(struct fusion_list *list)
{
    free(list->fusions);
    *list = (struct fusion_list){0};
}
