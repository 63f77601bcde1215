#include "CXML.h"

#include <libxml/HTMLparser.h>
#include <libxml/HTMLtree.h>
#include <libxml/SAX2.h>
#include <libxml/parser.h>
#include <libxml/parserInternals.h>
#include <libxml/xmlerror.h>

#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace {

struct Event {
  int kind;
  size_t start, count;
  size_t first_attribute, attributes;
};

std::once_flag started;
void Start() {
  std::call_once(started, [] { xmlInitParser(); });
}

}  // namespace

struct ems_xml {
  xmlParserCtxtPtr context = nullptr;
  xmlSAXHandler handler{};
  std::vector<Event> events;
  // Every string ends in a NUL byte.
  std::string arena;
  std::vector<std::pair<size_t, size_t>> attributes;
  size_t next = 0;
  std::string message;
  int line = 0;
  bool failed = false;

  size_t Keep(const void *text, size_t count) {
    const size_t start = arena.size();
    arena.append(static_cast<const char *>(text), count);
    arena.push_back('\0');
    return start;
  }
};

namespace {

// Not the parser's context: with that libxml2 would look up entities itself.
ems_xml *Self(void *context) { return static_cast<ems_xml *>(context); }

void StartElement(void *context, const xmlChar *name, const xmlChar *, const xmlChar *, int, const xmlChar **, int count,
                  int, const xmlChar **given) {
  ems_xml *self = Self(context);
  const char *text = reinterpret_cast<const char *>(name);
  Event event{EMS_XML_START, self->Keep(text, std::strlen(text)), std::strlen(text), self->attributes.size(),
              static_cast<size_t>(count)};
  for (int i = 0; i < count; i++) {
    const xmlChar **attribute = given + 5 * i;
    const char *local = reinterpret_cast<const char *>(attribute[0]);
    const bool is_xml = attribute[1] != nullptr && std::strcmp(reinterpret_cast<const char *>(attribute[1]), "xml") == 0;
    const std::string full = (is_xml ? "xml:" : "") + std::string(local);
    const size_t key = self->Keep(full.data(), full.size());
    const size_t value = self->Keep(attribute[3], static_cast<size_t>(attribute[4] - attribute[3]));
    self->attributes.emplace_back(key, value);
  }
  self->events.push_back(event);
}

void EndElement(void *context, const xmlChar *name, const xmlChar *, const xmlChar *) {
  ems_xml *self = Self(context);
  const char *text = reinterpret_cast<const char *>(name);
  self->events.push_back({EMS_XML_END, self->Keep(text, std::strlen(text)), std::strlen(text), 0, 0});
}

void Characters(void *context, const xmlChar *text, int count) {
  ems_xml *self = Self(context);
  if (!self->events.empty() && self->events.back().kind == EMS_XML_TEXT) {
    // The last text is the end of the arena: its NUL makes way.
    self->arena.pop_back();
    self->Keep(text, static_cast<size_t>(count));
    self->events.back().count += static_cast<size_t>(count);
    return;
  }
  self->events.push_back({EMS_XML_TEXT, self->Keep(text, static_cast<size_t>(count)), static_cast<size_t>(count), 0, 0});
}

xmlEntityPtr GetEntity(void *, const xmlChar *name) { return xmlGetPredefinedEntity(name); }

void StructuredError(void *context, xmlErrorPtr error) {
  if (error->level < XML_ERR_ERROR) return;
  auto *self = static_cast<ems_xml *>(context);
  if (!self->message.empty()) return;
  self->message = error->message == nullptr ? "not well-formed" : error->message;
  while (!self->message.empty() && (self->message.back() == '\n' || self->message.back() == '.')) self->message.pop_back();
  for (char &c : self->message) if (c == '\n' || c == '\r' || c == '\t') c = ' ';
  self->line = error->line;
}

void Silent(void *, const char *, ...) {}

}  // namespace

