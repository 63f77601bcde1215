#include "CLanguageID.h"
#include "Shared.h"

#include <cstdint>
#include <cstdio>
#include <string>
#include <vector>

// CLD2's headers use what the ones above declare.
#include <cld2/internal/cld2tablesummary.h>
#include <cld2/internal/lang_script.h>
#include <cld2/public/compact_lang_det.h>
#include <cld2/public/encodings.h>

namespace CLD2 {
// Debian has the code with small tables in libcld2 (94 languages), and tables alone in libcld2_full (162), under the same
// names: those of the library that is linked first are used by both. This reference keeps a linker that leaves out
// libraries without use from leaving out the tables.
extern const CLD2TableSummary kQuad_obj;
}  // namespace CLD2

extern "C" {

void ems_lid_free(void *memory) { std::free(memory); }

const char *ems_cld2_version(void) { return CLD2::DetectLanguageVersion(); }

int32_t ems_cld2_count(void) { return CLD2::NUM_LANGUAGES; }

const char *ems_cld2_code(int32_t language) { return CLD2::LanguageCode(static_cast<CLD2::Language>(language)); }

const char *ems_cld2_tables(void) { return CLD2::kQuad_obj.kRecognizedLangScripts; }

int32_t ems_cld2_script_count(void) { return CLD2::NUM_ULSCRIPTS; }

const char *ems_cld2_script_language(int32_t script) {
  const auto one = static_cast<CLD2::ULScript>(script);
  if (CLD2::ULScriptRecognitionType(one) != CLD2::RTypeOne) return nullptr;
  return CLD2::LanguageCode(CLD2::DefaultLanguage(one));
}

char *ems_cld2_identify(const void *text, size_t count, ems_lid_result *result) {
  *result = {-1, 0, 0};
  return ems::Guarded([&] {
    // Its scanners look a few bytes ahead.
    static thread_local std::string buffer;
    buffer.assign(static_cast<const char *>(text), count);
    buffer.append(16, '\0');
    const CLD2::CLDHints hints = {nullptr, nullptr, CLD2::UNKNOWN_ENCODING, CLD2::UNKNOWN_LANGUAGE};
    CLD2::Language languages[3];
    int percents[3];
    double scores[3];
    int letters = 0;
    int valid = 0;
    bool reliable = false;
    const CLD2::Language found = CLD2::ExtDetectLanguageSummaryCheckUTF8(
        buffer.data(), static_cast<int>(count), true, &hints, 0, languages, percents, scores, nullptr, &letters,
        &reliable, &valid);
    if (found == CLD2::UNKNOWN_LANGUAGE || found == CLD2::TG_UNKNOWN_LANGUAGE || found >= CLD2::NUM_LANGUAGES) return;
    result->label = found;
    result->reliable = reliable;
    for (int i = 0; i < 3; ++i) {
      if (languages[i] == found) result->confidence = percents[i] / 100.0;
    }
  });
}

}  // extern "C"
