// The kinds of model servers, one file each.
#pragma once

#include "model/adapter.hpp"

namespace tidegate::model {

std::unique_ptr<const BackendAdapter> make_openai_adapter(const BackendConfig& config);
std::unique_ptr<const BackendAdapter> make_anthropic_adapter(const BackendConfig& config);
std::unique_ptr<const BackendAdapter> make_bedrock_adapter(const BackendConfig& config);

}  // namespace tidegate::model
