/* The digest that pins a folder of one's own: what
 *
 *   (cd FOLDER && find -L . -type f -not -path '*\/.*' -printf '%P\n' |
 *     LC_ALL=C sort | xargs -d '\n' sha256sum) | sha256sum
 *
 * prints (without the backslash): SHA-256 of a line "<hex>  <path>\n" for each file below it, in
 * the order of the paths' bytes. Names that begin with a dot are left out. A name with a backslash
 * or a line break is refused.
 */
#ifndef DATA_FOLDER_DIGEST_H
#define DATA_FOLDER_DIGEST_H

#include "base/digest.h"

int folder_digest(const char *folder, struct digest *digest, struct error *err);

#endif
