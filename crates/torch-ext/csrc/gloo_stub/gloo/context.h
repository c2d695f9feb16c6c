// What <torch/csrc/distributed/c10d/ProcessGroupGloo.hpp> has to know of gloo, whose own headers PyTorch's wheel leaves out.
// c10d holds gloo's types behind pointers alone, so that nothing here repeats a layout; we make and call none of them, and
// what is compiled with these declarations refers to no symbol of gloo's.
#pragma once
#include <chrono>

namespace gloo {
class Context {
 public:
  void setTimeout(std::chrono::milliseconds timeout);
};
}  // namespace gloo
