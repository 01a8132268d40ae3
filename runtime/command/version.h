#ifndef COMMAND_VERSION_H
#define COMMAND_VERSION_H

/* "1.2.3"; main.c. */
extern const char reprise_version[];

#endif
