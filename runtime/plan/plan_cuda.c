#include "plan/plan_cuda.h"

#include "base/file.h"
#include "base/memory.h"
#include "plan/suggest.h"

#include <string.h>

static int check_keys(const struct yaml_node *cuda, struct error *err)
{
    static const char *const keys[] = {"cudnn"};
    char buffer[SUGGEST_SIZE];
    for (size_t i = 0; i < cuda->count; i++) {
        const struct yaml_node *key = cuda->pairs[i].key;
        if (strcmp(key->text, keys[0]) != 0)
            return yaml_error(err, key->place, "'cuda': unknown key '%s'%s", key->text,
                              suggest_word(buffer, key->text, keys, 1));
    }
    return 0;
}

int plan_cuda_read(const struct yaml_node *root, struct plan *plan, struct error *err)
{
    char buffer[64], name[4096];
    const struct yaml_node *cuda = yaml_get(root, "cuda");
    if (cuda == NULL || cuda->kind == YAML_KIND_NULL)
        return 0;
    if (cuda->kind != YAML_KIND_MAP)
        return yaml_error(err, cuda->place, "'cuda' must be a map, not %s",
                          yaml_describe(cuda, buffer, sizeof(buffer)));
    if (check_keys(cuda, err) < 0)
        return -1;
    const struct yaml_node *cudnn = yaml_get(cuda, "cudnn");
    if (cudnn == NULL || cudnn->kind == YAML_KIND_NULL)
        return 0;
    if (!yaml_is_scalar(cudnn) || cudnn->text[0] == '\0')
        return yaml_error(err, cudnn->place,
                          "'cuda.cudnn' must be a folder, the one that has libcudnn.so.9, not %s",
                          yaml_describe(cudnn, buffer, sizeof(buffer)));
    plan->cudnn = cudnn->text[0] == '/' ? memory_copy_text(cudnn->text, err)
                                        : file_join(plan->folder, cudnn->text, err);
    if (plan->cudnn == NULL)
        return -1;
    snprintf(name, sizeof(name), "%.4000s/libcudnn.so.9", plan->cudnn);
    if (file_exists(name))
        return 0;
    return yaml_error(err, cudnn->place, "'cuda.cudnn': there is no libcudnn.so.9 in '%s'",
                      plan->cudnn);
}
