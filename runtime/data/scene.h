/* Draws one generated picture: a silhouette on a textured ground, among blobs
 * that belong to no class, with noise. Colours, ground, place, size and turn
 * are random and say nothing about the class.
 *
 * The bytes depend on the arguments alone: integers, and + - * / on doubles
 * (IEEE 754 rounds them alike everywhere), no mathematical library.
 */
#ifndef DATA_SCENE_H
#define DATA_SCENE_H

#include "data/silhouette.h"

#include <stdint.h>

enum { SCENE_SIDE = 32, SCENE_PIXELS = SCENE_SIDE * SCENE_SIDE };

/* A picture in CIFAR-10's order: plane of red, of green, of blue, row by row. */
struct scene {
    uint8_t planes[3][SCENE_PIXELS];
    uint8_t box[4]; /* of the object: x0, y0, x1, y1, inclusive pixels */
};

/* `stream` and `index` say which picture: it is a pure function of them and of
 * `seed`. */
void scene_draw(const struct silhouette *silhouette, uint32_t seed, uint32_t stream, uint32_t index,
                struct scene *scene);

#endif
