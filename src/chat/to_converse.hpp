// Amazon Bedrock itself as a model server: Converse, ConverseStream and CountTokens from the
// client's side.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aws/event_stream.hpp"
#include "base/error.hpp"
#include "chat/stream_reader.hpp"

namespace tidegate::chat {

// The JSON body of Converse and of ConverseStream.
std::string to_converse(const Conversation& conversation);
// Of CountTokens.
std::string to_count_tokens(const Conversation& conversation);
// Errors: model_error (an answer that is not one).
Result<Completion> from_converse(std::string_view body);
Result<std::int64_t> from_count_tokens(std::string_view body);

// An event stream's answer. Errors: model_stream_error.
class ConverseStreamReader final : public StreamReader {
 public:
  Result<void> feed(std::string_view bytes, std::vector<Delta>& out) override;
  Result<void> finish(std::vector<Delta>& out) override;
  bool done() const override { return done_; }  // the metadata was seen
  const std::string& error_event() const override { return error_event_; }

 private:
  Result<void> on_message(const aws::EventMessage& message, std::vector<Delta>& out);
  Result<void> on_event(std::string_view type, std::string_view payload, std::vector<Delta>& out);
  aws::EventStreamDecoder decoder_;
  std::string error_event_;
  bool stopped_ = false;
  bool done_ = false;
};

}  // namespace tidegate::chat
