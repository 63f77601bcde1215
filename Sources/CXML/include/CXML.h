#pragma once
// A C face for libxml2: XML as a row of events from bytes that are pushed in, and the blocks of text of an HTML page.
//
// No document type definition is looked at, no entity but XML's own five is known, and nothing outside of the bytes given is
// ever read: a bomb of entities or a reference to a file is an error of the input.
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct ems_xml ems_xml;

enum { EMS_XML_START = 1, EMS_XML_END = 2, EMS_XML_TEXT = 3 };

/// A parser; NULL if there is no memory. With `utf8` the bytes are UTF-8 whatever the declaration says.
ems_xml *ems_xml_new(int utf8);
void ems_xml_delete(ems_xml *parser);
/// Takes the next bytes; with `last`, the input ends. Returns 0, or -1 if it is not well-formed (ems_xml_error). Events from
/// before the error are there in both cases.
int ems_xml_push(ems_xml *parser, const void *bytes, size_t count, int last);
/// Goes to the next event of what was pushed. Returns its kind, or 0 if there is none.
int ems_xml_next(ems_xml *parser);
/// The name of the element of a start or an end, without prefix; the text of a text. Holds until the next push.
const char *ems_xml_value(const ems_xml *parser, size_t *count);
/// An attribute of a start by its name, with prefix `xml:` where it has that; NULL if it is not there.
const char *ems_xml_attribute(const ems_xml *parser, const char *name);
/// What is wrong, and in which line, from 1.
const char *ems_xml_error(const ems_xml *parser, int *line);

typedef struct {
  /// Where the block's text lies in the text of all blocks, UTF-8, with white space collapsed.
  size_t start, count;
  /// Of its characters, those in links.
  size_t linked;
  /// Its characters that are not white space.
  size_t characters;
  /// The level of a heading, 0 for other blocks.
  int heading;
} ems_html_block;

/// Reads a page. `encoding` may be NULL: then the page's own declaration counts. Blocks and text lie in memory of the calling
/// thread and hold until its next call. Returns 0, or -1 if nothing could be read.
int ems_html_blocks(const void *bytes, size_t count, const char *encoding, const ems_html_block **blocks,
                    size_t *block_count, const char **text);

#ifdef __cplusplus
}
#endif
