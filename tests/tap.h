/* What cmocka wants included before it. Tests print TAP (tests/run asks for it). */
#ifndef TESTS_TAP_H
#define TESTS_TAP_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* cmocka's skip() has no place for a reason; tests/run puts this line behind the test's name. */
#define skip_because(reason) (print_message("# reason: %s\n", reason), skip())

#endif
