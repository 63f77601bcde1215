// What Sources/CMPI says of Open MPI without having its header, compared with the header: compiled and run by the tests
// where mpicc is installed.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <mpi.h>
#include <stdio.h>

_Static_assert(sizeof(MPI_Comm) == sizeof(void *) && sizeof(MPI_Datatype) == sizeof(void *), "handles are addresses");
_Static_assert(sizeof(MPI_Request) == sizeof(void *) && sizeof(MPI_Errhandler) == sizeof(void *), "handles are addresses");
_Static_assert(MPI_THREAD_FUNNELED == 1, "thread_funneled");
_Static_assert(MPI_SUCCESS == 0, "0 is success");
_Static_assert(MPI_MAX_ERROR_STRING <= 4096, "room for messages");

// The signatures, with handles as they are in mpi.h.
int (*init)(int *, char ***, int, int *) = MPI_Init_thread;
int (*comm_rank)(MPI_Comm, int *) = MPI_Comm_rank;
int (*comm_size)(MPI_Comm, int *) = MPI_Comm_size;
int (*set_errhandler)(MPI_Comm, MPI_Errhandler) = MPI_Comm_set_errhandler;
int (*alltoall)(const void *, const int *, const int *, MPI_Datatype, void *, const int *, const int *, MPI_Datatype,
                MPI_Comm, MPI_Request *) = MPI_Ialltoallv;
int (*test)(MPI_Request *, int *, MPI_Status *) = MPI_Test;
int (*error_string)(int, char *, int *) = MPI_Error_string;
int (*finalize)(void) = MPI_Finalize;
int (*abort_all)(MPI_Comm, int) = MPI_Abort;

int main(void) {
  // By name, and not in the library's own handle: a program that links it may have copies of its data.
  int same = dlsym(RTLD_DEFAULT, "ompi_mpi_comm_world") == (void *)MPI_COMM_WORLD &&
             dlsym(RTLD_DEFAULT, "ompi_mpi_float") == (void *)MPI_FLOAT &&
             dlsym(RTLD_DEFAULT, "ompi_mpi_errors_return") == (void *)MPI_ERRORS_RETURN && MPI_STATUS_IGNORE == (void *)0 &&
             dlopen("libmpi.so.40", RTLD_NOW | RTLD_NOLOAD) != NULL;
  printf("%s\n", same ? "the same" : "not the same");
  return !same;
}
