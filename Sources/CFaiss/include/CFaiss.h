// Faiss's own C API, as its headers declare it (Debian ships the headers but leaves the functions out of the library; a
// Faiss built with its C API can take the place of CFaiss.cpp), and a few calls that the API lacks, with the prefix ems_.
#pragma once
#include <faiss/c_api/AutoTune_c.h>
#include <faiss/c_api/IndexIVF_c.h>
#include <faiss/c_api/Index_c.h>
#include <faiss/c_api/error_c.h>
#include <faiss/c_api/faiss_c.h>
#include <faiss/c_api/index_factory_c.h>
#include <faiss/c_api/index_io_c.h>

#ifdef __cplusplus
extern "C" {
#endif

// The inverted file inside an index, behind its vector transforms; null if it has none. Owned by the index.
FaissIndexIVF *ems_faiss_ivf(FaissIndex *index);
// Whether the index keeps vectors as they are, so that its scores are exact up to rounding.
int ems_faiss_keeps_vectors(const FaissIndex *index);
// Moves the vectors of `from`, which was trained with `into`, behind those of `into`; `from` is empty afterwards.
int ems_faiss_merge(FaissIndex *into, FaissIndex *from);
// What a call returns when memory does not do, beside the API's own codes.
enum { EMS_FAISS_NO_MEMORY = -100 };

// Writes an index to whoever takes its bytes. `take` returns 0 for bytes that it has taken; anything else ends the writing with
// an error. (Faiss's own writing by name does not notice what goes wrong when a file is closed.)
int ems_faiss_write(const FaissIndex *index, int (*take)(void *context, const void *bytes, size_t count), void *context);
// The least number of vectors that can train an index.
idx_t ems_faiss_points_needed(const FaissIndex *index);
// Whom to ask, between blocks of work in this thread, whether it shall stop; null for nobody. Work that stops fails.
void ems_faiss_watch(int (*asked)(void *context), void *context);
// The threads that Faiss's loops use from now on.
void ems_faiss_set_threads(int threads);

#ifdef __cplusplus
}
#endif
