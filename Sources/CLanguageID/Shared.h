#pragma once
#include <cstdlib>
#include <cstring>
#include <exception>
#include <new>

namespace ems {

inline char *Copy(const char *text) {
  const size_t size = std::strlen(text) + 1;
  char *copy = static_cast<char *>(std::malloc(size));
  if (copy == nullptr) std::abort();
  std::memcpy(copy, text, size);
  return copy;
}

// Runs a body, and turns whatever is thrown in it into a message.
template <typename Body>
char *Guarded(const Body &body) noexcept {
  try {
    body();
    return nullptr;
  } catch (const std::bad_alloc &) {
    return Copy("not enough memory");
  } catch (const std::exception &error) {
    return Copy(error.what());
  } catch (...) {
    return Copy("an unknown exception");
  }
}

}  // namespace ems
