// All layers of a BERT encoder over windows that lie end to end, on processors with AVX-512 and 8-bit or bfloat16
// products (VNNI, AVX512-BF16, AMX).
//
// What lies between the products costs as much as they do where each step is an operator of its own, for it goes
// through memory every time. Here a block of kRows tokens goes through all of a layer but its attention while it stays
// in the cache: quantise, multiply, add, normalise. The products themselves are oneDNN's (PyTorch's `brgemm`).
//
// A token's numbers depend on its own window alone: every product has the same shape whatever the batch is, sums run
// over a row in one order, and blocks do not meet.

#include <ATen/Parallel.h>
#include <ATen/native/CPUBlas.h>
#include <ATen/ops/empty.h>
#include <torch/library.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <type_traits>
#include <vector>

namespace {

using at::BFloat16;
using at::Tensor;
using at::native::cpublas::brgemm;

constexpr int64_t kRows = 48;     // tokens of a block: with their widest states they stay in a second-level cache
constexpr int64_t kColumns = 64;  // outputs of a product: the width of a panel of packed weights
constexpr int64_t kQueries = 32;  // that attend at a time
constexpr int64_t kStep = 16;     // keys are filled up to a multiple of this
constexpr int64_t kLanes = 16;    // float32 in a vector
constexpr int64_t kTensors = 20;  // of a layer, see encode()

// Plain arithmetic that compilers turn into vector instructions, which calls of the C library would forbid.

inline uint16_t to_bf16(float value) {  // to the nearest, ties to even
  const uint32_t bits = __builtin_bit_cast(uint32_t, value);
  return static_cast<uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

inline float from_bf16(uint16_t value) { return __builtin_bit_cast(float, static_cast<uint32_t>(value) << 16); }

// 2^n * 2^f with a polynomial for f in [-1/2, 1/2] (Taylor's, of ln 2 * f); off by 1e-5 of itself at most.
inline float exponential(float x) {
  constexpr float kShift = 12582912.0f;  // 1.5 * 2^23: what is added to it is rounded to a whole number
  const float power = (x < -87.0f ? -87.0f : x) * 1.44269504f;
  const float shifted = power + kShift;
  const int32_t whole = __builtin_bit_cast(int32_t, shifted) - __builtin_bit_cast(int32_t, kShift);
  const float rest = power - (shifted - kShift);
  float sum = 1.5403530e-4f;
  sum = sum * rest + 1.3333558e-3f;
  sum = sum * rest + 9.6181291e-3f;
  sum = sum * rest + 5.5504109e-2f;
  sum = sum * rest + 2.4022651e-1f;
  sum = sum * rest + 6.9314718e-1f;
  sum = sum * rest + 1.0f;
  return __builtin_bit_cast(float, __builtin_bit_cast(int32_t, sum) + (whole << 23));
}

// x * Phi(x), with erf after Abramowitz and Stegun, Handbook of Mathematical Functions (1964), 7.1.26.
inline float gelu(float x) {
  const float a = std::fabs(x) * 0.70710678f;
  const float t = 1.0f / (1.0f + 0.3275911f * a);
  float sum = 1.061405429f;
  sum = sum * t - 1.453152027f;
  sum = sum * t + 1.421413741f;
  sum = sum * t - 0.284496736f;
  sum = sum * t + 0.254829592f;
  const float beyond = 0.5f * sum * t * exponential(-a * a);
  return x * (x < 0.0f ? beyond : 1.0f - beyond);
}

// The greatest of some numbers and a first one, lane by lane; numbers that are none are passed over.
inline float greatest(const float* values, int64_t count, float first, float sign = 1.0f) {
  float lanes[kLanes];
  std::fill(lanes, lanes + kLanes, first);
  int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
#pragma omp simd
    for (int64_t j = 0; j < kLanes; ++j) {
      const float value = sign * values[i + j];
      lanes[j] = value > lanes[j] ? value : lanes[j];
    }
  }
  for (; i < count; ++i) lanes[0] = std::max(lanes[0], sign * values[i]);
  return *std::max_element(lanes, lanes + kLanes);
}

// Runs work(i) for each i below `items` on PyTorch's threads; whoever is free takes the next one.
template <typename Work>
void share(int64_t items, const Work& work) {
  std::atomic<int64_t> next{0};
  at::parallel_for(0, at::get_num_threads(), 1, [&](int64_t, int64_t) {
    for (int64_t i = next++; i < items; i = next++) work(i);
    at::native::cpublas::brgemm_release();
  });
}

// A block of rows as products take them: 8-bit whole numbers over the range of each row ...
struct Int8 {
  using Weight = int8_t;
  using Sum = int32_t;
  std::vector<uint8_t> values = {};
  float scale[kRows] = {};
  float zero[kRows] = {};  // what stands for 0

