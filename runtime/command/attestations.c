#include "command/attestations.h"

#include "base/text.h"

char *attestations_path(const struct options *options, const struct lock_section *section,
                        const char *stage, const char *out, struct error *err)
{
    struct text path = {0};
    text_addf(&path, "%s/%s/%s%s%s",
              options->attestations != NULL ? options->attestations : "attestations",
              section->profile[0] != '\0' ? section->profile : "(none)", stage,
              out != NULL ? "." : ".intoto.jsonl", out != NULL ? out : "");
    if (out != NULL)
        text_add(&path, ".sig");
    if (text_check(&path, err) == 0)
        return path.data;
    text_release(&path);
    return NULL;
}
