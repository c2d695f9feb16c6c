// loss.backward() without libtorch's engine, which sets up the thread's state anew around every node.
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

// Whether a node asks for nothing but to be called: no hooks, and no gradient on a device with streams.
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

// Whether a gradient may be written over: nobody else has it or its memory, and it lies there as its sizes say.
bool is_ours(const at::Tensor& grad) {
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
  } else if (is_ours(sum)) {
    sum.add_(grad);
  } else {
    sum = sum.add(grad);
  }
}

// What hangs below a node, with as much bookkeeping as one walk needs. Whoever holds the graph keeps the nodes alive.
class Graph {
 public:
  // None if one of the nodes is not plain.
  static std::optional<Graph> below(Node& root) {
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

  // Calls every node once all its gradients are there: of those that wait the one made last, as the engine does, so that sums
  // of gradients are added up in its order.
  void walk(uint32_t root_input, at::Tensor&& grad) {
    std::priority_queue<std::pair<uint64_t, size_t>> ready;
    accumulate(steps_[0].grads[root_input], std::move(grad));
    ready.emplace(steps_[0].node->sequence_nr(), 0);
    while (!ready.empty()) {
      Step& step = steps_[ready.top().second];
      ready.pop();
      Node& node = *step.node;
      node.will_release_variables();
      variable_list arrived = std::move(step.grads);  // freed with this step: a node need not take what it is given
      variable_list grads = node(std::move(arrived));
      arrived.clear();
      validate_outputs(node.next_edges(), grads, [&](const std::string& fault) {
        return "Function " + node.name() + " returned an " + fault;
      });
      node.release_variables();
      for (size_t i = 0; i < grads.size(); ++i) {
        const Edge& edge = node.next_edge(i);
        if (!edge.is_valid()) continue;
        const size_t place = places_.at(edge.function.get());
        accumulate(steps_[place].grads[edge.input_nr], std::move(grads[i]));
        if (--steps_[place].missing == 0) ready.emplace(edge.function->sequence_nr(), place);
      }
    }
  }

 private:
  struct Step {
    Node* node;
    variable_list grads;  // what has arrived, one for each input
    size_t missing = 0;   // edges on which something is still to arrive
  };

  // The place of a node among the steps.
  size_t add(Node& node) {
    const auto [found, is_new] = places_.emplace(&node, steps_.size());
    if (is_new) steps_.push_back({&node, variable_list(node.num_inputs())});
    return found->second;
  }

  std::vector<Step> steps_;
  std::unordered_map<Node*, size_t> places_;
};

}  // namespace

extern "C" {

// loss.backward(): gradients for all leaves below a scalar, and the graph is released.
char* te_backward(const at::Tensor* loss) {
  return guard([&] {
    Edge root;  // a leaf's node lives as long as an edge to it
    std::optional<Graph> graph;
    if (loss->requires_grad() && loss->numel() == 1 && loss->is_floating_point() && !AnomalyMode::is_enabled()) {
      root = impl::gradient_edge(*loss);
      graph = Graph::below(*root.function);
    }
    if (!graph) {
      loss->backward();  // or its words for what is wrong
      return;
    }
    const AutoGradMode no_grad(false);
    graph->walk(root.input_nr, at::ones_like(*loss, at::MemoryFormat::Contiguous));
  });
}
}
