// One try to run a request somewhere, at home or abroad: its outcome is a value, and what it sent
// to the client is already in the client's wire format.
#pragma once

#include <optional>
#include <string>

#include "base/error.hpp"
#include "base/time.hpp"
#include "chat/format.hpp"
#include "http/message.hpp"

namespace tidegate::model {

// What an executor needs to know of a request; the body is borrowed from the call that is being
// served.
struct Work {
  const chat::Format* format;  // how the client speaks
  std::string_view model_id;   // the foundation model
  std::string_view body;       // the client's, whole
  std::string_view request_id;
  std::string_view traceparent;  // to pass on; may be empty
  // What LocalExecutor::check made of the body, borrowed like it; null: the executor reads the body
  // itself.
  const chat::Request* request = nullptr;
};

struct Attempt {
  std::optional<Error> error;  // none: success
  std::string model_name;      // the model that really ran, "smollm2-135m-instruct"
  chat::Usage usage;
  std::string stop_reason;                    // empty where nothing was generated
  std::int64_t bytes_sent = 0;                // the request's body, as it went to where it ran
  std::int64_t bytes_received = 0;            // the answer's body, in the client's wire format
  MonoTime started{}, first_byte{}, ended{};  // first_byte is zero if there was none
  // A unary answer, whole and not yet sent; for a stream, the last bytes, which go out with the end
  // marker. Both leave only after the record has been written.
  http::ResponseHead answer_head;
  std::string answer_tail;
  bool ok() const { return !error.has_value(); }
};

}  // namespace tidegate::model
