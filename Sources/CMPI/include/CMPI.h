// Open MPI, loaded when the program runs: the few calls that training needs. The program is built without MPI and runs on
// machines without it. Everything is to be called from one thread.
#pragma once

// Loads the library (a path, or null for libmpi.so.40 of the system).
// Returns null, or why it cannot be used (a text that stays).
const char *ems_mpi_load(const char *library);

// MPI_Init, the rank and the size. The functions below return 0 or MPI's error code.
int ems_mpi_init(int *rank, int *size);

// Starts an exchange of floats among all ranks, which may not overlap with another: counts and offsets (in floats) of what
// goes to and comes from each rank. The arrays and the floats stay in use until the test says that it is done.
int ems_mpi_start(const float *send, const int *send_counts, const int *send_offsets, float *receive,
                  const int *receive_counts, const int *receive_offsets);
// Moves the exchange forward; sets done to 1 once it is complete.
int ems_mpi_test(int *done);

// What an error code means; at least 256 characters of room.
void ems_mpi_message(int code, char *text);
int ems_mpi_finalize(void);
// Ends the processes of all ranks; does not return.
void ems_mpi_abort(int status);
