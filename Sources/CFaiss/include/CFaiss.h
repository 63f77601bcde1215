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

// What is inside an index, for whoever multiplies its rows himself: cells of decoded rows behind vector transforms.

// The cells of the inverted file, 1 for an index without one, 0 for a kind whose rows these calls cannot give.
size_t ems_faiss_cells(const FaissIndex *index);
// Vectors in a cell.
size_t ems_faiss_cell_size(const FaissIndex *index, size_t cell);
// Ids and vectors, [count, inner dimension], of a cell from place `first` on; vectors may be null. In one thread at a time.
int ems_faiss_decode(const FaissIndex *index, size_t cell, size_t first, size_t count, idx_t *ids, float *vectors);
// The centres of the inverted file's cells, [cells, inner dimension].
int ems_faiss_centres(const FaissIndex *index, float *centres);
// Elements of a vector behind the transforms.
size_t ems_faiss_inner_dimension(const FaissIndex *index);
// The transforms before the cells, and the elements of a vector behind the i-th.
size_t ems_faiss_transforms(const FaissIndex *index);
size_t ems_faiss_transform_width(const FaissIndex *index, size_t i);
// The i-th transform as a matrix, [out, in], and a bias, [out]; returns 0, and leaves them, if it is none.
int ems_faiss_linear(const FaissIndex *index, size_t i, float *matrix, float *bias);
// Applies the i-th transform, row by row.
int ems_faiss_transform(const FaissIndex *index, size_t i, idx_t n, const float *x, float *y);

#ifdef __cplusplus
}
#endif
