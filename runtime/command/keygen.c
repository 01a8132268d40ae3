/* reprise keygen FILE: a new key to sign with, and FILE.pub to verify with. */
#include "command/commands.h"
#include "command/print.h"
#include "provenance/signing_key.h"

int command_keygen(const struct options *options, struct error *err)
{
    enum signing_kind kind = SIGNING_P256;
    struct text line = {0};
    const char *path = options->words[0];
    if (options->kind != NULL && signing_kind_of(options->kind, &kind, err) < 0)
        return -1;
    if (signing_key_generate(kind, path, err) < 0)
        return -1;
    text_addf(&line, "%s: keep it, it signs; %s.pub: give it to those who verify\n", path, path);
    return print_text(&line, err);
}
