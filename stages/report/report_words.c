#include "report/report_words.h"

#include "page/page_numbers.h"

#include <math.h>
#include <string.h>

const char *report_headline(const struct report_content *content)
{
    if (isnan(content->target))
        return "Result";
    return content->reached ? "Target reached" : "Target missed";
}

void report_verdict(struct text *text, const struct report_content *content)
{
    const double points = fabs(content->accuracy - content->target);
    const bool bounded = !isnan(content->target);
    const int decimals = page_decimals_apart(content->accuracy, content->target);
    page_percent_with(text, content->accuracy, decimals);
    text_add(text, " of ");
    page_count(text, content->tested);
    text_add(text, " test images are recognised");
    if (!bounded) {
        text_add(text, ".");
        return;
    }
    text_add(text, "; the target is ");
    page_percent_with(text, content->target, decimals);
    text_addf(text,
              content->reached ? ": reached with %.*f points to spare."
                               : ": missed by %.*f points.",
              decimals, 100 * points);
}

void report_heat(struct text *text, const struct report_content *content)
{
    const json_t *params = report_params(content, "gradcam");
    bool jet = strcmp(report_string(params, "gradcam.colormap"), "jet") == 0;
    double alpha = report_number(params, "gradcam.alpha");
    text_addf(
        text,
        "%s marks the places of the last feature map that raised the probability of the class "
        "that the network chose, %s those that did not.",
        jet ? "Red" : "Yellow", jet ? "blue" : "violet");
    if (isfinite(alpha))
        text_addf(text,
                  " The third picture of each is mixed of %.0f%% picture and %.0f%% heat map.",
                  100 * (1 - alpha), 100 * alpha);
}

bool report_boxes(struct text *text, const struct report_content *content)
{
    double inside = report_number(content->gradcam, "boxes.inside");
    double correct = report_number(content->gradcam, "boxes.correct");
    double chance = report_number(content->gradcam, "boxes.chance");
    if (!isfinite(inside) || !isfinite(correct))
        return false;
    text_add(text, "The hottest point lies inside the object\xe2\x80\x99s box in ");
    page_percent(text, report_number(content->gradcam, "boxes.fraction"));
    text_add(text, " of the correctly recognised test images (");
    page_count(text, (int64_t)inside);
    text_add(text, " of ");
    page_count(text, (int64_t)correct);
    text_add(text, ").");
    if (isfinite(chance)) {
        text_add(text, " A point placed at random would hit ");
        page_percent(text, chance);
        text_add(text, ".");
    }
    return true;
}

void report_agreement(struct text *text, const struct report_content *content)
{
    double compared = report_number(content->gradcam, "compared");
    double agreement = report_number(content->gradcam, "agreement");
    bool own = strcmp(report_string(content->gradcam, "preprocess"), "none") != 0;
    text_add(text, own ? "The network was fed as in training and evaluation"
                       : "The network was fed pixels in [0, 1] without its preprocessing, as the "
                         "published notebook did, so these maps explain inputs that it was not "
                         "trained on");
    if (isfinite(agreement)) {
        text_add(text, "; this pass chose the recorded class for ");
        page_percent(text, agreement);
        if (isfinite(compared)) {
            text_add(text, " of ");
            page_count(text, (int64_t)compared);
            text_add(text, " images");
        }
    }
    text_add(text, ".");
}
