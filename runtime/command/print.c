#include "command/print.h"

#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>

int print_json(const json_t *value, struct error *err)
{
    if (value == NULL)
        return error_set(err, ERR_MEMORY, "out of memory for the result");
    char *text = json_to_text(value, false, err);
    if (text == NULL)
        return -1;
    puts(text);
    free(text);
    return 0;
}
