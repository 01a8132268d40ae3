/* What FreeType's headers need of the C library. Their own file of this kind names functions that
 * are banned here; to give another one is FreeType's documented way (FT_CONFIG_STANDARD_LIBRARY_H).
 */
#ifndef FIGURE_FREETYPE_LIMITS_H
#define FIGURE_FREETYPE_LIMITS_H

#include <limits.h>
#include <stddef.h>

#define ft_ptrdiff_t ptrdiff_t
#define FT_CHAR_BIT CHAR_BIT
#define FT_USHORT_MAX USHRT_MAX
#define FT_INT_MAX INT_MAX
#define FT_INT_MIN INT_MIN
#define FT_UINT_MAX UINT_MAX
#define FT_LONG_MIN LONG_MIN
#define FT_LONG_MAX LONG_MAX
#define FT_ULONG_MAX ULONG_MAX

#endif
