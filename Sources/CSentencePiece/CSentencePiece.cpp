#include "CSentencePiece.h"

#include <sentencepiece_processor.h>
#include <sentencepiece_trainer.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>
#include <string>
#include <unordered_map>
#include <vector>

// Exported by the library, declared only in a header that is not installed.
namespace sentencepiece {
namespace logging {
void SetMinLogLevel(int level);
}
}  // namespace sentencepiece

using sentencepiece::SentencePieceProcessor;
using sentencepiece::SentencePieceTrainer;
using sentencepiece::util::Status;
using sentencepiece::util::StatusCode;

struct ems_spm {
  SentencePieceProcessor processor;
};

namespace {

// Errors only: messages come back as statuses, and standard error belongs to the program.
constexpr int kQuiet = 2;

char *Copy(const char *text) {
  const size_t size = std::strlen(text) + 1;
  char *copy = static_cast<char *>(std::malloc(size));
  if (copy == nullptr) std::abort();
  std::memcpy(copy, text, size);
  return copy;
}

char *Message(const Status &status) { return status.ok() ? nullptr : Copy(status.error_message()); }

// Runs a body that returns a Status, and turns whatever goes wrong in it into a message.
template <typename Body>
char *Guarded(const Body &body) noexcept {
  try {
    return Message(body());
  } catch (const std::bad_alloc &) {
    return Copy("not enough memory");
  } catch (const std::exception &error) {
    return Copy(error.what());
  } catch (...) {
    return Copy("an unknown exception");
  }
}

// Hands lines over one by one; the trainer keeps its own copies.
class Lines : public sentencepiece::SentenceIterator {
 public:
  Lines(ems_spm_next next, void *context) : next_(next), context_(context) { Next(); }
  bool done() const override { return state_ != 1; }
  void Next() override {
    const void *bytes = nullptr;
    size_t count = 0;
    state_ = next_(context_, &bytes, &count);
    if (state_ == 1) value_.assign(static_cast<const char *>(bytes), count);
  }
  const std::string &value() const override { return value_; }
  Status status() const override {
    return state_ < 0 ? Status(StatusCode::kCancelled, "reading the text failed") : Status();
  }

 private:
  ems_spm_next next_;
  void *context_;
  int state_ = 0;
  std::string value_;
};

bool InRange(const ems_spm *model, int32_t id) { return id >= 0 && id < model->processor.GetPieceSize(); }

}  // namespace

extern "C" {

void ems_spm_free(void *memory) { std::free(memory); }

char *ems_spm_load(const void *bytes, size_t count, ems_spm **model) {
  *model = nullptr;
  ems_spm *loaded = nullptr;
  char *message = Guarded([&] {
    sentencepiece::logging::SetMinLogLevel(kQuiet);
    loaded = new ems_spm;
    return loaded->processor.LoadFromSerializedProto({static_cast<const char *>(bytes), count});
  });
  if (message == nullptr) {
    *model = loaded;
  } else {
    ems_spm_delete(loaded);
  }
  return message;
}

void ems_spm_delete(ems_spm *model) { delete model; }

int32_t ems_spm_size(const ems_spm *model) { return model->processor.GetPieceSize(); }
int32_t ems_spm_pad_id(const ems_spm *model) { return model->processor.pad_id(); }
int32_t ems_spm_unk_id(const ems_spm *model) { return model->processor.unk_id(); }
int32_t ems_spm_bos_id(const ems_spm *model) { return model->processor.bos_id(); }
int32_t ems_spm_eos_id(const ems_spm *model) { return model->processor.eos_id(); }

const char *ems_spm_piece(const ems_spm *model, int32_t id, size_t *count) {
  if (!InRange(model, id)) return nullptr;
  const std::string &piece = model->processor.IdToPiece(id);
  *count = piece.size();
  return piece.data();
}

int ems_spm_is_control(const ems_spm *model, int32_t id) {
  return InRange(model, id) && model->processor.IsControl(id);
}

int32_t ems_spm_id(const ems_spm *model, const char *piece, size_t count) {
  return model->processor.PieceToId({piece, count});
}

char *ems_spm_encode(const ems_spm *model, const void *text, size_t count, const int32_t **ids, size_t *id_count) {
  static_assert(sizeof(int) == sizeof(int32_t), "ids are handed over as they are");
  static thread_local std::vector<int> result;
  *ids = nullptr;
  *id_count = 0;
  return Guarded([&] {
    result.clear();
    Status status = model->processor.Encode({static_cast<const char *>(text), count}, &result);
    if (status.ok()) {
      *ids = result.data();
      *id_count = result.size();
    }
    return status;
  });
}

char *ems_spm_encode_pieces(const ems_spm *model, const void *text, size_t count, const char **pieces, size_t *bytes) {
  static thread_local std::string result;
  *pieces = nullptr;
  *bytes = 0;
  return Guarded([&] {
    std::vector<std::string> found;
    Status status = model->processor.Encode({static_cast<const char *>(text), count}, &found);
    if (status.ok()) {
      result.clear();
      for (const std::string &piece : found) result.append(piece).push_back('\n');
      *pieces = result.data();
      *bytes = result.size();
    }
    return status;
  });
}

char *ems_spm_train(const char *const *options, size_t count, uint32_t seed, ems_spm_next next, void *context,
                    void **model, size_t *model_count) {
  *model = nullptr;
  *model_count = 0;
  std::string serialized;
  char *message = Guarded([&] {
    sentencepiece::logging::SetMinLogLevel(kQuiet);
    sentencepiece::SetRandomGeneratorSeed(seed);
    std::unordered_map<std::string, std::string> arguments;
    for (size_t i = 0; i < count; ++i) arguments[options[2 * i]] = options[2 * i + 1];
    arguments["minloglevel"] = std::to_string(kQuiet);
    Lines lines(next, context);
    return SentencePieceTrainer::Train(arguments, &lines, &serialized);
  });
  if (message != nullptr) return message;
  *model = std::malloc(serialized.size() + 1);
  if (*model == nullptr) return Copy("not enough memory");
  std::memcpy(*model, serialized.data(), serialized.size());
  *model_count = serialized.size();
  return nullptr;
}

}  // extern "C"
