// What torch.optim needs and tch's bindings lack: the in-place operations with `alpha=` and `value=`, norms, grad = None, and
// Adam for many parameters in one call.
#include <ATen/core/Tensor.h>
#include <ATen/ops/_fused_adam.h>
#include <ATen/ops/_fused_adamw.h>
#include <ATen/ops/add.h>
#include <ATen/ops/addcdiv.h>
#include <ATen/ops/addcmul.h>
#include <ATen/ops/from_blob.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linalg_vector_norm.h>
#include <ATen/ops/sqrt_cpu_dispatch.h>

#include <functional>
#include <map>
#include <tuple>
#include <vector>

#include "guard.h"

namespace {

// What adam/exact.rs knows of a parameter, and what it asks for: `AdamSlot` in ffi.rs.
struct AdamSlot {
  const at::Tensor* param;
  const at::Tensor* exp_avg; // null where there is no state yet
  const at::Tensor* exp_avg_sq;
  int32_t grad; // 0: there is none; 1: what follows is filled in; 2: not for a plain loop
  int64_t numel;
  float* values[4]; // of the parameter, its gradient, exp_avg, exp_avg_sq
};

// Whether the elements are numel() floats on the CPU, one after the other, that mean what they say.
bool is_plain(const at::Tensor& t) {
  return t.layout() == at::kStrided && t.is_cpu() && t.scalar_type() == at::kFloat && t.is_contiguous() && !t.is_neg() &&
      !t._is_zerotensor();
}

bool overlap(const float* a, const float* b, int64_t numel) {
  std::less<const float*> before;
  return before(a, b + numel) && before(b, a + numel);
}

void fill(AdamSlot& slot) {
  const at::Tensor& grad = slot.param->grad();
  slot.grad = grad.defined() ? 2 : 0;
  if (!grad.defined() || slot.exp_avg == nullptr) {
    return;
  }
  const at::Tensor* tensors[4] = {slot.param, &grad, slot.exp_avg, slot.exp_avg_sq};
  for (const at::Tensor* t : tensors) {
    if (!is_plain(*t) || t->sizes() != slot.param->sizes()) {
      return;
    }
  }
  slot.numel = slot.param->numel();
  for (int i = 0; i < 4; i++) {
    slot.values[i] = static_cast<float*>(tensors[i]->mutable_data_ptr());
    for (int j = 0; j < i; j++) {
      if (overlap(slot.values[i], slot.values[j], slot.numel)) {
        return;
      }
    }
  }
  // An operation in place counts the versions up: autograd refuses to go back through a value that is no longer there.
  for (const at::Tensor* t : {slot.param, slot.exp_avg, slot.exp_avg_sq}) {
    t->unsafeGetTensorImpl()->bump_version();
  }
  slot.grad = 1;
}

// A parameter of a fused step: `FusedAdamSlot` in ffi.rs.
struct FusedAdamSlot {
  const at::Tensor* param;
  const at::Tensor* grad;
  const at::Tensor* exp_avg;
  const at::Tensor* exp_avg_sq;
  const at::Tensor* max_exp_avg_sq; // null without amsgrad
  double step;
};

// `FusedAdamOptions` in ffi.rs.
struct FusedAdamOptions {
  double lr, beta1, beta2, weight_decay, eps;
  bool amsgrad, maximize, decoupled_weight_decay;
};

// The lists that one call of the operation takes: parameters of one device and dtype.
struct FusedAdamLists {
  std::vector<at::Tensor> params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, steps;

  void push(const FusedAdamSlot& slot) {
    // Only read, so parameters with the same count share one tensor.
    if (steps.empty() || step != slot.step) {
      step = slot.step;
      steps.push_back(at::full({}, step, slot.param->options().dtype(at::kFloat).requires_grad(false)));
    } else {
      steps.push_back(steps.back());
    }
    params.push_back(*slot.param);
    grads.push_back(*slot.grad);
    exp_avgs.push_back(*slot.exp_avg);
    exp_avg_sqs.push_back(*slot.exp_avg_sq);
    if (slot.max_exp_avg_sq != nullptr) {
      max_exp_avg_sqs.push_back(*slot.max_exp_avg_sq);
    }
  }

 private:
  double step = 0;
};

} // namespace

extern "C" {

// self += alpha * other
char* te_add_(at::Tensor* self, const at::Tensor* other, double alpha) {
  return guard([&] { self->add_(*other, alpha); });
}

// *out = self + alpha * other
char* te_add(const at::Tensor* self, const at::Tensor* other, double alpha, at::Tensor** out) {
  return guard([&] { *out = new at::Tensor(self->add(*other, alpha)); });
}

// self += value * a * b
char* te_addcmul_(at::Tensor* self, const at::Tensor* a, const at::Tensor* b, double value) {
  return guard([&] { self->addcmul_(*a, *b, value); });
}

// self += value * a / b
char* te_addcdiv_(at::Tensor* self, const at::Tensor* a, const at::Tensor* b, double value) {
  return guard([&] { self->addcdiv_(*a, *b, value); });
}

// *out = torch.linalg.vector_norm(self, ord)
char* te_vector_norm(const at::Tensor* self, double ord, at::Tensor** out) {
  return guard([&] { *out = new at::Tensor(at::linalg_vector_norm(*self, ord)); });
}

// self.grad = None
char* te_clear_grad(at::Tensor* self) {
  return guard([&] { self->mutable_grad().reset(); });
}

// self.grad = grad
char* te_set_grad(at::Tensor* self, const at::Tensor* grad) {
  return guard([&] { self->mutable_grad() = *grad; });
}

// Looks at each parameter's gradient and finds the memory of those that a plain loop may update in place, which counts as
// done: their versions go up.
char* te_adam_slots(AdamSlot* slots, size_t n) {
  return guard([&] {
    for (size_t i = 0; i < n; i++) {
      fill(slots[i]);
    }
  });
}

// numbers = torch.sqrt(numbers)
char* te_sqrt(float* numbers, int64_t n) {
  return guard([&] {
    at::Tensor t = at::from_blob(numbers, {n}, at::kFloat);
    at::cpu::sqrt_(t);
  });
}

// torch._fused_adam_ or torch._fused_adamw_, once for each device and dtype
char* te_fused_adam(const FusedAdamSlot* slots, size_t n, const FusedAdamOptions* o) {
  return guard([&] {
    std::map<std::tuple<c10::DeviceType, c10::DeviceIndex, c10::ScalarType>, FusedAdamLists> groups;
    for (size_t i = 0; i < n; i++) {
      const at::Tensor& param = *slots[i].param;
      groups[{param.device().type(), param.device().index(), param.scalar_type()}].push(slots[i]);
    }
    for (auto& [_, l] : groups) {
      auto step = o->decoupled_weight_decay ? at::_ops::_fused_adamw_::call : at::_ops::_fused_adam_::call;
      step(
          l.params, l.grads, l.exp_avgs, l.exp_avg_sqs, l.max_exp_avg_sqs, l.steps, o->lr, o->beta1, o->beta2,
          o->weight_decay, o->eps, o->amsgrad, o->maximize, std::nullopt, std::nullopt);
    }
    // The kernels do not count the parameters' versions up (nor do they in Python: the gradients of whoever steps between
    // forward and backward are silently wrong there).
    for (size_t i = 0; i < n; i++) {
      slots[i].param->unsafeGetTensorImpl()->bump_version();
    }
  });
}
}
