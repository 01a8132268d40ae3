/* The parameters of a schedule. */
#include "trainer.h"

#include <jansson.h>
#include <stdio.h>

enum { NAME_SIZE = 96 };

static const char *named(char name[NAME_SIZE], const char *map, const char *member)
{
    snprintf(name, NAME_SIZE, "%s.%s", map, member);
    return name;
}

/* Keras refuses a callback that sets the rate beside a schedule that computes it. */
int trainer_read_cosine_decay(struct trainer *trainer, const char *prefix, struct error *err)
{
    struct stage *stage = trainer->stage;
    struct cosine_decay *decay = &trainer->options.cosine_decay;
    const json_t *value = NULL;
    char map[64], name[NAME_SIZE];
    double target = -1;
    snprintf(map, sizeof(map), "%s.cosine_decay", prefix);
    if (stage_map_or_null(stage, map, &value, err) < 0)
        return -1;
    if (value == NULL)
        return 0;
    decay->on = true;
    if (stage_int_or_null(stage, named(name, map, "decay_steps"), 1, INT64_C(1) << 40,
                          &decay->decay_steps, err) < 0 ||
        stage_real_or_null(stage, named(name, map, "alpha"), 0, 1, &decay->alpha, err) < 0 ||
        stage_int_or_null(stage, named(name, map, "warmup_steps"), 0, INT64_C(1) << 40,
                          &decay->warmup_steps, err) < 0 ||
        stage_real_or_null(stage, named(name, map, "warmup_target"), 0, 1000, &target, err) < 0)
        return -1;
    if ((decay->warmup_steps > 0) != (target >= 0))
        return error_set(err, ERR_USAGE,
                         "parameter '%s': warmup_steps and warmup_target are set together: the "
                         "learning rate rises from %s.learning_rate to the target, then decays",
                         map, prefix);
    decay->warmup_target = target;
    if (trainer->options.reduce.patience >= 0)
        return error_set(err, ERR_USAGE,
                         "parameter '%s' gives each step its learning rate: set "
                         "'%s.reduce_learning_rate' to null",
                         map, prefix);
    return 0;
}
