// Amazon Bedrock as a model server of this Region, or another gateway that stands in for it. Only
// models of the Region itself may be named: AWS would route a profile onwards to other Regions, and
// the fence would end at this door.
#include "aws/sigv4.hpp"
#include "chat/schema_tools.hpp"
#include "chat/to_converse.hpp"
#include "model/adapters.hpp"

namespace tidegate::model {
namespace {

// A model id as one segment of a path.
std::string encoded(std::string_view id) {
  std::string out;
  for (const char c : id) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("-_.~").contains(c);
    if (plain) {
      out += c;
    } else {
      fmt::format_to(std::back_inserter(out), "%{:02X}", static_cast<unsigned char>(c));
    }
  }
  return out;
}

std::string target(const ModelConfig& model, std::string_view operation) {
  return fmt::format("/model/{}/{}", encoded(model.served_as), operation);
}

class BedrockCounting final : public TokenCounting {
 public:
  BedrockCounting(std::string path, std::string body)
      : path_(std::move(path)), body_(std::move(body)) {}
  BackendRequest next() override {
    BackendRequest out;
    out.target = std::move(path_);
    out.body = std::move(body_);
    return out;
  }
  Result<std::optional<std::int64_t>> take(int status, std::string_view body) override {
    if (status == 200) {
      TRY(const std::int64_t tokens, chat::from_count_tokens(body));
      return tokens;
    }
    return cannot("The provided model doesn't support counting tokens.",
                  fmt::format("Amazon Bedrock answered HTTP {}.", status));
  }

 private:
  std::string path_, body_;
};

class BedrockAdapter final : public BackendAdapter {
 public:
  using BackendAdapter::BackendAdapter;

  Result<void> check(const chat::Conversation& conversation) const override {
    if (config().tools != Tools::native) return chat::check_no_tools(conversation);
    return {};
  }

  Result<BackendRequest> ask(const chat::Conversation& conversation, const ModelConfig& model,
                             chat::Streaming streaming) const override {
    if (!is_in_region_model(model.served_as)) {
      return fail(ErrorCode::configuration, "Bedrock is unable to process your request.",
                  fmt::format("The operator's configuration names {}, which AWS would route to "
                              "other Regions.",
                              model.served_as));
    }
    BackendRequest out;
    const bool streams = streaming == chat::Streaming::yes;
    out.target = target(model, streams ? "converse-stream" : "converse");
    if (streams) out.headers.set("accept", "application/vnd.amazon.eventstream");
    out.body = chat::to_converse(conversation);
    return out;
  }

  Result<chat::Completion> read(std::string_view answer, const chat::Conversation&) const override {
    return chat::from_converse(answer);
  }

  std::unique_ptr<chat::StreamReader> reader(const chat::Conversation&,
                                             std::string_view) const override {
    return std::make_unique<chat::ConverseStreamReader>();
  }

  std::unique_ptr<TokenCounting> count(const chat::Conversation& conversation,
                                       const ModelConfig& model) const override {
    if (!is_in_region_model(model.served_as)) return nullptr;
    return std::make_unique<BedrockCounting>(target(model, "count-tokens"),
                                             chat::to_count_tokens(conversation));
  }

  void authorize(BackendRequest& request, WallTime now) const override {
    if (config().credentials.key_id.empty()) return BackendAdapter::authorize(request, now);
    http::RequestHead head{.method = request.method,
                           .target = request.target,
                           .authority = {},
                           .headers = request.headers};
    head.headers.add("host", config().authority());
    aws::sign(head, request.body, config().credentials, config().region, "bedrock", now);
    for (const char* name : {"x-amz-date", "x-amz-security-token", "authorization"}) {
      if (const auto value = head.headers.get(name)) request.headers.set(name, std::string(*value));
    }
  }
};

}  // namespace

bool is_in_region_model(std::string_view id) {
  if (id.starts_with("arn:")) return false;
  const std::string_view first = id.substr(0, id.find('.'));
  // Providers have longer names; "us-gov" and its kind have a dash, which providers have not.
  return first.size() > 2 && first != "global" && first != "apac" && !first.contains('-');
}

std::unique_ptr<const BackendAdapter> make_bedrock_adapter(const BackendConfig& config) {
  return std::make_unique<BedrockAdapter>(config);
}

}  // namespace tidegate::model
