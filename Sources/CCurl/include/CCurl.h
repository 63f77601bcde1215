#pragma once
// A C face for what ems needs of libcurl, whose own calls take a variable number of arguments, which Swift cannot call.
#include <curl/curl.h>
#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// Readies libcurl for all threads; to be called once, before anything else. 0 on success.
int ems_curl_start(void);

typedef struct {
  /// http, https or file.
  const char *url;
  /// The value of a Range header without `bytes=`, or NULL for the whole.
  const char *range;
  /// The value of an If-Range header, or NULL.
  const char *if_range;
  /// A proxy, "" for none, NULL for what the environment says (http_proxy, https_proxy, all_proxy, no_proxy).
  const char *proxy;
  /// Seconds to connect, and seconds below 100 bytes a second until the transfer fails.
  long connect_seconds, stall_seconds;
} ems_curl_request;

/// Takes a piece and gives its size back; any other number ends the transfer with CURLE_WRITE_ERROR.
typedef size_t (*ems_curl_sink)(void *context, const char *bytes, size_t count);
/// Called about once a second and oftener; anything but 0 ends the transfer with CURLE_ABORTED_BY_CALLBACK.
typedef int (*ems_curl_watch)(void *context);

/// Gets one URL, following redirects to http and https only, and from https to https only. Blocks until the end.
///
/// `header` gets the header lines of every response on the way, `body` the bytes of the last one. `message` gets a line
/// for people, or stays empty.
CURLcode ems_curl_get(
    CURL *curl, const ems_curl_request *request, ems_curl_sink header, ems_curl_sink body, ems_curl_watch watch,
    void *context, char message[CURL_ERROR_SIZE]);

#ifdef __cplusplus
}
#endif
