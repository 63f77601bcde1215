#include "CFaiss.h"

#include <faiss/AutoTune.h>
#include <faiss/IVFlib.h>
#include <faiss/Index.h>
#include <faiss/IndexFlat.h>
#include <faiss/IndexIVF.h>
#include <faiss/IndexIVFFlat.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/impl/FaissException.h>
#include <faiss/index_factory.h>
#include <faiss/index_io.h>

#include <exception>
#include <string>

extern "C" void omp_set_num_threads(int);

namespace {
thread_local std::string last_error;

// Runs a call of the C++ library; nothing it throws gets out.
template <typename Call>
int guarded(Call call) {
  try {
    call();
    return OK;
  } catch (const faiss::FaissException &error) {
    last_error = error.msg;
    return FAISS_EXCEPT;
  } catch (const std::exception &error) {
    last_error = error.what();
    return STD_EXCEPT;
  } catch (...) {
    last_error = "unknown exception";
    return UNKNOWN_EXCEPT;
  }
}

faiss::Index *cpp(FaissIndex *index) { return reinterpret_cast<faiss::Index *>(index); }
const faiss::Index *cpp(const FaissIndex *index) { return reinterpret_cast<const faiss::Index *>(index); }
}  // namespace

extern "C" {

const char *faiss_get_last_error() { return last_error.c_str(); }

void faiss_Index_free(FaissIndex *index) { delete cpp(index); }
int faiss_Index_d(const FaissIndex *index) { return cpp(index)->d; }
int faiss_Index_is_trained(const FaissIndex *index) { return cpp(index)->is_trained; }
idx_t faiss_Index_ntotal(const FaissIndex *index) { return cpp(index)->ntotal; }
FaissMetricType faiss_Index_metric_type(const FaissIndex *index) {
  return static_cast<FaissMetricType>(cpp(index)->metric_type);
}
int faiss_Index_train(FaissIndex *index, idx_t n, const float *x) {
  return guarded([&] { cpp(index)->train(n, x); });
}
int faiss_Index_add(FaissIndex *index, idx_t n, const float *x) {
  return guarded([&] { cpp(index)->add(n, x); });
}
int faiss_Index_search(const FaissIndex *index, idx_t n, const float *x, idx_t k, float *distances, idx_t *labels) {
  return guarded([&] { cpp(index)->search(n, x, k, distances, labels); });
}

size_t faiss_IndexIVF_nlist(const FaissIndexIVF *index) {
  return reinterpret_cast<const faiss::IndexIVF *>(index)->nlist;
}
size_t faiss_IndexIVF_nprobe(const FaissIndexIVF *index) {
  return reinterpret_cast<const faiss::IndexIVF *>(index)->nprobe;
}
void faiss_IndexIVF_set_nprobe(FaissIndexIVF *index, size_t nprobe) {
  reinterpret_cast<faiss::IndexIVF *>(index)->nprobe = nprobe;
}

int faiss_index_factory(FaissIndex **index, int d, const char *description, FaissMetricType metric) {
  return guarded([&] {
    faiss::Index *made = faiss::index_factory(d, description, static_cast<faiss::MetricType>(metric));
    // Faiss warns on standard output about small samples; whether one is too small is checked and said by the caller.
    if (auto *ivf = faiss::ivflib::try_extract_index_ivf(made)) {
      ivf->cp.min_points_per_centroid = 1;
      if (auto *pq = dynamic_cast<faiss::IndexIVFPQ *>(ivf)) {
        pq->pq.cp.min_points_per_centroid = 1;
        // Renumbers the centroids by simulated annealing, for a kind of search that is not used here: minutes for nothing.
        pq->do_polysemous_training = false;
      }
    }
    *index = reinterpret_cast<FaissIndex *>(made);
  });
}
int faiss_write_index_fname(const FaissIndex *index, const char *name) {
  return guarded([&] { faiss::write_index(cpp(index), name); });
}
int faiss_read_index_fname(const char *name, int flags, FaissIndex **index) {
  return guarded([&] { *index = reinterpret_cast<FaissIndex *>(faiss::read_index(name, flags)); });
}

FaissIndexIVF *ems_faiss_ivf(FaissIndex *index) {
  return reinterpret_cast<FaissIndexIVF *>(faiss::ivflib::try_extract_index_ivf(cpp(index)));
}
int ems_faiss_keeps_vectors(const FaissIndex *index) {
  const faiss::Index *inner = cpp(index);
  if (const auto *ivf = faiss::ivflib::try_extract_index_ivf(inner)) inner = ivf;
  return dynamic_cast<const faiss::IndexFlat *>(inner) || dynamic_cast<const faiss::IndexIVFFlat *>(inner);
}
int ems_faiss_merge(FaissIndex *into, FaissIndex *from) {
  return guarded([&] {
    if (faiss::ivflib::try_extract_index_ivf(cpp(into))) {
      faiss::ivflib::check_compatible_for_merge(cpp(into), cpp(from));
      faiss::ivflib::merge_into(cpp(into), cpp(from), true);
    } else {  // ids are places, so that they follow by themselves
      cpp(into)->merge_from(*cpp(from), 0);
    }
  });
}
void ems_faiss_set_threads(int threads) { omp_set_num_threads(threads); }
}
