#include "CMPI.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// What mpi.h of Open MPI would say, for all versions whose library is libmpi.so.40 (3, 4 and 5): handles are addresses of
// objects in the library. Tests/MPI/abi.c compares these lines with mpi.h where that is installed.
typedef void *handle;
enum { thread_funneled = 1 };

static struct {
  void *library;
  handle world, floats, errors_return, request;
  int (*Init_thread)(int *, char ***, int, int *);
  int (*Comm_rank)(handle, int *);
  int (*Comm_size)(handle, int *);
  int (*Comm_set_errhandler)(handle, handle);
  int (*Ialltoallv)(const void *, const int *, const int *, handle, void *, const int *, const int *, handle, handle,
                    handle *);
  int (*Test)(handle *, int *, void *);
  int (*Error_string)(int, char *, int *);
  int (*Finalize)(void);
  int (*Abort)(handle, int);
} mpi;

static char problem[1024];

const char *ems_mpi_load(const char *library) {
  if (mpi.library) return NULL;
  // The library's own plug-ins look for its names among the global ones.
  void *found = dlopen(library ? library : "libmpi.so.40", RTLD_NOW | RTLD_GLOBAL);
  if (!found) {
    snprintf(problem, sizeof problem, "%s", dlerror());
    return problem;
  }
  const struct {
    const char *name;
    void **place;
  } names[] = {
      {"ompi_mpi_comm_world", (void **)&mpi.world},
      {"ompi_mpi_float", (void **)&mpi.floats},
      {"ompi_mpi_errors_return", (void **)&mpi.errors_return},
      {"MPI_Init_thread", (void **)&mpi.Init_thread},
      {"MPI_Comm_rank", (void **)&mpi.Comm_rank},
      {"MPI_Comm_size", (void **)&mpi.Comm_size},
      {"MPI_Comm_set_errhandler", (void **)&mpi.Comm_set_errhandler},
      {"MPI_Ialltoallv", (void **)&mpi.Ialltoallv},
      {"MPI_Test", (void **)&mpi.Test},
      {"MPI_Error_string", (void **)&mpi.Error_string},
      {"MPI_Finalize", (void **)&mpi.Finalize},
      {"MPI_Abort", (void **)&mpi.Abort},
  };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    *names[i].place = dlsym(found, names[i].name);
    if (!*names[i].place) {
      snprintf(problem, sizeof problem, "it lacks %s: it is not Open MPI 3, 4 or 5", names[i].name);
      dlclose(found);
      return problem;
    }
  }
  mpi.library = found;
  return NULL;
}

int ems_mpi_init(int *rank, int *size) {
  int provided = 0, code = mpi.Init_thread(NULL, NULL, thread_funneled, &provided);
  if (!code) code = mpi.Comm_set_errhandler(mpi.world, mpi.errors_return);
  if (!code) code = mpi.Comm_rank(mpi.world, rank);
  if (!code) code = mpi.Comm_size(mpi.world, size);
  return code;
}

int ems_mpi_start(const float *send, const int *send_counts, const int *send_offsets, float *receive,
                  const int *receive_counts, const int *receive_offsets) {
  return mpi.Ialltoallv(send, send_counts, send_offsets, mpi.floats, receive, receive_counts, receive_offsets, mpi.floats,
                        mpi.world, &mpi.request);
}

int ems_mpi_test(int *done) { return mpi.Test(&mpi.request, done, NULL); }

void ems_mpi_message(int code, char *text) {
  char long_text[4096] = "";
  int length = 0;
  if (mpi.Error_string(code, long_text, &length) != 0) snprintf(long_text, sizeof long_text, "error %d", code);
  snprintf(text, 256, "%s", long_text);
}

int ems_mpi_finalize(void) { return mpi.Finalize(); }

void ems_mpi_abort(int status) {
  mpi.Abort(mpi.world, status);
  _Exit(status);
}
