#include "plan/secret_url.h"

#include "base/url.h"

int secret_url_refuse(const struct yaml_node *node, struct error *err)
{
    if (!node->url)
        return 0;
    if (node->kind == YAML_KIND_TEXT && url_has_secret(node->text))
        return yaml_error(err, node->place,
                          "a URL with a user, a password or a token: what stands here is recorded "
                          "and shown; credentials belong in ~/.netrc");
    for (size_t i = 0; node->kind == YAML_KIND_LIST && i < node->count; i++)
        if (secret_url_refuse(node->items[i], err) < 0)
            return -1;
    for (size_t i = 0; node->kind == YAML_KIND_MAP && i < node->count; i++)
        if (secret_url_refuse(node->pairs[i].key, err) < 0 ||
            secret_url_refuse(node->pairs[i].value, err) < 0)
            return -1;
    return 0;
}
