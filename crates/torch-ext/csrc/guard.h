// Runs f without letting an exception reach Rust: returns nullptr on success, else a message that the caller frees.
#pragma once
#include <cstring>
#include <exception>

template <class F>
char* guard(F f) noexcept {
  try {
    f();
    return nullptr;
  } catch (const std::exception& e) {
    return strdup(e.what());
  } catch (...) {
    return strdup("an exception of an unknown type");
  }
}
