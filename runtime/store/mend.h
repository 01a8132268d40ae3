/* What lies in the store's folder under a name of ours and is of another kind (a folder or a pipe
 * where a file belongs, a file where a folder does) is removed: whatever it is, it is nothing that
 * anybody could use, and it would stand in the way of all that follow. */
#ifndef STORE_MEND_H
#define STORE_MEND_H

void mend_kinds(const char *folder);

#endif
