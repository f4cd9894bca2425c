// A format is how a client speaks: Converse, a model family's InvokeModel body, a door of another
// API. It turns a body into what a back-end is to do, and what the back-end did into bytes. Adding
// one is a file that implements Format, and a row in formats.cpp.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "aws/errors.hpp"
#include "base/error.hpp"
#include "base/time.hpp"
#include "chat/conversation.hpp"
#include "chat/converse.hpp"
#include "chat/embedding.hpp"
#include "chat/invoke_stream.hpp"
#include "http/message.hpp"

namespace tidegate::chat {

// How many tokens would this be?
struct CountRequest {
  Conversation conversation;
};
using Order = std::variant<Conversation, EmbeddingRequest, CountRequest>;
// What a back-end made of an order, alternative by alternative.
using Outcome = std::variant<Completion, Embeddings, std::int64_t>;

struct WholeAnswer {
  std::string body;
  http::Headers headers{};  // besides content-type and content-length
};

// A streamed answer in the client's wire format, appended piece by piece, whole events only.
class StreamWriter {
 public:
  virtual ~StreamWriter() = default;
  virtual void write(std::string& out, const Delta& delta) = 0;
  // The last events; after Stop.
  virtual void finish(std::string& out, const Timing& timing) = 0;
};

// A request, understood: the order, and how its outcome is told.
class Request {
 public:
  virtual ~Request() = default;
  const Order& order() const { return order_; }
  const Conversation* conversation() const { return std::get_if<Conversation>(&order_); }
  bool streams() const { return streams_; }
  // `outcome` is of the order's alternative.
  virtual WholeAnswer answer(const Outcome& outcome, const Timing& timing) const = 0;
  // nullptr where the format has no streams; streams() is then false.
  virtual std::unique_ptr<StreamWriter> stream() const = 0;

 protected:
  Request(Order order, bool streams) : order_(std::move(order)), streams_(streams) {}

 private:
  Order order_;
  bool streams_;
};

// What a format is told besides the body.
struct RequestContext {
  std::string_view model_id;       // the foundation model
  const AdditionalFields& fields;  // which it takes
  std::string_view request_id;
  std::optional<std::uint64_t> padding_seed{};  // pads events, so that their lengths say nothing
  std::int64_t unix_seconds = 0;                // when it came, for answers that say so
};

class Format {
 public:
  virtual ~Format() = default;
  virtual std::string_view name() const = 0;  // "Converse", for logs
  // Errors, all of origin client: malformed_json, validation, in the words of the format's API.
  virtual Result<std::unique_ptr<const Request>> parse(std::string_view body,
                                                       const RequestContext& context) const = 0;
  virtual std::string_view content_type() const { return "application/json"; }
  virtual std::string_view stream_content_type() const {
    return "application/vnd.amazon.eventstream";
  }
  // Headers of every streamed answer.
  virtual http::Headers stream_headers() const { return {}; }
  // How an error is told before the answer has begun ...
  virtual aws::Protocol error_protocol() const { return aws::Protocol::rest_json; }
  // ... and inside a stream: the exception event of Bedrock unless overridden.
  virtual void append_error(std::string& out, const Error& error) const;
};

// The format of an operation on a model. `operation` is its name in the API and in routing tokens
// ("InvokeModel"), `model_id` the foundation model's. Errors: operation_not_offered, validation
// (InvokeModel of a family without a translator, refused by name).
Result<const Format*> find_format(std::string_view operation, std::string_view model_id);

}  // namespace tidegate::chat
