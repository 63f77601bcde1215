#define _GNU_SOURCE
#include "CSystem.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// A slot is free (0), being filled or emptied (1), or in use (2): the handler looks at those in use only.
typedef struct {
  atomic_int state;
  uintptr_t start, end;
  char *path;
} slot;

enum { SLOTS = 4096 };
static slot mappings[SLOTS], temporaries[SLOTS];
static int exit_status;
static pid_t owner;

static int add(slot *table, const void *start, size_t count, const char *path) {
  char *copy = strdup(path);
  if (copy == NULL) return -1;
  for (int i = 0; i < SLOTS; i++) {
    int expected = 0;
    if (!atomic_compare_exchange_strong(&table[i].state, &expected, 1)) continue;
    table[i].start = (uintptr_t)start;
    table[i].end = (uintptr_t)start + count;
    table[i].path = copy;
    atomic_store(&table[i].state, 2);
    return i;
  }
  free(copy);
  return -1;
}

static void drop(slot *table, int i) {
  if (i < 0) return;
  atomic_store(&table[i].state, 1);
  free(table[i].path);
  table[i].path = NULL;
  atomic_store(&table[i].state, 0);
}

int ems_mapping_add(const void *start, size_t count, const char *path) { return add(mappings, start, count, path); }
void ems_mapping_remove(int i) { drop(mappings, i); }
int ems_temporary_add(const char *path) { return add(temporaries, NULL, 0, path); }
void ems_temporary_remove(int i) { drop(temporaries, i); }

static void say(const char *text) {
  size_t count = strlen(text);
  // Names are shown as far as they are harmless on a terminal.
  char clean[512];
  size_t used = 0;
  for (size_t i = 0; i < count && used < sizeof clean; i++) {
    unsigned char byte = (unsigned char)text[i];
    clean[used++] = (byte < 0x20 && byte != '\n') || byte == 0x7F ? '?' : (char)byte;
  }
  ssize_t written = write(STDERR_FILENO, clean, used);
  (void)written;
}

static _Noreturn void leave(void) {
  // A child between fork and exec has these names, too, but they are not its own.
  if (getpid() == owner) {
    for (int i = 0; i < SLOTS; i++) {
      if (atomic_load(&temporaries[i].state) == 2) unlink(temporaries[i].path);
    }
  }
  _exit(exit_status);
}

static void lost_page(int number, siginfo_t *info, void *context) {
  (void)number;
  (void)context;
  uintptr_t place = (uintptr_t)info->si_addr;
  const char *path = NULL;
  for (int i = 0; i < SLOTS; i++) {
    if (atomic_load(&mappings[i].state) == 2 && place >= mappings[i].start && place < mappings[i].end) {
      path = mappings[i].path;
    }
  }
  say("ems: error: ");
  say(path ? path : "a mapped file");
  say(": cannot be read any longer: it was cut short while it was in use, or its disk fails; "
      "do not change files while they are read, and run the command again\n");
  leave();
}

static void trapped(int number, siginfo_t *info, void *context) {
  (void)info;
  (void)context;
  // Where Swift gets no memory it traps, and errno is still that of the allocation.
  if (errno == ENOMEM) {
    say("ems: error: memory: there is not enough, or a limit (ulimit -v) is too low; "
        "use fewer --threads or a smaller input, or raise the limit\n");
    leave();
  }
  // Anything else is a fault of the program: it ends as it would have without this handler.
  signal(number, SIG_DFL);
  raise(number);
}

void ems_system_install(int status) {
  exit_status = status;
  owner = getpid();
  struct sigaction action;
  memset(&action, 0, sizeof action);
  sigemptyset(&action.sa_mask);
  action.sa_flags = SA_SIGINFO;
  action.sa_sigaction = lost_page;
  sigaction(SIGBUS, &action, NULL);
  action.sa_sigaction = trapped;
  const int traps[] = {SIGILL, SIGTRAP, SIGABRT};
  for (size_t i = 0; i < sizeof traps / sizeof *traps; i++) sigaction(traps[i], &action, NULL);
}
