#include "plan/name.h"

const char *name_next_step(const char *at, const char *end, struct name_step *step)
{
    *step = (struct name_step){at, 0, *at == '['};
    const char *stop = step->text += step->index;
    while (stop < end && (step->index ? *stop >= '0' && *stop <= '9' : name_character(*stop)))
        stop++;
    step->size = (size_t)(stop - step->text);
    if (step->size == 0 || (step->index && (stop == end || *stop++ != ']')))
        return NULL;
    if (stop < end && *stop == '.')
        return stop + 1 < end && stop[1] != '[' ? stop + 1 : NULL;
    return stop == end || *stop == '[' ? stop : NULL;
}

bool name_is_path(const char *text, size_t size)
{
    const char *end = text + size;
    struct name_step step;
    if (size == 0 || *text == '[')
        return false;
    while (text != NULL && text < end)
        text = name_next_step(text, end, &step);
    return text != NULL;
}
