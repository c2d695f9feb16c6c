// Operations of torch.optim that tch lacks: in-place operations with `alpha=` and `value=`, norms, grad = None, and Adam for
// many parameters in one call.
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

// A parameter and its state: `AdamTensors` in ffi.rs. te_adam_find_data reads the first three fields and writes the others.
struct AdamTensors {
  const at::Tensor* param;
  const at::Tensor* exp_avg; // null if there is no state yet
  const at::Tensor* exp_avg_sq;
  int32_t grad; // 0: no gradient; 1: the fields below are set; 2: there is one, but a plain loop cannot be used
  int64_t numel;
  float* values[4]; // of the parameter, its gradient, exp_avg, exp_avg_sq
};

// Whether the tensor's memory is numel() contiguous floats on the CPU that are its values.
bool is_plain(const at::Tensor& t) {
  return t.layout() == at::kStrided && t.is_cpu() && t.scalar_type() == at::kFloat && t.is_contiguous() && !t.is_neg() &&
      !t._is_zerotensor();
}

bool overlap(const float* a, const float* b, int64_t numel) {
  std::less<const float*> before;
  return before(a, b + numel) && before(b, a + numel);
}

void find_data(AdamTensors& t) {
  const at::Tensor& grad = t.param->grad();
  t.grad = grad.defined() ? 2 : 0;
  if (!grad.defined() || t.exp_avg == nullptr) {
    return;
  }
  const at::Tensor* tensors[4] = {t.param, &grad, t.exp_avg, t.exp_avg_sq};
  for (const at::Tensor* tensor : tensors) {
    if (!is_plain(*tensor) || tensor->sizes() != t.param->sizes()) {
      return;
    }
  }
  t.numel = t.param->numel();
  for (int i = 0; i < 4; i++) {
    t.values[i] = static_cast<float*>(tensors[i]->mutable_data_ptr());
    for (int j = 0; j < i; j++) {
      if (overlap(t.values[i], t.values[j], t.numel)) {
        return;
      }
    }
  }
  // As every in-place operation: autograd then detects that a saved value has been overwritten.
  for (const at::Tensor* tensor : {t.param, t.exp_avg, t.exp_avg_sq}) {
    tensor->unsafeGetTensorImpl()->bump_version();
  }
  t.grad = 1;
}

// A parameter of a fused step: `FusedAdamTensors` in ffi.rs.
struct FusedAdamTensors {
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

// The arguments of one call of the operation: parameters of one device and dtype.
struct FusedAdamLists {
  std::vector<at::Tensor> params, grads, exp_avgs, exp_avg_sqs, max_exp_avg_sqs, steps;

  void push(const FusedAdamTensors& t) {
    // The kernel only reads the steps, so parameters with the same count share one tensor.
    if (steps.empty() || step != t.step) {
      step = t.step;
      steps.push_back(at::full({}, step, t.param->options().dtype(at::kFloat).requires_grad(false)));
    } else {
      steps.push_back(steps.back());
    }
    params.push_back(*t.param);
    grads.push_back(*t.grad);
    exp_avgs.push_back(*t.exp_avg);
    exp_avg_sqs.push_back(*t.exp_avg_sq);
    if (t.max_exp_avg_sq != nullptr) {
      max_exp_avg_sqs.push_back(*t.max_exp_avg_sq);
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

// Finds the memory of each parameter that a plain loop can update in place. The caller will do so: the versions are increased
// here.
char* te_adam_find_data(AdamTensors* tensors, size_t n) {
  return guard([&] {
    for (size_t i = 0; i < n; i++) {
      find_data(tensors[i]);
    }
  });
}

// values = torch.sqrt(values). Calls the kernel below libtorch's thread-local settings, so any thread may call it.
char* te_sqrt(float* values, int64_t n) {
  return guard([&] {
    at::Tensor t = at::from_blob(values, {n}, at::kFloat);
    at::cpu::sqrt_(t);
  });
}

// torch._fused_adam_ or torch._fused_adamw_, once for each device and dtype
char* te_fused_adam(const FusedAdamTensors* tensors, size_t n, const FusedAdamOptions* o) {
  return guard([&] {
    std::map<std::tuple<c10::DeviceType, c10::DeviceIndex, c10::ScalarType>, FusedAdamLists> groups;
    for (size_t i = 0; i < n; i++) {
      const at::Tensor& param = *tensors[i].param;
      groups[{param.device().type(), param.device().index(), param.scalar_type()}].push(tensors[i]);
    }
    for (auto& [_, l] : groups) {
      auto step = o->decoupled_weight_decay ? at::_ops::_fused_adamw_::call : at::_ops::_fused_adam_::call;
      step(
          l.params, l.grads, l.exp_avgs, l.exp_avg_sqs, l.max_exp_avg_sqs, l.steps, o->lr, o->beta1, o->beta2,
          o->weight_decay, o->eps, o->amsgrad, o->maximize, std::nullopt, std::nullopt);
    }
    // The kernels do not increase the parameters' versions. (In Python a step between forward and backward therefore gives
    // wrong gradients without an error.)
    for (size_t i = 0; i < n; i++) {
      tensors[i].param->unsafeGetTensorImpl()->bump_version();
    }
  });
}
}
