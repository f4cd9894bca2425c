// Load, as model servers tell it: Prometheus text of vLLM, SGLang, llama.cpp and TensorRT-LLM, or
// llama.cpp's list of slots.
#pragma once

#include <string_view>

#include "model/backend.hpp"

namespace tidegate::model {

// Names are compared whole ("vllm:num_requests_waiting" is not "..._by_reason"); samples of several
// engines are added up; what is missing or not a number stays unknown.
Load parse_metrics(std::string_view text);

// GET /slots of llama.cpp: running is known, waiting is not.
Load parse_slots(std::string_view json);

}  // namespace tidegate::model
