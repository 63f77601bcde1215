// A preloaded library that lets the Nth call of a process on files below a folder fail: what a full disk, a failing one and a
// signal at the wrong moment do. It stands before everything that the process is made of, so that calls of Faiss, SentencePiece,
// libarchive, libcurl and Foundation fail as well as those of ems itself, and costs a build without it nothing.
//
//   EMS_FAULT_ROOT   calls on files below this folder count (and on those opened there)
//   EMS_FAULT_AT     the number of the call that fails, from 1; 0 for none
//   EMS_FAULT_KIND   ENOSPC, EIO, EINTR (a call that may be repeated fails once) or SHORT (a write takes one byte)
//   EMS_FAULT_LOG    where the number of calls goes when the process ends
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { FILES = 65536, OPEN, WRITE, SYNC, RENAME, CLOSE, MAP, FOLDER, LENGTH, READ };

static _Atomic unsigned char counted[FILES];
static atomic_long calls;
static long at;
static int fault, is_short;
static char root[4096], record[4096];
static size_t root_size;
static int ready;

static void finish(void) {
  if (!*record) return;
  int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
  int file = real(record, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  char text[32];
  int count = snprintf(text, sizeof text, "%ld\n", atomic_load(&calls));
  ssize_t (*put)(int, const void *, size_t) = dlsym(RTLD_NEXT, "write");
  if (file >= 0) put(file, text, (size_t)count);
}

__attribute__((constructor)) static void begin(void) {
  const char *text = getenv("EMS_FAULT_ROOT");
  if (!text) return;
  snprintf(root, sizeof root, "%s", text);
  root_size = strlen(root);
  if ((text = getenv("EMS_FAULT_LOG"))) snprintf(record, sizeof record, "%s", text);
  at = (text = getenv("EMS_FAULT_AT")) ? atol(text) : 0;
  const char *kind = getenv("EMS_FAULT_KIND");
  if (!kind) kind = "EIO";
  fault = !strcmp(kind, "ENOSPC") ? ENOSPC : !strcmp(kind, "EINTR") ? EINTR : EIO;
  is_short = !strcmp(kind, "SHORT");
  ready = 1;
}

static int below(const char *path) { return ready && path && !strncmp(path, root, root_size); }
static int known(int file) { return ready && file >= 0 && file < FILES && counted[file]; }

// Whether this call is the one. What a kind cannot happen to passes, but counts.
static int fails(int call) {
  long number = atomic_fetch_add(&calls, 1) + 1;
  if (at == 0 || number != at) return 0;
  if (is_short) return call == WRITE ? 2 : 0;
  if (fault == ENOSPC && (call == CLOSE || call == MAP || call == READ)) return 0;
  if (fault == EINTR && (call == RENAME || call == MAP || call == FOLDER || call == CLOSE)) return 0;
  errno = fault;
  return 1;
}

#define REAL(type, name, ...) \
  static type (*real)(__VA_ARGS__); \
  if (!real) real = dlsym(RTLD_NEXT, name)

static int mode_of(int flags, va_list list) { return flags & (O_CREAT | O_TMPFILE) ? va_arg(list, int) : 0; }

#define OPENER(name) \
  int name(const char *path, int flags, ...) { \
    REAL(int, #name, const char *, int, ...); \
    va_list list; \
    va_start(list, flags); \
    int mode = mode_of(flags, list); \
    va_end(list); \
    int mine = below(path); \
    if (mine && fails(OPEN)) return -1; \
    int file = real(path, flags, mode); \
    if (file >= 0 && file < FILES) counted[file] = mine; \
    return file; \
  }
OPENER(open)
OPENER(open64)
#define OPENER_AT(name) \
  int name(int folder, const char *path, int flags, ...) { \
    REAL(int, #name, int, const char *, int, ...); \
    va_list list; \
    va_start(list, flags); \
    int mode = mode_of(flags, list); \
    va_end(list); \
    int mine = below(path) || (*path != '/' && known(folder)); \
    if (mine && fails(OPEN)) return -1; \
    int file = real(folder, path, flags, mode); \
    if (file >= 0 && file < FILES) counted[file] = mine; \
    return file; \
  }
OPENER_AT(openat)
OPENER_AT(openat64)

#define STREAM(name) \
  FILE *name(const char *path, const char *mode) { \
    REAL(FILE *, #name, const char *, const char *); \
    int mine = below(path); \
    if (mine && fails(OPEN)) return NULL; \
    FILE *stream = real(path, mode); \
    if (stream && mine && fileno(stream) < FILES) counted[fileno(stream)] = 1; \
    return stream; \
  }
STREAM(fopen)
STREAM(fopen64)
int fclose(FILE *stream) {
  REAL(int, "fclose", FILE *);
  int file = fileno(stream), mine = known(file);
  if (mine) counted[file] = 0;
  int bad = mine && fails(CLOSE);
  int result = real(stream);
  if (bad) errno = fault;
  return bad ? EOF : result;
}
size_t fwrite(const void *bytes, size_t size, size_t count, FILE *stream) {
  REAL(size_t, "fwrite", const void *, size_t, size_t, FILE *);
  if (known(fileno(stream)) && fails(WRITE)) return 0;
  return real(bytes, size, count, stream);
}

ssize_t write(int file, const void *bytes, size_t count) {
  REAL(ssize_t, "write", int, const void *, size_t);
  int how = known(file) ? fails(WRITE) : 0;
  return how == 1 ? -1 : real(file, bytes, how == 2 && count > 1 ? 1 : count);
}
ssize_t writev(int file, const struct iovec *parts, int count) {
  REAL(ssize_t, "writev", int, const struct iovec *, int);
  return known(file) && fails(WRITE) == 1 ? -1 : real(file, parts, count);
}
#define PUT(name, offset_t) \
  ssize_t name(int file, const void *bytes, size_t count, offset_t offset) { \
    REAL(ssize_t, #name, int, const void *, size_t, offset_t); \
    int how = known(file) ? fails(WRITE) : 0; \
    return how == 1 ? -1 : real(file, bytes, how == 2 && count > 1 ? 1 : count, offset); \
  }
PUT(pwrite, off_t)
PUT(pwrite64, off64_t)

ssize_t read(int file, void *bytes, size_t count) {
  REAL(ssize_t, "read", int, void *, size_t);
  return known(file) && fails(READ) == 1 ? -1 : real(file, bytes, count);
}
#define GET(name, offset_t) \
  ssize_t name(int file, void *bytes, size_t count, offset_t offset) { \
    REAL(ssize_t, #name, int, void *, size_t, offset_t); \
    return known(file) && fails(READ) == 1 ? -1 : real(file, bytes, count, offset); \
  }
GET(pread, off_t)
GET(pread64, off64_t)

#define SYNCER(name) \
  int name(int file) { \
    REAL(int, #name, int); \
    return known(file) && fails(SYNC) == 1 ? -1 : real(file); \
  }
SYNCER(fsync)
SYNCER(fdatasync)
#define CUTTER(name, offset_t) \
  int name(int file, offset_t size) { \
    REAL(int, #name, int, offset_t); \
    return known(file) && fails(LENGTH) == 1 ? -1 : real(file, size); \
  }
CUTTER(ftruncate, off_t)
CUTTER(ftruncate64, off64_t)

// A close that fails has closed the file all the same.
int close(int file) {
  REAL(int, "close", int);
  int mine = known(file);
  if (mine) counted[file] = 0;
  int bad = mine && fails(CLOSE) == 1;
  int result = real(file);
  if (bad) errno = fault;
  return bad ? -1 : result;
}

int rename(const char *old, const char *new) {
  REAL(int, "rename", const char *, const char *);
  return below(new) && fails(RENAME) == 1 ? -1 : real(old, new);
}
int renameat(int a, const char *old, int b, const char *new) {
  REAL(int, "renameat", int, const char *, int, const char *);
  return (below(new) || known(b)) && fails(RENAME) == 1 ? -1 : real(a, old, b, new);
}
int renameat2(int a, const char *old, int b, const char *new, unsigned flags) {
  REAL(int, "renameat2", int, const char *, int, const char *, unsigned);
  return (below(new) || known(b)) && fails(RENAME) == 1 ? -1 : real(a, old, b, new, flags);
}
int mkdir(const char *path, mode_t mode) {
  REAL(int, "mkdir", const char *, mode_t);
  return below(path) && fails(FOLDER) == 1 ? -1 : real(path, mode);
}
int mkdirat(int folder, const char *path, mode_t mode) {
  REAL(int, "mkdirat", int, const char *, mode_t);
  return (below(path) || known(folder)) && fails(FOLDER) == 1 ? -1 : real(folder, path, mode);
}
#define MAPPER(name, offset_t) \
  void *name(void *place, size_t size, int protection, int flags, int file, offset_t offset) { \
    REAL(void *, #name, void *, size_t, int, int, int, offset_t); \
    if (!(flags & MAP_ANONYMOUS) && known(file) && fails(MAP) == 1) return MAP_FAILED; \
    return real(place, size, protection, flags, file, offset); \
  }
MAPPER(mmap, off_t)
MAPPER(mmap64, off64_t)

// ems leaves by _exit, which no destructor hears of.
void _exit(int status) {
  void (*real)(int) = dlsym(RTLD_NEXT, "_exit");
  finish();
  real(status);
  __builtin_unreachable();
}
