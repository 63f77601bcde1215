#pragma once
// A C face for simdjson: looks up strings in one JSON object.
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ems_json ems_json;

/// Bytes behind the text that must be readable.
enum { EMS_JSON_PADDING = 64 };

enum { EMS_JSON_OK = 0, EMS_JSON_NOT_UTF8 = 1, EMS_JSON_INVALID = 2, EMS_JSON_NO_OBJECT = 3 };

/// A parser for one thread at a time; NULL if there is no memory.
ems_json *ems_json_new(void);
void ems_json_delete(ems_json *json);
/// Reads one object. EMS_JSON_PADDING bytes behind it must be readable. `reason` says what is wrong.
int ems_json_parse(ems_json *json, const char *bytes, size_t count, const char **reason);

enum { EMS_JSON_ABSENT = 0, EMS_JSON_TEXT = 1, EMS_JSON_OTHER = 2 };
/// Looks up a dotted path in the object that was read last. A text is a string, a number as it stands, or an array of strings,
/// which are joined by newlines; null counts as absent. It holds until the next call.
int ems_json_find(ems_json *json, const char *path, size_t path_count, const char **text, size_t *count);
/// The paths of the fields of the object that was read last, joined by `, `; those of objects inside with their dots.
const char *ems_json_fields(ems_json *json);

#ifdef __cplusplus
}
#endif
