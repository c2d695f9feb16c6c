// A node of autograd's graph for an operation that was computed outside autograd: its backward is a Rust closure.
#include <c10/core/InferenceMode.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/functions/basic_ops.h>
#include <torch/csrc/autograd/functions/utils.h>
#include <torch/csrc/autograd/grad_mode.h>
#include <torch/csrc/autograd/saved_variable.h>
#include <torch/csrc/autograd/variable.h>

#include <algorithm>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "guard.h"

namespace {

using namespace torch::autograd;

extern "C" {
// Calls a closure. grads[i] is null if output i has no gradient; needed[i] is true if input i's gradient is needed. Writes a
// new tensor or null for every input. Returns null, or a message that the caller frees.
using Call = char* (*)(const void* closure, const at::Tensor* const* grads, size_t outputs, const bool* needed,
                       size_t inputs, at::Tensor** input_grads);
using Drop = void (*)(void* closure);
}

// Throws without the C++ backtrace that TORCH_CHECK appends.
template <class... Parts>
[[noreturn]] void fail(const Parts&... parts) {
  throw std::runtime_error(c10::str(parts...));
}

// Makes a node in the pointer type of this libtorch: intrusive_ptr, or shared_ptr up to 2.11.
template <class T, class... Args>
auto make_node(Args&&... args) {
  if constexpr (std::is_base_of_v<c10::intrusive_ptr_target, T>) {
    return c10::make_intrusive<T>(std::forward<Args>(args)...);
  } else {
    return std::shared_ptr<T>(new T(std::forward<Args>(args)...), [](auto* node) { deleteNode(node); });
  }
}

struct RustBackward final : Node {
  // Saves the inputs, so that autograd detects an in-place change before the backward.
  RustBackward(edge_list&& edges, std::string name, at::Tensor* const* inputs, std::shared_ptr<void> closure, Call call)
      : Node(std::move(edges)), name_(std::move(name)), closure_(std::move(closure)), call_(call) {
    saved_.reserve(num_outputs());
    for (size_t i = 0; i < num_outputs(); ++i) saved_.emplace_back(*inputs[i], /*is_output=*/false);
  }

  std::string name() const override { return name_; }

  void release_variables() override {
    std::shared_ptr<void> closure;  // dropped after the lock is released: it may hold the last reference to other nodes
    std::vector<SavedVariable> saved;
    const std::lock_guard lock(running_);
    closure.swap(closure_);
    saved.swap(saved_);
  }

 private:
  variable_list apply(variable_list&& grads) override {
    const std::lock_guard lock(running_);
    const std::shared_ptr<void> closure = closure_;
    if (!closure) fail(ERR_BACKWARD_TWICE);
    variable_list inputs;
    inputs.reserve(saved_.size());
    for (const SavedVariable& input : saved_) inputs.push_back(input.unpack());

    variable_list input_grads(inputs.size());
    if (std::none_of(grads.begin(), grads.end(), [](const at::Tensor& grad) { return grad.defined(); })) {
      return input_grads;
    }
    call(closure.get(), grads, input_grads);
    for (size_t i = 0; i < inputs.size(); ++i) check(i, inputs[i], input_grads[i]);
    if (GradMode::is_enabled()) forbid_second_derivatives(grads, input_grads);
    return input_grads;
  }

  void call(const void* closure, const variable_list& grads, variable_list& input_grads) const {
    std::vector<const at::Tensor*> given;
    given.reserve(grads.size());
    for (const at::Tensor& grad : grads) given.push_back(grad.defined() ? &grad : nullptr);
    const auto needed = std::make_unique<bool[]>(input_grads.size());
    for (size_t i = 0; i < input_grads.size(); ++i) needed[i] = task_should_compute_output(i);
    std::vector<at::Tensor*> results(input_grads.size(), nullptr);

    const AutoGradMode no_grad(false);
    char* message =
        call_(closure, given.data(), given.size(), needed.get(), results.size(), results.data());
    for (size_t i = 0; i < results.size(); ++i) {
      if (const std::unique_ptr<at::Tensor> result{results[i]}) input_grads[i] = std::move(*result);
    }
    if (message) {
      const std::unique_ptr<char, decltype(&std::free)> owner(message, &std::free);
      throw std::runtime_error(message);
    }
  }

