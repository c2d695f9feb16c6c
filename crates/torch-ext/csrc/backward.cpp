// loss.backward() without libtorch's engine, which saves and restores the thread's state around every node.
#include <ATen/ops/add.h>
#include <ATen/ops/ones_like.h>
#include <torch/csrc/autograd/anomaly_mode.h>
#include <torch/csrc/autograd/engine.h>
#include <torch/csrc/autograd/function.h>
#include <torch/csrc/autograd/grad_mode.h>
#include <torch/csrc/autograd/variable.h>

#include <cstdint>
#include <optional>
#include <queue>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "guard.h"

namespace {

using namespace torch::autograd;

// Whether calling the node is all that the engine would do: no hooks, and no gradient on a device with streams.
bool is_plain(Node& node) {
  if (!node.tensor_pre_hooks().empty() || !node.pre_hooks().empty() || !node.post_hooks().empty() ||
      !node.retains_grad_hooks().empty()) {
    return false;
  }
  for (uint32_t i = 0; i < node.num_inputs(); ++i) {
    if (!node.input_metadata(i).device().is_cpu()) return false;
  }
  return true;
}

// Whether a gradient may be overwritten: it is the only handle to its memory, which is dense.
bool is_unshared(const at::Tensor& grad) {
  return grad.use_count() == 1 && grad.has_storage() && grad.storage().use_count() == 1 &&
      grad.is_non_overlapping_and_dense() && !grad._is_zerotensor();
}

// sum += grad
void accumulate(at::Tensor& sum, at::Tensor&& grad) {
  if (!grad.defined()) return;
  if (!sum.defined()) {
    sum = std::move(grad);
  } else if (sum.is_sparse()) {
    sum = grad.add(sum);  // dense + sparse: ATen has no sparse + dense
  } else if (is_unshared(sum)) {
    sum.add_(grad);
  } else {
    sum = sum.add(grad);
  }
}

// The nodes that are reachable from a root, with the data that one backward pass needs. The caller keeps the root, and so all
// nodes, alive.
class Graph {
 public:
  // None if a node is not plain.
  static std::optional<Graph> reachable_from(Node& root) {
    Graph graph;
    graph.add(root);
    for (size_t i = 0; i < graph.steps_.size(); ++i) {
      Node& node = *graph.steps_[i].node;
      if (!is_plain(node)) return std::nullopt;
      for (const Edge& edge : node.next_edges()) {
        if (edge.is_valid()) ++graph.steps_[graph.add(*edge.function)].missing;
      }
    }
    return graph;
  }

  // Calls every node after all its gradients have been computed. Of several ready nodes the one created last comes first, as in
  // the engine, so that gradients are summed in the same order.
  void run(uint32_t root_input, at::Tensor&& grad) {
    std::priority_queue<std::pair<uint64_t, size_t>> ready;
    accumulate(steps_[0].grads[root_input], std::move(grad));
    ready.emplace(steps_[0].node->sequence_nr(), 0);
    while (!ready.empty()) {
      Step& step = steps_[ready.top().second];
      ready.pop();
      Node& node = *step.node;
      node.will_release_variables();
      variable_list inputs = std::move(step.grads);  // freed in this step, also if the node does not take them
      variable_list grads = node(std::move(inputs));
      inputs.clear();
      validate_outputs(node.next_edges(), grads, [&](const std::string& fault) {
        return "Function " + node.name() + " returned an " + fault;
      });
      node.release_variables();
      for (size_t i = 0; i < grads.size(); ++i) {
        const Edge& edge = node.next_edge(i);
        if (!edge.is_valid()) continue;
        const size_t index = indices_.at(edge.function.get());
        accumulate(steps_[index].grads[edge.input_nr], std::move(grads[i]));
        if (--steps_[index].missing == 0) ready.emplace(edge.function->sequence_nr(), index);
      }
    }
  }

 private:
  struct Step {
    Node* node;
    variable_list grads;  // the sums so far, one for each input
    size_t missing = 0;   // edges whose gradient has not been computed yet
  };

  // The index of a node's step; a new step for a new node.
  size_t add(Node& node) {
    const auto [found, is_new] = indices_.emplace(&node, steps_.size());
    if (is_new) steps_.push_back({&node, variable_list(node.num_inputs())});
    return found->second;
  }

  std::vector<Step> steps_;
  std::unordered_map<Node*, size_t> indices_;
};

}  // namespace

extern "C" {

// loss.backward() for a scalar; releases the graph.
char* te_backward(const at::Tensor* loss) {
  return guard([&] {
    Edge root;  // keeps the node alive, also a leaf's
    std::optional<Graph> graph;
    if (loss->requires_grad() && loss->numel() == 1 && loss->is_floating_point() && !AnomalyMode::is_enabled()) {
      root = impl::gradient_edge(*loss);
      graph = Graph::reachable_from(*root.function);
    }
    if (!graph) {
      loss->backward();  // the engine, or its error message
      return;
    }
    const AutoGradMode no_grad(false);
    graph->run(root.input_nr, at::ones_like(*loss, at::MemoryFormat::Contiguous));
  });
}
}
