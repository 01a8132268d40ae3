#include "report/report_defects.h"

#include <string.h>

static const struct known_defect {
    const char *name, *what, *mended, *repeated;
    const char *stage, *param; /* that decide, */
    const char *sound;         /* and the value without the defect */
} known[REPORT_DEFECTS] = {
    {"Pixels scaled twice",
     "Pixels were divided by 255, and then the means of ImageNet, which are meant for pixels of 0 "
     "to "
     "255, were subtracted. All pictures looked alike to the network, and phase 1 stayed at "
     "chance.",
     "Here preprocessing is fed pixels of 0 to 255, and preflight compares what the first batch "
     "norms see with the statistics in the weights.",
     "Repeated here on purpose: preprocessing is fed pixels of 0 to 1 (model.pixel_range).",
     "phase1", "model.pixel_range", "255"},
    {"Batch norms in two modes",
     "Unfrozen batch norms took the statistics of each batch while fitting and the stored ones "
     "while "
     "validating, without being asked: validation accuracy swung.",
     "Here they take the stored statistics in both (train.norm: inference).",
     "Here they do so by choice (train.norm: batch).", "phase2", "train.norm", "inference"},
    {"Grad-CAM past the preprocessing",
     "The network was fed pixels of 0 to 1 to explain it, without the preprocessing that it was "
     "trained with: the maps explained other inputs.",
     "Here it is fed as in training, and must give the recorded probabilities.",
     "Repeated here on purpose (gradcam.preprocess: none).", "gradcam", "gradcam.preprocess",
     "model"},
};

/* A text or a whole number, as the table above has it; false where it is not known. */
static bool is_sound(const struct report_content *content, const struct known_defect *defect,
                     bool *sound)
{
    const json_t *params = report_params(content, defect->stage);
    double number = report_number(params, defect->param);
    struct text value = {0};
    text_add(&value, report_string(params, defect->param));
    if (number == number)
        text_addf(&value, "%.0f", number);
    bool known_value = value.size > 0;
    *sound = strcmp(text_string(&value), defect->sound) == 0;
    text_release(&value);
    return known_value;
}

bool report_has_defects(const struct report_content *content)
{
    struct report_defect ignored;
    return content->published != NULL && report_defect(content, 0, &ignored);
}

bool report_defect(const struct report_content *content, int index, struct report_defect *defect)
{
    const struct known_defect *found = &known[index];
    bool sound;
    if (!is_sound(content, found, &sound))
        return false;
    *defect = (struct report_defect){found->name, found->what,
                                     sound ? found->mended : found->repeated, !sound};
    return true;
}

const char *report_source(const struct report_content *content)
{
    const char *source = report_string(content->published, "source");
    return *source != '\0' ? source : "the published experiment";
}
