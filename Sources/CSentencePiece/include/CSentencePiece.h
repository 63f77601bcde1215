#pragma once
// A C face for libsentencepiece: no C++ type, no exception and no log line comes through it.
//
// Functions that can fail return NULL on success and otherwise a message that the caller releases with ems_spm_free.
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ems_spm ems_spm;

void ems_spm_free(void *memory);

/// Loads a serialized model (the content of a .model file). On success *model is to be given to ems_spm_delete.
char *ems_spm_load(const void *bytes, size_t count, ems_spm **model);
void ems_spm_delete(ems_spm *model);

int32_t ems_spm_size(const ems_spm *model);
int32_t ems_spm_pad_id(const ems_spm *model);
int32_t ems_spm_unk_id(const ems_spm *model);
int32_t ems_spm_bos_id(const ems_spm *model);
int32_t ems_spm_eos_id(const ems_spm *model);

/// The piece of an id in 0..<size, as UTF-8 that lives as long as the model. Out of range: NULL.
const char *ems_spm_piece(const ems_spm *model, int32_t id, size_t *count);
int ems_spm_is_control(const ems_spm *model, int32_t id);
/// The id of a piece; the id of <unk> for a piece that the vocabulary lacks.
int32_t ems_spm_id(const ems_spm *model, const char *piece, size_t count);

/// Cuts UTF-8 text into ids. They lie in memory of the calling thread and hold until its next call. Several threads may
/// use one model at a time.
char *ems_spm_encode(const ems_spm *model, const void *text, size_t count, const int32_t **ids, size_t *id_count);

/// The pieces of a text as texts, a line feed behind each; unknown characters beside each other are one piece. Valid until the next
/// call on this thread.
char *ems_spm_encode_pieces(const ems_spm *model, const void *text, size_t count, const char **pieces, size_t *bytes);

/// Gives the next line of training text, without its line end: 1 and a line that holds until the next call, 0 at the
/// end, -1 on failure.
typedef int (*ems_spm_next)(void *context, const void **bytes, size_t *count);

/// Trains a model. `options` are `count` pairs of names and values, sentencepiece's own. On success *model is the
/// serialized model, to be released with ems_spm_free.
char *ems_spm_train(const char *const *options, size_t count, uint32_t seed, ems_spm_next next, void *context,
                    void **model, size_t *model_count);

#ifdef __cplusplus
}
#endif
