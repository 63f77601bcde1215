#include "CFaiss.h"

#include <faiss/AutoTune.h>
#include <faiss/IVFlib.h>
#include <faiss/Index.h>
#include <faiss/IndexFlat.h>
#include <faiss/IndexFlatCodes.h>
#include <faiss/IndexIVF.h>
#include <faiss/IndexIVFFlat.h>
#include <faiss/IndexIVFPQ.h>
#include <faiss/IndexPQ.h>
#include <faiss/IndexPreTransform.h>
#include <faiss/IndexScalarQuantizer.h>
#include <faiss/VectorTransform.h>
#include <faiss/impl/AuxIndexStructures.h>
#include <faiss/impl/FaissException.h>
#include <faiss/index_factory.h>
#include <faiss/impl/io.h>
#include <faiss/index_io.h>

#include <algorithm>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <vector>

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
  } catch (const std::bad_alloc &) {
    last_error = "not enough memory";
    return EMS_FAISS_NO_MEMORY;
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

// Whom to ask whether the work of this thread shall stop.
thread_local int (*stop_asked)(void *) = nullptr;
thread_local void *stop_context = nullptr;

// Faiss asks this between its blocks; it asks in the thread that called it, and those it starts get "no".
struct Stop : faiss::InterruptCallback {
  bool want_interrupt() override { return stop_asked != nullptr && stop_asked(stop_context) != 0; }
};

// What Faiss writes, handed on; Faiss throws when fewer items were taken than given.
struct Sink : faiss::IOWriter {
  int (*take)(void *, const void *, size_t);
  void *context;
  size_t operator()(const void *bytes, size_t size, size_t count) override {
    return take(context, bytes, size * count) == 0 ? count : 0;
  }
};

// The product quantiser that an index has itself, null if it has none.
faiss::ProductQuantizer *quantizer(faiss::Index *index) {
  while (auto *outer = dynamic_cast<faiss::IndexPreTransform *>(index)) index = outer->index;
  if (auto *pq = dynamic_cast<faiss::IndexPQ *>(index)) return &pq->pq;
  if (auto *pq = dynamic_cast<faiss::IndexIVFPQ *>(index)) return &pq->pq;
  return nullptr;
}

// An index behind its vector transforms.
const faiss::Index *inside(const faiss::Index *index) {
  while (const auto *outer = dynamic_cast<const faiss::IndexPreTransform *>(index)) index = outer->index;
  return index;
}

// The transforms before it, in their order.
std::vector<const faiss::VectorTransform *> transforms(const faiss::Index *index) {
  std::vector<const faiss::VectorTransform *> all;
  while (const auto *outer = dynamic_cast<const faiss::IndexPreTransform *>(index)) {
    all.insert(all.end(), outer->chain.begin(), outer->chain.end());
    index = outer->index;
  }
  return all;
}
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
  return guarded([&] {
    // OPQ trains quantisers of its own, which would warn of few points on standard error, several kB of it. How many are
    // enough is checked by the caller, so they get quantisers that do not.
    std::vector<std::unique_ptr<faiss::ProductQuantizer>> own;
    std::vector<faiss::OPQMatrix *> rotations;
    struct Restore {
      std::vector<faiss::OPQMatrix *> &rotations;
      ~Restore() {
        for (faiss::OPQMatrix *opq : rotations) opq->pq = nullptr;
      }
    } restore{rotations};
    if (auto *outer = dynamic_cast<faiss::IndexPreTransform *>(cpp(index))) {
      for (faiss::VectorTransform *transform : outer->chain) {
        auto *opq = dynamic_cast<faiss::OPQMatrix *>(transform);
        if (opq == nullptr || opq->pq != nullptr) continue;
        own.push_back(std::make_unique<faiss::ProductQuantizer>(opq->d_out, opq->M, 8));
        own.back()->cp.min_points_per_centroid = 1;
        opq->pq = own.back().get();
        rotations.push_back(opq);
      }
    }
    cpp(index)->train(n, x);
  });
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
    // Faiss warns on standard error about small samples; whether one is too small is checked and said by the caller.
    if (auto *ivf = faiss::ivflib::try_extract_index_ivf(made)) ivf->cp.min_points_per_centroid = 1;
    if (auto *pq = quantizer(made)) pq->cp.min_points_per_centroid = 1;
    // Renumbers the centroids by simulated annealing, for a kind of search that is not used here: minutes for nothing.
    faiss::Index *inner = made;
    while (auto *outer = dynamic_cast<faiss::IndexPreTransform *>(inner)) inner = outer->index;
    if (auto *pq = dynamic_cast<faiss::IndexIVFPQ *>(inner)) pq->do_polysemous_training = false;
    if (auto *pq = dynamic_cast<faiss::IndexPQ *>(inner)) pq->do_polysemous_training = false;
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
int ems_faiss_write(const FaissIndex *index, int (*take)(void *, const void *, size_t), void *context) {
  return guarded([&] {
    Sink sink;
    sink.take = take;
    sink.context = context;
    faiss::write_index(cpp(index), &sink);
  });
}
idx_t ems_faiss_points_needed(const FaissIndex *index) {
  size_t needed = 0;
  if (const auto *ivf = faiss::ivflib::try_extract_index_ivf(cpp(index))) needed = ivf->nlist;
  if (const auto *pq = quantizer(const_cast<faiss::Index *>(cpp(index)))) needed = std::max(needed, pq->ksub);
  if (const auto *outer = dynamic_cast<const faiss::IndexPreTransform *>(cpp(index))) {
    for (const faiss::VectorTransform *transform : outer->chain) {
      if (dynamic_cast<const faiss::OPQMatrix *>(transform)) needed = std::max<size_t>(needed, 256);
    }
  }
  return static_cast<idx_t>(needed);
}
void ems_faiss_watch(int (*asked)(void *), void *context) {
  static const bool installed = [] {
    faiss::InterruptCallback::instance.reset(new Stop);
    return true;
  }();
  (void)installed;
  stop_asked = asked;
  stop_context = context;
}
void ems_faiss_set_threads(int threads) { omp_set_num_threads(threads); }

size_t ems_faiss_cells(const FaissIndex *index) {
  const faiss::Index *inner = inside(cpp(index));
  if (const auto *ivf = dynamic_cast<const faiss::IndexIVF *>(inner)) return ivf->nlist;
  return dynamic_cast<const faiss::IndexFlatCodes *>(inner) ? 1 : 0;
}
size_t ems_faiss_cell_size(const FaissIndex *index, size_t cell) {
  const faiss::Index *inner = inside(cpp(index));
  if (const auto *ivf = dynamic_cast<const faiss::IndexIVF *>(inner)) return ivf->invlists->list_size(cell);
  return inner->ntotal;
}
int ems_faiss_decode(const FaissIndex *index, size_t cell, size_t first, size_t count, idx_t *ids, float *vectors) {
  return guarded([&] {
    const faiss::Index *inner = inside(cpp(index));
    const auto *ivf = dynamic_cast<const faiss::IndexIVF *>(inner);
    if (ivf == nullptr) {
      for (size_t i = 0; i < count; i++) ids[i] = first + i;
      if (vectors != nullptr) inner->reconstruct_n(first, count, vectors);
      return;
    }
    faiss::InvertedLists::ScopedIds known(ivf->invlists, cell);
    std::copy(known.get() + first, known.get() + first + count, ids);
    if (vectors == nullptr) return;
    if (dynamic_cast<const faiss::IndexIVFFlat *>(ivf)) {
      faiss::InvertedLists::ScopedCodes codes(ivf->invlists, cell);
      std::memcpy(vectors, codes.get() + first * ivf->code_size, count * ivf->code_size);
      return;
    }
    if (const auto *scalar = dynamic_cast<const faiss::IndexIVFScalarQuantizer *>(ivf)) {
      // Of a whole range at once: each call starts threads.
      faiss::InvertedLists::ScopedCodes codes(ivf->invlists, cell);
      scalar->sq.decode(codes.get() + first * ivf->code_size, vectors, count);
      if (!scalar->by_residual) return;
      std::vector<float> centre(ivf->d);
      ivf->quantizer->reconstruct(cell, centre.data());
      for (size_t i = 0; i < count * ivf->d; i++) vectors[i] += centre[i % ivf->d];
      return;
    }
    for (size_t i = 0; i < count; i++) ivf->reconstruct_from_offset(cell, first + i, vectors + i * ivf->d);
  });
}
int ems_faiss_centres(const FaissIndex *index, float *centres) {
  return guarded([&] {
    if (const auto *ivf = dynamic_cast<const faiss::IndexIVF *>(inside(cpp(index))))
      ivf->quantizer->reconstruct_n(0, ivf->nlist, centres);
  });
}
size_t ems_faiss_inner_dimension(const FaissIndex *index) { return inside(cpp(index))->d; }
size_t ems_faiss_transforms(const FaissIndex *index) { return transforms(cpp(index)).size(); }
size_t ems_faiss_transform_width(const FaissIndex *index, size_t i) { return transforms(cpp(index))[i]->d_out; }
int ems_faiss_linear(const FaissIndex *index, size_t i, float *matrix, float *bias) {
  const auto *linear = dynamic_cast<const faiss::LinearTransform *>(transforms(cpp(index))[i]);
  if (linear == nullptr) return 0;
  std::copy(linear->A.begin(), linear->A.end(), matrix);
  std::fill(bias, bias + linear->d_out, 0.0f);
  if (linear->have_bias) std::copy(linear->b.begin(), linear->b.end(), bias);
  return 1;
}
int ems_faiss_transform(const FaissIndex *index, size_t i, idx_t n, const float *x, float *y) {
  return guarded([&] { transforms(cpp(index))[i]->apply_noalloc(n, x, y); });
}
}