  void fill(const float* rows, int64_t count, int64_t width) {
    values.resize(kRows * width);
    for (int64_t r = 0; r < count; ++r, rows += width) {
      const float high = greatest(rows, width, 0.0f);
      const float low = -greatest(rows, width, 0.0f, -1.0f);
      const float range = std::max(high - low, 1e-12f);
      const float inverse = 255.0f / range;
      scale[r] = range / 255.0f;
      zero[r] = std::nearbyint(-low * inverse);
      const float shift = zero[r] + 0.5f;
      uint8_t* out = values.data() + r * width;
#pragma omp simd
      for (int64_t i = 0; i < width; ++i) {
        const int32_t value = static_cast<int32_t>(rows[i] * inverse + shift);
        out[i] = static_cast<uint8_t>(value > 255 ? 255 : value);
      }
    }
  }
};

// ... or bfloat16.
struct Bf16 {
  using Weight = BFloat16;
  using Sum = float;
  std::vector<BFloat16> values = {};

  void fill(const float* rows, int64_t count, int64_t width) {
    values.resize(kRows * width);
    uint16_t* out = reinterpret_cast<uint16_t*>(values.data());
#pragma omp simd
    for (int64_t i = 0; i < count * width; ++i) out[i] = to_bf16(rows[i]);
  }
};

// A linear layer; its weights are packed by layers.py.
template <typename Kind>
struct Linear {
  int64_t inputs;
  int64_t outputs;
  const typename Kind::Weight* weight;
  const float* bias;
  const float* scale;  // of each output's weights
  const float* sums;   // of each output's weights

  Linear(const Tensor* tensors, int64_t width)
      : inputs(width),
        outputs(tensors[1].numel()),
        weight(tensors[0].const_data_ptr<typename Kind::Weight>()),
        bias(tensors[1].const_data_ptr<float>()),
        scale(tensors[2].const_data_ptr<float>()),
        sums(tensors[3].const_data_ptr<float>()) {}

  // Calls take(row, first output, number of outputs, values) until all outputs of `count` rows are taken.
  template <typename Take>
  void operator()(const Kind& rows, int64_t count, const Take& take) const {
    alignas(64) typename Kind::Sum panel[kRows * kColumns];
    alignas(64) float values[kColumns];
    for (int64_t first = 0; first < outputs; first += kColumns) {
      const int64_t columns = std::min(kColumns, outputs - first);
      brgemm(kRows, kColumns, inputs, inputs, kColumns, kColumns, false, rows.values.data(), weight + first * inputs,
             panel);
      for (int64_t r = 0; r < count; ++r) {
        const auto* products = panel + r * kColumns;
        if constexpr (std::is_same_v<Kind, Int8>) {
          const float row_scale = rows.scale[r];
          const float row_zero = rows.zero[r];
#pragma omp simd
          for (int64_t i = 0; i < columns; ++i) {
            const float sum = static_cast<float>(products[i]) - row_zero * sums[first + i];
            values[i] = sum * (row_scale * scale[first + i]) + bias[first + i];
          }
        } else {
#pragma omp simd
          for (int64_t i = 0; i < columns; ++i) values[i] = products[i] + bias[first + i];
        }
        take(r, first, columns, values);
      }
    }
  }
};

void layer_norm(float* row, int64_t count, int64_t width, const float* weight, const float* bias, float eps) {
  for (int64_t r = 0; r < count; ++r, row += width) {
    float sum = 0.0f;
    float squares = 0.0f;
#pragma omp simd reduction(+ : sum) simdlen(16)
    for (int64_t i = 0; i < width; ++i) sum += row[i];
    const float mean = sum / static_cast<float>(width);
#pragma omp simd reduction(+ : squares) simdlen(16)
    for (int64_t i = 0; i < width; ++i) squares += (row[i] - mean) * (row[i] - mean);
    const float inverse = 1.0f / std::sqrt(squares / static_cast<float>(width) + eps);
#pragma omp simd
    for (int64_t i = 0; i < width; ++i) row[i] = (row[i] - mean) * inverse * weight[i] + bias[i];
  }
}

struct Window {
  int64_t start;
  int64_t length;
};

// One head of one window in bfloat16, with sums in float32.
class Attention {
 public:
  // queries, keys and values of a token lie in one row of qkv, of 3 * width numbers; context has rows of width.
  void operator()(const BFloat16* qkv, BFloat16* context, int64_t length, int64_t width, int64_t head_width) {
    const int64_t stride = 3 * width;
    const int64_t padded = (length + kStep - 1) / kStep * kStep;
    pack(qkv + width, qkv + 2 * width, stride, length, padded, head_width);
    scores_.resize(kQueries * padded);
    weights_.resize(kQueries * padded);
    out_.resize(kQueries * head_width);
    const auto* keys = reinterpret_cast<const BFloat16*>(keys_.data());
    const auto* values = reinterpret_cast<const BFloat16*>(values_.data());
    for (int64_t at = 0; at < length; at += kQueries) {
      const int64_t count = std::min(kQueries, length - at);
      brgemm(kQueries, padded, head_width, stride, padded, padded, false, qkv + at * stride, keys, scores_.data());
      float inverse[kQueries];
      for (int64_t r = 0; r < count; ++r) {
        inverse[r] = 1.0f / exponentials(scores_.data() + r * padded, length, padded, r * padded);
      }
      brgemm(kQueries, head_width, padded, padded, head_width, head_width, false, weights_.data(), values, out_.data());
      for (int64_t r = 0; r < count; ++r) {
        auto* row = reinterpret_cast<uint16_t*>(context + (at + r) * width);
        const float* sums = out_.data() + r * head_width;
        const float factor = inverse[r];
#pragma omp simd
        for (int64_t i = 0; i < head_width; ++i) row[i] = to_bf16(sums[i] * factor);
      }
    }
  }