  // Stricter than the engine, which would broadcast and cast: a closure that needs this has a mistake.
  void check(size_t i, const at::Tensor& input, at::Tensor& grad) const {
    if (!should_compute_output(i)) grad.reset();  // not needed, ignored as in torch
    if (!grad.defined()) return;
    if (grad.sizes() != input.sizes()) {
      fail(name_, ": the gradient of input ", i, " has shape ", grad.sizes(), ", but the input has shape ", input.sizes());
    }
    if (grad.scalar_type() != input.scalar_type() || grad.device() != input.device()) {
      fail(name_, ": the gradient of input ", i, " is ", grad.scalar_type(), " on ", grad.device(), ", but the input is ",
           input.scalar_type(), " on ", input.device());
    }
  }

  // create_graph=True: the gradients depend on the inputs and on the outputs' gradients, but have no derivative here. Adds a
  // node that throws if someone differentiates them.
  void forbid_second_derivatives(const variable_list& grads, variable_list& input_grads) const {
    edge_list edges = next_edges();
    for (const at::Tensor& grad : grads) {
      if (grad.defined()) edges.push_back(impl::gradient_edge(grad));
    }
    const auto error = make_node<Error>(
        "the derivative of " + name_ + "'s backward is not implemented (its backward is a Rust closure); " +
            "compute second derivatives with operations that have them",
        std::move(edges));
    for (at::Tensor& grad : input_grads) {
      if (!grad.defined()) continue;
      grad = grad.detach();  // the closure may have returned a tensor that is used elsewhere
      set_history(grad, error);
    }
  }

  const std::string name_;
  std::shared_ptr<void> closure_;  // null once released
  const Call call_;
  std::vector<SavedVariable> saved_;
  // Only one thread at a time calls the closure. Recursive, because the closure may start a backward that reaches this node.
  std::recursive_mutex running_;
};

void check_output(const std::string& name, at::Tensor* const* inputs, size_t n_inputs, at::Tensor* const* outputs, size_t i) {
  if (outputs[i]->requires_grad()) {
    fail(name, ": output ", i, " is in autograd's graph already; compute the outputs under no_grad");
  }
  const auto is_output = [&](const at::Tensor* other) { return other->is_same(*outputs[i]); };
  if (outputs[i]->defined() &&
      (std::any_of(inputs, inputs + n_inputs, is_output) || std::any_of(outputs, outputs + i, is_output))) {
    fail(name, ": output ", i, " is also an input or another output; return a copy of it");
  }
}

}  // namespace

extern "C" {

// Whether autograd would record an operation on these inputs.
bool te_is_recording(const at::Tensor* const* inputs, size_t n) {
  return GradMode::is_enabled() &&
         std::any_of(inputs, inputs + n, [](const at::Tensor* input) { return input->requires_grad(); });
}

// c10::InferenceMode on this thread, from enter to leave. Nested modes are left in reverse order.
c10::InferenceMode* te_inference_mode_enter() { return new c10::InferenceMode(true); }
void te_inference_mode_leave(c10::InferenceMode* mode) { delete mode; }

// tensor._version, or -1 for a tensor without one (made in inference mode, or undefined)
int64_t te_version(const at::Tensor* tensor) {
  return tensor->defined() && !tensor->is_inference() ? tensor->_version() : -1;
}

// Makes `outputs` the results of a node whose backward is `closure`. Takes ownership of the closure, also if it fails.
char* te_record(const char* name, size_t name_length, at::Tensor* const* inputs, size_t n_inputs,
                at::Tensor* const* outputs, size_t n_outputs, void* closure, Call call, Drop drop) {
  return guard([&] {
    std::shared_ptr<void> owned(closure, drop);
    std::string title(name, name_length);
    for (size_t i = 0; i < n_outputs; ++i) check_output(title, inputs, n_inputs, outputs, i);
    edge_list edges;
    edges.reserve(n_inputs);
    for (size_t i = 0; i < n_inputs; ++i) edges.push_back(inputs[i]->defined() ? impl::gradient_edge(*inputs[i]) : Edge());
    const auto node = make_node<RustBackward>(std::move(edges), std::move(title), inputs, std::move(owned), call);
    for (size_t i = 0; i < n_outputs; ++i) {
      const bool differentiable = outputs[i]->defined() && isDifferentiableType(outputs[i]->scalar_type());
      if (differentiable) {
        set_history(*outputs[i], node);
      } else {
        node->add_input_metadata(Node::undefined_input());
      }
    }
  });
}
}
