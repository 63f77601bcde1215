// What must be said and done from inside a signal handler, where only C that allocates nothing may run.
#pragma once
#include <stddef.h>

// Installs the handlers: for pages of a mapped file that cannot be had, because the file was cut short or its disk fails
// (SIGBUS), and for memory that cannot be had (where Swift traps). Both say so on standard error, remove the temporary files
// that are named here, and end the process with `status`.
void ems_system_install(int status);

// Says that a file is mapped at a place. The path is copied. Returns a number for `ems_mapping_remove`, -1 if the table is
// full: then the message has no name.
int ems_mapping_add(const void *start, size_t count, const char *path);
void ems_mapping_remove(int slot);

// Says that a temporary file is to be removed should the process end in a handler. Likewise.
int ems_temporary_add(const char *path);
void ems_temporary_remove(int slot);
