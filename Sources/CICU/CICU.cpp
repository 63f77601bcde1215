#include "CICU.h"

#include <unicode/brkiter.h>
#include <unicode/bytestream.h>
#include <unicode/normalizer2.h>
#include <unicode/regex.h>
#include <unicode/stringpiece.h>
#include <unicode/uchar.h>
#include <unicode/unistr.h>
#include <unicode/ures.h>
#include <unicode/uscript.h>
#include <unicode/utext.h>

#include <cstdlib>
#include <cstring>
#include <exception>
#include <memory>
#include <new>
#include <string>
#include <vector>

struct ems_icu_regex {
  std::unique_ptr<icu::RegexPattern> pattern;
};

namespace {

// What one match may keep for going back.
constexpr int32_t kStackBytes = 8 << 20;

char *Copy(const char *text) {
  const size_t size = std::strlen(text) + 1;
  char *copy = static_cast<char *>(std::malloc(size));
  if (copy == nullptr) std::abort();
  std::memcpy(copy, text, size);
  return copy;
}

// Runs a body that returns ICU's error code, and turns whatever goes wrong in it into a message.
template <typename Body>
char *Guarded(const Body &body) noexcept {
  try {
    const UErrorCode status = body();
    return U_FAILURE(status) ? Copy(u_errorName(status)) : nullptr;
  } catch (const std::exception &error) {
    return Copy(error.what());
  } catch (...) {
    return Copy("an unknown exception");
  }
}

const icu::Normalizer2 *Form(int form, UErrorCode &status) {
  switch (form) {
    case 0: return icu::Normalizer2::getNFCInstance(status);
    case 1: return icu::Normalizer2::getNFDInstance(status);
    case 2: return icu::Normalizer2::getNFKCInstance(status);
    default: return icu::Normalizer2::getNFKDInstance(status);
  }
}

}  // namespace