extern "C" {

ems_xml *ems_xml_new(int utf8) {
  Start();
  auto *self = new (std::nothrow) ems_xml;
  if (self == nullptr) return nullptr;
  self->handler.initialized = XML_SAX2_MAGIC;
  self->handler.startElementNs = StartElement;
  self->handler.endElementNs = EndElement;
  self->handler.characters = Characters;
  self->handler.ignorableWhitespace = Characters;
  self->handler.cdataBlock = Characters;
  self->handler.getEntity = GetEntity;
  self->handler.serror = nullptr;
  self->context = xmlCreatePushParserCtxt(&self->handler, self, nullptr, 0, nullptr);
  if (self->context == nullptr) {
    delete self;
    return nullptr;
  }
  xmlCtxtUseOptions(self->context, XML_PARSE_NONET | XML_PARSE_NOENT | (utf8 ? XML_PARSE_IGNORE_ENC : 0));
  self->context->sax->warning = Silent;
  self->context->sax->error = Silent;
  return self;
}

void ems_xml_delete(ems_xml *parser) {
  if (parser == nullptr) return;
  xmlFreeDoc(parser->context->myDoc);
  xmlFreeParserCtxt(parser->context);
  delete parser;
}

int ems_xml_push(ems_xml *parser, const void *bytes, size_t count, int last) {
  parser->events.clear();
  parser->attributes.clear();
  parser->arena.clear();
  parser->next = 0;
  if (parser->failed) return -1;
  const int code = xmlParseChunk(parser->context, static_cast<const char *>(bytes), static_cast<int>(count), last);
  // Errors from which the parser recovers (a namespace without a declaration) are none for us.
  if (code == 0 || parser->context->wellFormed) return 0;
  parser->failed = true;
  const xmlError *error = xmlCtxtGetLastError(parser->context);
  parser->message.clear();
  if (error != nullptr) StructuredError(parser, const_cast<xmlErrorPtr>(error));
  if (parser->message.empty()) parser->message = "it is not well-formed";
  return -1;
}

int ems_xml_next(ems_xml *parser) {
  if (parser->next >= parser->events.size()) return 0;
  return parser->events[parser->next++].kind;
}

const char *ems_xml_value(const ems_xml *parser, size_t *count) {
  const Event &event = parser->events[parser->next - 1];
  *count = event.count;
  return parser->arena.data() + event.start;
}

const char *ems_xml_attribute(const ems_xml *parser, const char *name) {
  const Event &event = parser->events[parser->next - 1];
  for (size_t i = event.first_attribute; i < event.first_attribute + event.attributes; i++) {
    if (std::strcmp(parser->arena.data() + parser->attributes[i].first, name) == 0) {
      return parser->arena.data() + parser->attributes[i].second;
    }
  }
  return nullptr;
}

const char *ems_xml_error(const ems_xml *parser, int *line) {
  *line = parser->line;
  return parser->message.c_str();
}

}  // extern "C"

namespace {

using View = std::string_view;

bool Among(View name, std::initializer_list<View> names) {
  for (View other : names) if (name == other) return true;
  return false;
}

/// Elements whose content is no text of the page.
bool IsHidden(View name) {
  return Among(name, {"script", "style", "noscript", "template", "head", "nav", "footer", "aside", "form", "button",
                      "select", "textarea", "svg", "iframe", "object", "math", "menu", "audio", "video", "canvas", "dialog"});
}

bool IsInline(View name) {
  return Among(name, {"a", "abbr", "acronym", "b", "bdi", "bdo", "big", "cite", "code", "data", "del", "dfn", "em", "font",
                      "i", "ins", "kbd", "label", "mark", "q", "rp", "rt", "ruby", "s", "samp", "small", "span", "strike",
                      "strong", "sub", "sup", "time", "tt", "u", "var", "wbr", "img", "nobr"});
}

View Text(const xmlChar *text) { return text == nullptr ? View() : View(reinterpret_cast<const char *>(text)); }

View Attribute(const xmlNode *node, View name) {
  for (const xmlAttr *a = node->properties; a != nullptr; a = a->next) {
    if (Text(a->name) == name) return a->children == nullptr ? View() : Text(a->children->content);
  }
  return View();
}

bool HasAttribute(const xmlNode *node, View name) {
  for (const xmlAttr *a = node->properties; a != nullptr; a = a->next) if (Text(a->name) == name) return true;
  return false;
}

/// What pages themselves say is not their content.
bool IsAside(const xmlNode *node) {
  if (node->properties == nullptr) return false;
  if (HasAttribute(node, "hidden") || Attribute(node, "aria-hidden") == "true") return true;
  return Among(Attribute(node, "role"), {"navigation", "banner", "contentinfo", "search", "menu", "menubar", "dialog"});
}

struct Page {
  std::string text;
  std::vector<ems_html_block> blocks;
};

int HeadingLevel(View name) {
  return name.size() == 2 && name[0] == 'h' && name[1] >= '1' && name[1] <= '6' ? name[1] - '0' : 0;
}

struct Walk {
  Page &page;
  ems_html_block block{};
  bool space = false;
  int links = 0;
  int heading = 0;

