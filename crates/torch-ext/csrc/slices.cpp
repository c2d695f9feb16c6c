// The memory of an f32 tensor, in one call.
#include <ATen/core/Tensor.h>

#include <algorithm>

extern "C" {

// The memory of a dense f32 tensor on the CPU, from the first element to the last, including gaps between elements.
struct F32Data {
  float* data;
  size_t length;
  bool contiguous;
  int64_t last_size; // of the last dimension; 1 if there are no dimensions
};

// False for any other tensor: undefined, of another type or device, or one whose memory does not hold its values.
bool te_f32_data(const at::Tensor* tensor, F32Data* out) {
  if (!tensor->defined() || tensor->scalar_type() != at::kFloat || !tensor->device().is_cpu() ||
      tensor->layout() != at::kStrided || tensor->is_neg() || tensor->_is_zerotensor()) {
    return false;
  }
  size_t last = 0;
  for (int64_t d = 0; d < tensor->dim(); ++d) last += (tensor->size(d) - 1) * tensor->stride(d);
  *out = {static_cast<float*>(tensor->unsafeGetTensorImpl()->mutable_data()), tensor->numel() ? last + 1 : 0,
          tensor->is_contiguous(), tensor->dim() ? tensor->size(-1) : 1};
  return true;
}

// Overwrites the elements of a contiguous f32 tensor on the CPU with as many values, as an in-place operation does. False for
// another tensor.
bool te_write_f32(const at::Tensor* tensor, const float* values, size_t length) {
  F32Data to;
  if (!te_f32_data(tensor, &to) || !to.contiguous || to.length != length) {
    return false;
  }
  std::copy(values, values + length, to.data);
  if (!tensor->is_inference()) {
    tensor->unsafeGetTensorImpl()->bump_version(); // autograd then detects that a saved value has been overwritten
  }
  return true;
}
}
