#include "CCurl.h"

#include <stdio.h>
#include <strings.h>

// curl calls back with its own signatures; these carry ours to where they are called.
typedef struct {
  ems_curl_sink header, body;
  ems_curl_watch watch;
  void *context;
} callbacks;

static size_t on_header(char *bytes, size_t size, size_t count, void *user) {
  const callbacks *c = user;
  return c->header(c->context, bytes, size * count);
}

static size_t on_body(char *bytes, size_t size, size_t count, void *user) {
  const callbacks *c = user;
  return c->body(c->context, bytes, size * count);
}

static int on_progress(void *user, curl_off_t a, curl_off_t b, curl_off_t d, curl_off_t e) {
  const callbacks *c = user;
  (void)a, (void)b, (void)d, (void)e;
  return c->watch(c->context);
}

int ems_curl_start(void) { return curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK; }

CURLcode ems_curl_get(
    CURL *curl, const ems_curl_request *request, ems_curl_sink header, ems_curl_sink body, ems_curl_watch watch,
    void *context, char message[CURL_ERROR_SIZE]) {
  callbacks c = {header, body, watch, context};
  message[0] = 0;
  // Keeps connections, drops every option of the request before.
  curl_easy_reset(curl);

  struct curl_slist *headers = curl_slist_append(NULL, "Accept-Encoding: identity");
  if (request->if_range) {
    char line[1024];
    int count = snprintf(line, sizeof line, "If-Range: %s", request->if_range);
    struct curl_slist *longer =
        count > 0 && (size_t)count < sizeof line ? curl_slist_append(headers, line) : NULL;
    if (!longer) {
      curl_slist_free_all(headers);
      return CURLE_OUT_OF_MEMORY;
    }
    headers = longer;
  }

  CURLcode code = CURLE_OK;
#define SET(option, value) \
  if (code == CURLE_OK) code = curl_easy_setopt(curl, option, value)
  SET(CURLOPT_URL, request->url);
  SET(CURLOPT_PROTOCOLS_STR, "http,https,file");
  // What came by https is not to go on in clear.
  SET(CURLOPT_REDIR_PROTOCOLS_STR, strncasecmp(request->url, "https:", 6) ? "http,https" : "https");
  SET(CURLOPT_FOLLOWLOCATION, 1L);
  SET(CURLOPT_MAXREDIRS, 10L);
  SET(CURLOPT_NOSIGNAL, 1L);
  SET(CURLOPT_NOPROGRESS, 0L);
  SET(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  SET(CURLOPT_USERAGENT, "ems");
  SET(CURLOPT_HTTPHEADER, headers);
  SET(CURLOPT_CONNECTTIMEOUT, request->connect_seconds);
  SET(CURLOPT_LOW_SPEED_LIMIT, 100L);
  SET(CURLOPT_LOW_SPEED_TIME, request->stall_seconds);
  SET(CURLOPT_BUFFERSIZE, 1L << 18);
  SET(CURLOPT_HEADERFUNCTION, on_header);
  SET(CURLOPT_HEADERDATA, &c);
  SET(CURLOPT_WRITEFUNCTION, on_body);
  SET(CURLOPT_WRITEDATA, &c);
  SET(CURLOPT_XFERINFOFUNCTION, on_progress);
  SET(CURLOPT_XFERINFODATA, &c);
  SET(CURLOPT_ERRORBUFFER, message);
  if (request->range) SET(CURLOPT_RANGE, request->range);
  if (request->proxy) SET(CURLOPT_PROXY, request->proxy);
#undef SET
  if (code == CURLE_OK) code = curl_easy_perform(curl);
  // The options point to memory that is about to go.
  curl_easy_reset(curl);
  curl_slist_free_all(headers);
  return code;
}
