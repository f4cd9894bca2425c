// How one kind of model server is spoken to: what is sent for a conversation, for embeddings, for a
// count of tokens, and what its answers mean. An adapter is a pure translator that knows its
// server's configuration; the executor does the talking. Adding a kind is a file and a row in
// adapter.cpp.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/time.hpp"
#include "chat/embedding.hpp"
#include "chat/format.hpp"
#include "chat/openai.hpp"
#include "chat/stream_reader.hpp"
#include "http/message.hpp"
#include "model/backend.hpp"

namespace tidegate::model {

struct BackendRequest {
  std::string method = "POST";
  std::string target;  // below the server's base path
  http::Headers headers = {{"content-type", "application/json"}, {"accept", "application/json"}};
  std::string body;
};

// A count may take more than one question.
class TokenCounting {
 public:
  virtual ~TokenCounting() = default;
  virtual BackendRequest next() = 0;
  // The answer to the last question; nullopt: ask the next. Errors: model_error, or validation
  // where this server cannot count.
  virtual Result<std::optional<std::int64_t>> take(int status, std::string_view body) = 0;
};

class BackendAdapter {
 public:
  explicit BackendAdapter(const BackendConfig& config) : config_(config) {}
  virtual ~BackendAdapter() = default;
  BackendAdapter(const BackendAdapter&) = delete;
  BackendAdapter& operator=(const BackendAdapter&) = delete;

  // Whether the server can run a conversation at all, asked before anything is sent. Errors:
  // validation.
  virtual Result<void> check(const chat::Conversation& conversation) const = 0;

  // The caller has checked the conversation. Errors: none but check's.
  virtual Result<BackendRequest> ask(const chat::Conversation& conversation,
                                     const ModelConfig& model, chat::Streaming streaming) const = 0;
  // `asked` is the conversation that ask() was given. Errors: model_error.
  virtual Result<chat::Completion> read(std::string_view answer,
                                        const chat::Conversation& asked) const = 0;
  // The reader must not outlive `asked`.
  virtual std::unique_ptr<chat::StreamReader> reader(const chat::Conversation& asked,
                                                     std::string_view request_id) const = 0;

  // Errors: validation, where the server has no embeddings.
  virtual Result<BackendRequest> ask(const chat::EmbeddingRequest& request,
                                     const ModelConfig& model) const;
  virtual Result<chat::Embeddings> read(std::string_view answer,
                                        const chat::EmbeddingRequest& asked) const;

  // nullptr where the server cannot count.
  virtual std::unique_ptr<TokenCounting> count(const chat::Conversation& conversation,
                                               const ModelConfig& model) const;

  // Adds what lets the request in: a key, or a signature over all of it as `request` is now. The
  // target must be the whole one.
  virtual void authorize(BackendRequest& request, WallTime now) const;

  virtual std::string_view health_path() const { return "/health"; }
  // Where load may be read, the best first; empty where there is nothing to read.
  virtual std::span<const std::string_view> load_paths() const { return {}; }

 protected:
  const BackendConfig& config() const { return config_; }

 private:
  const BackendConfig& config_;
};

// The configuration must outlive the adapter.
std::unique_ptr<const BackendAdapter> make_adapter(const BackendConfig& config);

// A ValidationException that says what this model cannot do.
std::unexpected<Error> cannot(std::string message, std::string mend);

}  // namespace tidegate::model