extern "C" {

void ems_icu_free(void *memory) { std::free(memory); }

char *ems_icu_normalize(int form, const void *text, size_t count, const void **result, size_t *result_count) {
  static thread_local std::string normalized;
  return Guarded([&] {
    UErrorCode status = U_ZERO_ERROR;
    const icu::Normalizer2 *normalizer = Form(form, status);
    if (U_FAILURE(status)) return status;
    if (count > INT32_MAX) return U_INDEX_OUTOFBOUNDS_ERROR;
    normalized.clear();
    icu::StringByteSink<std::string> sink(&normalized, static_cast<int32_t>(count));
    normalizer->normalizeUTF8(0, {static_cast<const char *>(text), static_cast<int32_t>(count)}, sink, nullptr, status);
    *result = normalized.data();
    *result_count = normalized.size();
    return status;
  });
}

void ems_icu_properties(uint32_t first, size_t count, uint8_t *properties) {
  for (size_t i = 0; i < count; i++) {
    const UChar32 c = static_cast<UChar32>(first + i);
    uint8_t value = static_cast<uint8_t>(u_charType(c)) & EMS_ICU_CATEGORY;
    const uint32_t mask = U_GET_GC_MASK(c);
    UVersionInfo age;
    u_charAge(c, age);
    if (age[0] > 8 && (mask & (U_GC_M_MASK | U_GC_CF_MASK | U_GC_P_MASK)) != 0) value = EMS_ICU_YOUNG;
    if (u_hasBinaryProperty(c, UCHAR_ALPHABETIC) || (mask & (U_GC_M_MASK | U_GC_ND_MASK | U_GC_PC_MASK)) != 0 ||
        u_hasBinaryProperty(c, UCHAR_JOIN_CONTROL)) {
      value |= EMS_ICU_WORD;
    }
    switch (u_getIntPropertyValue(c, UCHAR_GRAPHEME_CLUSTER_BREAK)) {
      // Whole syllables join only single letters of Hangul, which are not among these.
      case U_GCB_OTHER: case U_GCB_LV: case U_GCB_LVT: value |= EMS_ICU_ALONE; break;
      default: break;
    }
    if (u_hasBinaryProperty(c, UCHAR_CHANGES_WHEN_LOWERCASED)) value |= EMS_ICU_CHANGES_LOWER;
    properties[i] = value;
  }
}

int32_t ems_icu_script(uint32_t character) {
  UErrorCode status = U_ZERO_ERROR;
  return uscript_getScript(static_cast<UChar32>(character), &status);
}

void ems_icu_sentence_classes(uint32_t first, size_t count, uint8_t *classes) {
  for (size_t i = 0; i < count; i++) {
    classes[i] = static_cast<uint8_t>(u_getIntPropertyValue(static_cast<UChar32>(first + i), UCHAR_SENTENCE_BREAK));
  }
}

char *ems_icu_suppressions(const char *locale, char **list) {
  *list = nullptr;
  return Guarded([&] {
    UErrorCode status = U_ZERO_ERROR;
    std::string found;
    // The table of ICU's own filtered iterator.
    UResourceBundle *bundle = ures_open(U_ICUDATA_NAME "-brkitr", locale, &status);
    UErrorCode missing = status;
    UResourceBundle *table = U_SUCCESS(status) ? ures_getByKey(bundle, "exceptions", nullptr, &missing) : nullptr;
    UResourceBundle *breaks = U_SUCCESS(missing) ? ures_getByKey(table, "SentenceBreak", nullptr, &missing) : nullptr;
    if (U_SUCCESS(missing)) {
      const int32_t size = ures_getSize(breaks);
      for (int32_t i = 0; i < size; i++) {
        int32_t length = 0;
        const UChar *text = ures_getStringByIndex(breaks, i, &length, &missing);
        if (U_FAILURE(missing)) break;
        if (!found.empty()) found += '\n';
        icu::UnicodeString(text, length).toUTF8String(found);
      }
    }
    if (breaks != nullptr) ures_close(breaks);
    if (table != nullptr) ures_close(table);
    if (bundle != nullptr) ures_close(bundle);
    *list = Copy(found.c_str());
    return U_ZERO_ERROR;
  });
}

char *ems_icu_word_breaks(const char *locale, const void *text, size_t count, const int32_t **places,
                          size_t *place_count) {
  static thread_local std::vector<int32_t> found;
  static thread_local std::string opened;
  static thread_local std::unique_ptr<icu::BreakIterator> words;
  return Guarded([&] {
    UErrorCode status = U_ZERO_ERROR;
    if (count > INT32_MAX) return U_INDEX_OUTOFBOUNDS_ERROR;
    found.clear();
    if (words == nullptr || opened != locale) {
      words.reset(icu::BreakIterator::createWordInstance(icu::Locale(locale), status));
      opened = locale;
      if (U_FAILURE(status)) return status;
    }
    UText input = UTEXT_INITIALIZER;
    utext_openUTF8(&input, static_cast<const char *>(text), static_cast<int64_t>(count), &status);
    words->setText(&input, status);
    if (U_SUCCESS(status)) {
      for (int32_t place = words->first(); place != icu::BreakIterator::DONE; place = words->next()) found.push_back(place);
    }
    // The iterator must not look at memory of the caller later.
    static const icu::UnicodeString nothing;
    words->setText(nothing);
    utext_close(&input);
    *places = found.data();
    *place_count = found.size();
    return status;
  });
}

char *ems_icu_regex_open(const void *pattern, size_t count, ems_icu_regex **regex) {
  *regex = nullptr;
  return Guarded([&] {
    UErrorCode status = U_ZERO_ERROR;
    UParseError place;
    if (count > 1 << 20) return U_INDEX_OUTOFBOUNDS_ERROR;
    const auto text = icu::UnicodeString::fromUTF8({static_cast<const char *>(pattern), static_cast<int32_t>(count)});
    auto made = std::make_unique<ems_icu_regex>();
    made->pattern.reset(icu::RegexPattern::compile(text, UREGEX_MULTILINE | UREGEX_UNIX_LINES, place, status));
    if (U_SUCCESS(status)) *regex = made.release();
    return status;
  });
}

void ems_icu_regex_delete(ems_icu_regex *regex) { delete regex; }

char *ems_icu_regex_find(const ems_icu_regex *regex, const void *text, size_t count, int32_t steps,
                         const int64_t **places, size_t *matches) {
  static thread_local std::vector<int64_t> found;
  return Guarded([&] {
    UErrorCode status = U_ZERO_ERROR;
    found.clear();
    UText input = UTEXT_INITIALIZER;
    utext_openUTF8(&input, static_cast<const char *>(text), static_cast<int64_t>(count), &status);
    {
      std::unique_ptr<icu::RegexMatcher> matcher(regex->pattern->matcher(status));
      if (U_SUCCESS(status)) {
        matcher->reset(&input);
        matcher->setTimeLimit(steps, status);
        matcher->setStackLimit(kStackBytes, status);
        while (U_SUCCESS(status) && matcher->find(status)) {
          found.push_back(matcher->start64(status));
          found.push_back(matcher->end64(status));
        }
      }
    }
    utext_close(&input);
    *places = found.data();
    *matches = found.size() / 2;
    return status;
  });
}

}  // extern "C"
