// How C++ meets Rust: an exception becomes a string that the caller owns, success becomes nullptr.
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
