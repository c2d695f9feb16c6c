// Declarations that <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp> needs. PyTorch's wheel does not have gloo's headers.
//
// c10d uses gloo's types only through pointers, so their layout does not matter here. This crate creates and calls none of them,
// and its object code refers to no symbol of gloo.
#pragma once
#include <chrono>

namespace gloo {
class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
};
}  // namespace gloo
