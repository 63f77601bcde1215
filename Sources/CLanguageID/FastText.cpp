#include "CLanguageID.h"
#include "Shared.h"

#include <algorithm>
#include <istream>
#include <memory>
#include <stdexcept>
#include <streambuf>
#include <string>
#include <vector>

#include <fasttext/fasttext.h>

namespace {

// Bytes in memory, read as a stream.
class Bytes : public std::streambuf {
 public:
  Bytes(const char *bytes, size_t count) {
    char *start = const_cast<char *>(bytes);
    setg(start, start, start + count);
  }
};

class Classifier : public fasttext::FastText {
 public:
  void Load(std::istream &in) {
    if (!checkModel(in)) throw std::runtime_error("has another magic number or version");
    loadModel(in);
    if (!in) throw std::runtime_error("ends too early");
  }
};

}  // namespace

struct ems_fasttext {
  Classifier classifier;
  // As FastText's own is handed out with a count of references that all threads would change.
  std::shared_ptr<const fasttext::Dictionary> dictionary;
};

extern "C" {

char *ems_fasttext_load(const void *content, size_t count, ems_fasttext **model) {
  *model = nullptr;
  return ems::Guarded([&] {
    auto loaded = std::make_unique<ems_fasttext>();
    Bytes bytes(static_cast<const char *>(content), count);
    std::istream in(&bytes);
    loaded->classifier.Load(in);
    loaded->dictionary = loaded->classifier.getDictionary();
    *model = loaded.release();
  });
}

void ems_fasttext_delete(ems_fasttext *model) { delete model; }

int32_t ems_fasttext_count(const ems_fasttext *model) { return model->dictionary->nlabels(); }

char *ems_fasttext_identify(const ems_fasttext *model, const void *text, size_t count, ems_lid_result *result) {
  *result = {-1, 0, 0};
  return ems::Guarded([&] {
    static thread_local std::string line;
    static thread_local std::vector<int32_t> words;
    static thread_local std::vector<int32_t> labels;
    line.assign(static_cast<const char *>(text), count);
    std::replace(line.begin(), line.end(), '\n', ' ');
    // Models are trained on lines with their ends, which are a word of their own.
    line.push_back('\n');
    Bytes bytes(line.data(), line.size());
    std::istream in(&bytes);
    model->dictionary->getLine(in, words, labels);
    fasttext::Predictions predictions;
    model->classifier.predict(1, words, predictions, 0);
    if (predictions.empty()) return;
    result->label = predictions[0].second;
    // The logarithm was taken of the probability plus 1e-5.
    result->confidence = std::clamp(static_cast<double>(std::exp(predictions[0].first)), 0.0, 1.0);
  });
}

}  // extern "C"
