#include "provenance/times.h"

#include "base/json.h"

#include <time.h>

json_t *times_after(const char *started, double seconds)
{
    char text[32];
    struct tm utc = {0};
    if (strptime(started, "%Y-%m-%dT%H:%M:%SZ", &utc) == NULL)
        return json_clean(started);
    time_t end = timegm(&utc) + (time_t)(seconds + 0.5);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&end, &utc));
    return json_string(text);
}

json_t *times_end(const struct action *action)
{
    return times_after(action->started, action->seconds);
}
