#include "CJSON.h"

#include <simdjson.h>

#include <new>
#include <string>
#include <string_view>

using simdjson::dom::element;
using simdjson::dom::object;

struct ems_json {
  simdjson::dom::parser parser;
  element top;
  std::string text;
  std::string fields;
};

namespace {

/// A field by a path: the whole of it as a name first, then name by name.
bool Find(const object &from, std::string_view path, element &found) {
  if (from.at_key(path).get(found) == simdjson::SUCCESS) return true;
  const size_t dot = path.find('.');
  if (dot == std::string_view::npos) return false;
  object inner;
  if (from.at_key(path.substr(0, dot)).get(inner) != simdjson::SUCCESS) return false;
  return Find(inner, path.substr(dot + 1), found);
}

void List(const object &from, const std::string &prefix, int depth, std::string &fields) {
  for (auto field : from) {
    if (fields.size() > 1000) return;
    const std::string name = prefix + std::string(field.key);
    object inner;
    if (depth > 0 && field.value.get(inner) == simdjson::SUCCESS) {
      List(inner, name + ".", depth - 1, fields);
    } else {
      if (!fields.empty()) fields += ", ";
      fields += name;
    }
  }
}

}  // namespace

extern "C" {

ems_json *ems_json_new(void) { return new (std::nothrow) ems_json; }
void ems_json_delete(ems_json *json) { delete json; }

int ems_json_parse(ems_json *json, const char *bytes, size_t count, const char **reason) {
  const auto code = json->parser.parse(bytes, count, false).get(json->top);
  if (code == simdjson::UTF8_ERROR) {
    *reason = "it is not UTF-8";
    return EMS_JSON_NOT_UTF8;
  }
  if (code != simdjson::SUCCESS) {
    *reason = simdjson::error_message(code);
    return EMS_JSON_INVALID;
  }
  if (!json->top.is_object()) {
    *reason = "it is no object";
    return EMS_JSON_NO_OBJECT;
  }
  return EMS_JSON_OK;
}

int ems_json_find(ems_json *json, const char *path, size_t path_count, const char **text, size_t *count) {
  element found;
  object top;
  if (json->top.get(top) != simdjson::SUCCESS || !Find(top, {path, path_count}, found) || found.is_null()) {
    return EMS_JSON_ABSENT;
  }
  std::string_view value;
  if (found.get(value) == simdjson::SUCCESS) {
    *text = value.data();
    *count = value.size();
    return EMS_JSON_TEXT;
  }
  simdjson::dom::array list;
  if (found.get(list) == simdjson::SUCCESS) {
    json->text.clear();
    bool first = true;
    for (element part : list) {
      if (part.get(value) != simdjson::SUCCESS) return EMS_JSON_OTHER;
      if (!first) json->text += '\n';
      first = false;
      json->text.append(value);
    }
  } else if (found.is_number()) {
    json->text = simdjson::minify(found);
  } else {
    return EMS_JSON_OTHER;
  }
  *text = json->text.data();
  *count = json->text.size();
  return EMS_JSON_TEXT;
}

const char *ems_json_fields(ems_json *json) {
  json->fields.clear();
  object top;
  if (json->top.get(top) == simdjson::SUCCESS) List(top, "", 2, json->fields);
  return json->fields.c_str();
}

}  // extern "C"
