/* The out `vega`: a folder of charts as Vega-Lite specifications (version 5), each with its data
 * inside, for notebooks, web pages and editors that draw them:
 *
 *   training_curves.vl.json   accuracy and loss of the phases that there are
 *   confusion_matrix.vl.json  of the test images; of more than FIGURE_ALL_CLASSES classes those
 * that confusion_matrix.png shows classes.vl.json           F1, precision and recall of all
 * classes; the worst are drawn
 *
 * The first is there where a history is, the others where metrics are.
 */
#ifndef STAGES_CURVES_VEGA_H
#define STAGES_CURVES_VEGA_H

#include "curves/curves_content.h"

int curves_vega(const char *folder, const struct curves_content *content, struct error *err);

#endif