 private:
  // Pairs of neighbours in a column side by side, as products of bfloat16 want their right-hand side. Behind the window
  // keys may be anything, for their scores are not read; values are zero there.
  void pack(const BFloat16* keys, const BFloat16* values, int64_t stride, int64_t length, int64_t padded, int64_t width) {
    keys_.resize(padded * width / 2);
    values_.resize(padded * width / 2);
    const auto* pairs = reinterpret_cast<const uint32_t*>(keys);
    for (int64_t t = 0; t < padded; t += kStep) {
      for (int64_t i = 0; i < width / 2; ++i) {
        uint32_t* out = keys_.data() + i * padded + t;
        const uint32_t* column = pairs + t * stride / 2 + i;
#pragma omp simd
        for (int64_t j = 0; j < kStep; ++j) out[j] = column[j * stride / 2];
      }
    }
    for (int64_t t = 0; t < padded; t += 2) {
      const auto* one = reinterpret_cast<const uint16_t*>(values + t * stride);
      const auto* two = one + stride;
      const uint32_t first = t < length ? 0xFFFF : 0;
      const uint32_t second = t + 1 < length ? 0xFFFF : 0;
      uint32_t* out = values_.data() + t / 2 * width;
#pragma omp simd
      for (int64_t i = 0; i < width; ++i) out[i] = (one[i] & first) | ((two[i] & second) << 16);
    }
  }

  // Writes a row of weights and returns its sum, by which what they weigh is still to be divided.
  float exponentials(const float* scores, int64_t length, int64_t padded, int64_t at) {
    auto* out = reinterpret_cast<uint16_t*>(weights_.data() + at);
    const float highest = greatest(scores, length, scores[0]);
    float total = 0.0f;
#pragma omp simd reduction(+ : total) simdlen(16)
    for (int64_t i = 0; i < length; ++i) {
      const float value = exponential(scores[i] - highest);
      total += value;
      out[i] = to_bf16(value);
    }
    std::fill(out + length, out + padded, uint16_t{0});
    return total;
  }

