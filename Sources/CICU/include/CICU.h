#pragma once
// A C face for the parts of ICU that tokenizers need, on UTF-8: normal forms, properties of characters, and regular
// expressions with limits. No C++ type and no exception comes through it.
//
// Functions that can fail return NULL on success and otherwise a message that the caller releases with ems_icu_free.
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

void ems_icu_free(void *memory);

/// Brings valid UTF-8 into a normal form: 0 NFC, 1 NFD, 2 NFKC, 3 NFKD. The result lies in memory of the calling thread
/// and holds until its next call.
char *ems_icu_normalize(int form, const void *text, size_t count, const void **result, size_t *result_count);

// What ems_icu_properties writes for a character: the general category (ICU's numbers) in the lowest 5 bits, and flags.
#define EMS_ICU_CATEGORY 31
// In place of a category: a mark, a format character or punctuation that Unicode 8 did not have.
#define EMS_ICU_YOUNG 30
#define EMS_ICU_WORD 32             // alphabetic, a mark, a decimal digit, connecting punctuation or a joiner
#define EMS_ICU_ALONE 64            // joins no neighbour to a grapheme
#define EMS_ICU_CHANGES_LOWER 128   // has another lower case
/// Writes the properties of the characters first ..< first + count.
void ems_icu_properties(uint32_t first, size_t count, uint8_t *properties);
/// The number of a character's script.
int32_t ems_icu_script(uint32_t character);

// Unicode's classes of characters for the boundaries of sentences (UAX 29), as ICU numbers them.
enum {
  EMS_ICU_SB_OTHER = 0, EMS_ICU_SB_ATERM = 1, EMS_ICU_SB_CLOSE = 2, EMS_ICU_SB_FORMAT = 3, EMS_ICU_SB_LOWER = 4,
  EMS_ICU_SB_NUMERIC = 5, EMS_ICU_SB_OLETTER = 6, EMS_ICU_SB_SEP = 7, EMS_ICU_SB_SP = 8, EMS_ICU_SB_STERM = 9,
  EMS_ICU_SB_UPPER = 10, EMS_ICU_SB_CR = 11, EMS_ICU_SB_EXTEND = 12, EMS_ICU_SB_LF = 13, EMS_ICU_SB_SCONTINUE = 14
};
/// Writes the classes of the characters first ..< first + count.
void ems_icu_sentence_classes(uint32_t first, size_t count, uint8_t *classes);
/// The abbreviations of CLDR behind which no sentence of a language ends, joined by newlines, UTF-8. On success the list is to
/// be given to ems_icu_free; it is empty for a language that has none.
char *ems_icu_suppressions(const char *locale, char **list);
/// Where words begin and end by the rules and dictionaries of a language (`th`, `lo`, `km`, `my`, `zh`, `ja`): rising byte
/// offsets into valid UTF-8, in memory of the calling thread that holds until its next call.
char *ems_icu_word_breaks(const char *locale, const void *text, size_t count, const int32_t **places, size_t *place_count);

typedef struct ems_icu_regex ems_icu_regex;
/// Compiles a regular expression in UTF-8. On success *regex is to be given to ems_icu_regex_delete. Several threads may
/// use it at a time.
char *ems_icu_regex_open(const void *pattern, size_t count, ems_icu_regex **regex);
void ems_icu_regex_delete(ems_icu_regex *regex);
/// Finds all matches in valid UTF-8: pairs of byte offsets, in memory of the calling thread that holds until its next call.
/// `steps` bounds the work of one match, in ICU's units of about a millisecond.
char *ems_icu_regex_find(const ems_icu_regex *regex, const void *text, size_t count, int32_t steps,
                         const int64_t **places, size_t *matches);

#ifdef __cplusplus
}
#endif
