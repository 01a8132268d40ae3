#include "network_fixture.h"

#include "tap.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static void ok(int status, const struct error *err)
{
    if (status)
        fail_msg("%s", err->message);
}

void fixture_open(struct fixture *f, const struct fixture_setup *setup)
{
    struct error err = {0};
    *f = (struct fixture){0};
    f->model = formula_model(setup->architecture, setup->size, FIXTURE_CLASSES, 8, setup->dropout);
    ok(model_set_trainable(f->model, &setup->pattern, setup->pattern != NULL, &err), &err);
    ok(device_open("cpu", setup->threads, &f->device, &err), &err);
    ok(network_new(f->model, f->device, &setup->options, &f->network, &err), &err);
    formula_pictures(&f->pictures, FIXTURE_IMAGES, setup->size, FIXTURE_CLASSES);
    f->pictures.feed.partners = f->pictures.samples;
    f->pictures.feed.partner_count = FIXTURE_IMAGES;
}

void fixture_close(struct fixture *f)
{
    formula_release(&f->pictures);
    network_free(f->network);
    model_free(f->model);
    device_close(f->device);
}

float *fixture_gradients(struct fixture *f, int64_t n, double *loss)
{
    struct error err = {0};
    struct batch_result result;
    size_t count = 0, at = 0;
    float **entries = calloc(f->model->count, sizeof *entries);
    for (size_t p = 0; p < f->model->count; p++)
        count += (size_t)f->model->parameters[p].count;
    float *values = calloc(count, sizeof *values);
    assert_true(entries && values);
    for (size_t p = 0; p < f->model->count; p++) {
        entries[p] = values + at;
        at += (size_t)f->model->parameters[p].count;
    }
    ok(network_gradients(f->network, &f->pictures.feed, f->pictures.samples, n, 0, 3, entries,
                         &result, &err),
       &err);
    if (loss)
        *loss = result.loss / (double)n;
    free(entries);
    return values;
}

/* The loss with parameter `p` moved by h times `direction`. */
static double loss_at(struct fixture *f, size_t p, const float *direction, double h)
{
    struct error err = {0};
    double loss;
    struct parameter *parameter = &f->model->parameters[p];
    size_t bytes = (size_t)parameter->count * sizeof(float);
    float *kept = malloc(bytes);
    assert_non_null(kept);
    memcpy(kept, parameter->value, bytes);
    for (int64_t i = 0; i < parameter->count; i++)
        parameter->value[i] = (float)((double)kept[i] + h * (double)direction[i]);
    ok(network_load(f->network, f->model, &err), &err);
    free(fixture_gradients(f, FIXTURE_IMAGES, &loss));
    memcpy(parameter->value, kept, bytes);
    free(kept);
    return loss;
}

void fixture_gradients_are_derivatives(const struct fixture_setup *setup)
{
    struct fixture f;
    size_t at = 0;
    fixture_open(&f, setup);
    float *gradients = fixture_gradients(&f, FIXTURE_IMAGES, NULL);
    for (size_t p = 0; p < f.model->count; p++) {
        const struct parameter *parameter = &f.model->parameters[p];
        const float *g = gradients + at;
        double norm, weight, probe;
        at += (size_t)parameter->count;
        formula_summary(g, (size_t)parameter->count, &norm, &probe);
        formula_summary(parameter->value, (size_t)parameter->count, &weight, &probe);
        if (!parameter->trainable) {
            assert_true(norm == 0.0);
            continue;
        }
        double h = 5e-4 * (weight + 0.1) / norm;
        double slope = (loss_at(&f, p, g, h) - loss_at(&f, p, g, -h)) / (2 * h);
        if (!(fabs(slope - norm * norm) < 0.03 * norm * norm + 1e-5 * norm / h))
            fail_msg("%s: |g|^2 is %g, the loss grows by %g", parameter->name, norm * norm, slope);
    }
    free(gradients);
    fixture_close(&f);
}