  std::vector<uint32_t> keys_;
  std::vector<uint32_t> values_;
  std::vector<BFloat16> weights_;
  std::vector<float> scores_;
  std::vector<float> out_;
};

template <typename Kind>
void layer(float* states, BFloat16* qkv, BFloat16* context, int64_t tokens, int64_t width, const Tensor* tensors,
           const std::vector<Window>& windows, int64_t heads, float eps) {
  const Linear<Kind> in(tensors, width);
  const Linear<Kind> out(tensors + 4, width);
  const Linear<Kind> wide(tensors + 8, width);
  const Linear<Kind> narrow(tensors + 12, wide.outputs);
  const auto norm = [&](int64_t i) { return tensors[16 + i].const_data_ptr<float>(); };
  const int64_t blocks = (tokens + kRows - 1) / kRows;

  share(blocks, [&](int64_t block) {
    static thread_local Kind rows;
    const int64_t at = block * kRows;
    const int64_t count = std::min(kRows, tokens - at);
    rows.fill(states + at * width, count, width);
    in(rows, count, [&](int64_t r, int64_t first, int64_t columns, const float* values) {
      auto* to = reinterpret_cast<uint16_t*>(qkv + (at + r) * 3 * width + first);
#pragma omp simd
      for (int64_t i = 0; i < columns; ++i) to[i] = to_bf16(values[i]);
    });
  });

  const int64_t head_width = width / heads;
  share(static_cast<int64_t>(windows.size()) * heads, [&](int64_t i) {
    static thread_local Attention attend;
    const Window& window = windows[i / heads];
    const int64_t head = i % heads * head_width;
    attend(qkv + window.start * 3 * width + head, context + window.start * width + head, window.length, width,
           head_width);
  });

  share(blocks, [&](int64_t block) {
    static thread_local Kind rows;
    static thread_local std::vector<float> hidden;
    const int64_t at = block * kRows;
    const int64_t count = std::min(kRows, tokens - at);
    float* const own = states + at * width;
    const auto add = [&](int64_t r, int64_t first, int64_t columns, const float* values) {
      float* to = own + r * width + first;
#pragma omp simd
      for (int64_t i = 0; i < columns; ++i) to[i] += values[i];
    };
    hidden.resize(kRows * std::max(width, wide.outputs));
    const auto* attended = reinterpret_cast<const uint16_t*>(context + at * width);
#pragma omp simd
    for (int64_t i = 0; i < count * width; ++i) hidden[i] = from_bf16(attended[i]);
    rows.fill(hidden.data(), count, width);
    out(rows, count, add);
    layer_norm(own, count, width, norm(0), norm(1), eps);
    rows.fill(own, count, width);
    wide(rows, count, [&](int64_t r, int64_t first, int64_t columns, const float* values) {
      float* to = hidden.data() + r * wide.outputs + first;
#pragma omp simd
      for (int64_t i = 0; i < columns; ++i) to[i] = gelu(values[i]);
    });
    rows.fill(hidden.data(), count, wide.outputs);
    narrow(rows, count, add);
    layer_norm(own, count, width, norm(2), norm(3), eps);
  });
}

// Runs all layers over the embeddings of tokens, in place.
//
// states: shape (tokens, width), float32, contiguous. groups: of attention.Layout, the shortest windows first. tensors:
// of each layer kTensors, as layers.py packs them: packed weight, bias, scales and sums of four linear layers (query,
// key and value in one; attention's output; the two of the feed-forward network), then weight and bias of two norms.
void encode(Tensor& states, const Tensor& groups, at::TensorList tensors, int64_t heads, double eps) {
  const int64_t tokens = states.size(0);
  const int64_t width = states.size(1);
  // Products of whole blocks read past the last token.
  const Tensor qkv = at::empty({tokens + std::max(kQueries, kStep), 3 * width}, states.options().dtype(at::kBFloat16));
  const Tensor context = at::empty({tokens, width}, qkv.options());
  std::vector<Window> windows;
  const auto rows = groups.accessor<int64_t, 2>();
  for (int64_t i = groups.size(0) - 1; i >= 0; --i) {  // the longest first, so that threads end together
    for (int64_t n = 0; n < rows[i][1]; ++n) windows.push_back({rows[i][0] + n * rows[i][2], rows[i][2]});
  }
  const auto one = tensors[0].scalar_type() == at::kChar ? layer<Int8> : layer<Bf16>;
  const std::vector<Tensor> all(tensors.begin(), tensors.end());
  for (size_t i = 0; i + kTensors <= all.size(); i += kTensors) {
    one(states.data_ptr<float>(), qkv.data_ptr<BFloat16>(), context.data_ptr<BFloat16>(), tokens, width, &all[i],
        windows, heads, static_cast<float>(eps));
  }
}

}  // namespace

TORCH_LIBRARY(notemill_native, library) {
  library.def("encode(Tensor(a!) states, Tensor groups, Tensor[] tensors, int heads, float eps) -> ()");
}

TORCH_LIBRARY_IMPL(notemill_native, CPU, library) { library.impl("encode", &encode); }
