#include "model/failure.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "base/bytes.hpp"
#include "base/json.hpp"

namespace tidegate::model {
namespace {

Error backend_error(ErrorCode code, Retry retry, std::string message, std::string mend,
                    std::string why) {
  return Error{.code = code,
               .origin = Origin::backend,
               .retry = retry,
               .message = std::move(message),
               .mend = std::move(mend),
               .why = std::move(why)};
}

Error unavailable(std::string why) {
  return backend_error(ErrorCode::model_unavailable, Retry::other_region,
                       "Bedrock is unable to process your request.",
                       "The model server of this Region did not answer.", std::move(why));
}

Error in_stream(std::string why) {
  return backend_error(ErrorCode::model_stream_error, Retry::never,
                       "The model server failed while it streamed its answer.", {}, std::move(why));
}

struct Said {
  std::string message;  // lower case
  std::string name;     // "exceed_context_size_error": a name, never a sentence
};

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

// {"error":{"message","type","code"}} of OpenAI and llama.cpp, the same members at the top of
// vLLM's older errors.
Said said_in(std::string_view body) {
  Said out;
  const auto document = json::parse(body);
  const json::object* top = document ? document->if_object() : nullptr;
  if (!top) return out;
  const json::object* nested = json::find_object(*top, "error");
  const json::object& error = nested ? *nested : *top;
  out.message = to_lower_ascii(json::find_string(error, "message").value_or(""));
  for (const char* member : {"code", "type"}) {
    const auto name = json::find_string(error, member);
    if (out.name.empty() && name && is_name(*name)) out.name = *name;
  }
  return out;
}

// The words of llama.cpp ("exceeds the available context size"), vLLM ("maximum context length
// is"), OpenAI, Anthropic and Amazon Bedrock.
bool is_too_long(const Said& said) {
  return said.name == "exceed_context_size_error" || said.name == "context_length_exceeded" ||
         said.message.contains("context size") || said.message.contains("context length") ||
         said.message.contains("prompt is too long") || said.message.contains("input is too long");
}

// llama.cpp without a projector (as HTTP 500), vLLM with a model of text only.
bool takes_no_images(const Said& said) {
  return said.message.contains("image input is not supported") ||
         said.message.contains("not a multimodal model");
}

bool asks_too_many_tokens(const Said& said) {
  return said.message.contains("max_tokens") && said.message.contains("too large");
}

Error timed_out(std::string why) {
  return backend_error(ErrorCode::model_timeout, Retry::other_region,
                       "Model has timed out in processing the request. Try your request again.", {},
                       std::move(why));
}

Error refused(std::string message, std::string why) {
  Error out =
      backend_error(ErrorCode::validation, Retry::never, std::move(message), {}, std::move(why));
  out.origin = Origin::client;
  return out;
}

Error classified(int status, const Said& said, std::string why) {
  if (takes_no_images(said)) {
    return refused("This model doesn't support images. Remove the image and try again.",
                   std::move(why));
  }
  if (status == 400 || status == 413) {
    if (asks_too_many_tokens(said)) {
      return refused(
          "The maximum tokens you requested exceeds the model limit. Try again with a maximum "
          "tokens value that is lower.",
          std::move(why));
    }
    if (is_too_long(said)) return refused("Input is too long for requested model.", std::move(why));
  }
  if (status == 429) {
    return backend_error(ErrorCode::throttled, Retry::other_region,
                         "Too many requests, please wait before trying again.",
                         "The model server refuses more: wait as long as Retry-After says.",
                         std::move(why));
  }
  if (status == 503 || status == 529) {  // 529: Anthropic is overloaded
    return backend_error(ErrorCode::model_not_ready, Retry::other_region,
                         "Model is not ready for inference. Wait and try your request again.", {},
                         std::move(why));
  }
  if (status == 408) return timed_out(std::move(why));
  if (status >= 500) return unavailable(std::move(why));
  return backend_error(ErrorCode::model_error, Retry::never,
                       "The request failed due to an error while processing the model.",
                       fmt::format("The model server answered HTTP {}.", status), std::move(why));
}

}  // namespace

Error transport_failure(const Error& error, Phase phase, Cause cause) {
  if (error.code == ErrorCode::cancelled) return error;
  std::string why = error.why.empty() ? error.message : error.message + " " + error.why;
  if (phase == Phase::streaming) return in_stream(std::move(why));
  if (cause == Cause::late || error.code == ErrorCode::model_timeout) {
    return timed_out(std::move(why));
  }
  return unavailable(std::move(why));
}

Error status_failure(int status, std::string_view body, Phase phase) {
  const Said said = said_in(body);
  const std::string why = fmt::format("the model server answered HTTP {}{}{}", status,
                                      said.name.empty() ? "" : " ", said.name);
  Error out = phase == Phase::streaming ? in_stream(why) : classified(status, said, why);
  out.upstream_status = status;
  return out;
}

Error answer_failure(Error error, Phase phase) {
  if (phase == Phase::streaming) return in_stream(std::move(error.why));
  error.code = ErrorCode::model_error;
  error.message = "The model server's answer could not be understood.";
  error.retry = Retry::other_region;
  return error;
}

}  // namespace tidegate::model
