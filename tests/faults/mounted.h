/* File systems of a campaign's own, in a mount namespace of its own: nothing stays mounted,
 * whatever happens. */
#ifndef TESTS_FAULTS_MOUNTED_H
#define TESTS_FAULTS_MOUNTED_H

#include <stdbool.h>

/* False with the reason where this user may not. Without root a user namespace is tried, in which a
 * tmpfs can be mounted. */
bool mounted_begin(const char **reason);
bool mounted_tmpfs(const char *folder, long size_kib);
void mounted_grow(const char *folder, long size_kib);
void mounted_release(const char *folder);
/* The file system of an image, by a loop device that goes with it. */
bool mounted_image(const char *image, const char *folder);

#endif
