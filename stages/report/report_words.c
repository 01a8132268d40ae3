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
    double points = 100 * (content->accuracy - content->target);
    page_percent(text, content->accuracy);
    text_add(text, " of ");
    page_count(text, content->tested);
    text_add(text, " test images are recognised");
    if (isnan(content->target)) {
        text_add(text, ".");
        return;
    }
    text_add(text, "; the target is ");
    page_percent(text, content->target);
    if (content->reached)
        text_addf(text, ": reached with %.2f points to spare.", fabs(points));
    else
        text_addf(text, ": missed by %.2f points.", fabs(points));
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
