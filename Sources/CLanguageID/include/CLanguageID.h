#pragma once
// A C face for CLD2 and for fastText's classifiers: no C++ type and no exception comes through it. Models are not changed
// after loading, and every call works on memory of its own, so several threads may use one model at a time.
//
// Functions that can fail return NULL on success and otherwise a message that the caller releases with ems_lid_free.
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// What was found in a text.
typedef struct {
  /// The number of the language or label, from 0; -1 if nothing can be said.
  int32_t label;
  /// CLD2's own judgement; always 0 from fastText.
  int32_t reliable;
  /// CLD2: the share of the text that is in this language. fastText: the probability of the label. 0...1.
  double confidence;
} ems_lid_result;

void ems_lid_free(void *memory);

/// The versions of CLD2's code and tables. Lives for ever.
const char *ems_cld2_version(void);
/// Languages are numbered 0..<count.
int32_t ems_cld2_count(void);
/// CLD2's code of a language, such as `de` or `zh-Hant`. Lives for ever.
const char *ems_cld2_code(int32_t language);
/// The languages with scripts that the loaded tables tell apart: `de-Latn en-Latn `. Lives for ever.
const char *ems_cld2_tables(void);
/// The code of the language that a script is taken for without looking at its letters; NULL if the script has none.
/// Scripts are numbered 0..<ems_cld2_script_count().
const char *ems_cld2_script_language(int32_t script);
int32_t ems_cld2_script_count(void);
/// Identifies UTF-8 that is fit for interchange (no control characters but white space). Of other text nothing is said.
char *ems_cld2_identify(const void *text, size_t count, ems_lid_result *result);

typedef struct ems_fasttext ems_fasttext;

/// Loads a model from the content of its file, which must have been checked: fastText trusts all that it reads.
/// On success *model is to be given to ems_fasttext_delete. The content is not needed any more.
char *ems_fasttext_load(const void *content, size_t count, ems_fasttext **model);
void ems_fasttext_delete(ems_fasttext *model);

/// The number of labels.
int32_t ems_fasttext_count(const ems_fasttext *model);
/// The most probable label of a line of UTF-8. Line ends inside it count as spaces.
char *ems_fasttext_identify(const ems_fasttext *model, const void *text, size_t count, ems_lid_result *result);

#ifdef __cplusplus
}
#endif