  void EndBlock() {
    block.count = page.text.size() - block.start;
    if (block.characters > 0) {
      block.heading = heading;
      page.blocks.push_back(block);
    }
    block = {page.text.size(), 0, 0, 0, 0};
    space = false;
  }

  /// Whether to go on with what is inside.
  bool Enter(const xmlNode *node) {
    if (node->type == XML_TEXT_NODE || node->type == XML_CDATA_SECTION_NODE) {
      Add(Text(node->content));
      return false;
    }
    if (node->type != XML_ELEMENT_NODE) return false;
    const View name = Text(node->name);
    if (IsHidden(name) || IsAside(node)) return false;
    if (!IsInline(name)) EndBlock();
    if (node->children == nullptr) return false;
    if (name == "a") links++;
    if (HeadingLevel(name) > 0) heading = HeadingLevel(name);
    return true;
  }

  void Leave(const xmlNode *node) {
    const View name = Text(node->name);
    if (!IsInline(name)) EndBlock();
    if (name == "a") links--;
    if (HeadingLevel(name) > 0) heading = 0;
  }

  void Add(View text) {
    size_t i = 0;
    while (i < text.size()) {
      const unsigned char c = static_cast<unsigned char>(text[i]);
      const bool hard = c == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) == 0xA0;
      if (c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || hard) {
        space = block.characters > 0;
        i += hard ? 2 : 1;
        continue;
      }
      if (space) page.text.push_back(' ');
      space = false;
      // A character counts where it begins.
      if ((c & 0xC0) != 0x80) {
        block.characters++;
        if (links > 0) block.linked++;
      }
      page.text.push_back(static_cast<char>(c));
      i++;
    }
  }
};

}  // namespace

extern "C" int ems_html_blocks(const void *bytes, size_t count, const char *encoding, const ems_html_block **blocks,
                               size_t *block_count, const char **text) {
  static thread_local Page page;
  Start();
  page.text.clear();
  page.blocks.clear();
  *blocks = nullptr;
  *block_count = 0;
  *text = "";
  if (count > INT32_MAX) return -1;
  htmlDocPtr document = htmlReadMemory(
      static_cast<const char *>(bytes), static_cast<int>(count), nullptr, encoding,
      HTML_PARSE_RECOVER | HTML_PARSE_NOERROR | HTML_PARSE_NOWARNING | HTML_PARSE_NONET | HTML_PARSE_COMPACT);
  if (document == nullptr) return -1;
  Walk walk{page};
  const xmlNode *root = xmlDocGetRootElement(document);
  const xmlNode *node = root;
  // Without recursion: pages nest as deep as they like.
  while (node != nullptr) {
    if (walk.Enter(node)) {
      node = node->children;
      continue;
    }
    while (node != root && node->next == nullptr) {
      node = node->parent;
      walk.Leave(node);
    }
    if (node == root) break;
    node = node->next;
  }
  walk.EndBlock();
  xmlFreeDoc(document);
  *blocks = page.blocks.data();
  *block_count = page.blocks.size();
  *text = page.text.data();
  return 0;
}
