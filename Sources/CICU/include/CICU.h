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
