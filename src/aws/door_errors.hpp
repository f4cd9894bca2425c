// How our errors look at the doors of other APIs: status, type and body, before an answer and
// inside a stream. errors.hpp says the same for AWS's protocols.
// https://docs.anthropic.com/en/api/errors https://platform.openai.com/docs/guides/error-codes
#pragma once

#include <string>
#include <string_view>

#include "aws/errors.hpp"
#include "base/error.hpp"

namespace tidegate::aws {

struct DoorError {
  int status;
  std::string body;  // application/json
};

// {"type":"error","error":{"type":"invalid_request_error","message":".."},"request_id":".."}
DoorError anthropic_error(const Error& error, std::string_view request_id);
// {"error":{"message":"..","type":"invalid_request_error","param":"..","code":".."}}; `param` and
// `code` are null unless the error has its own or Error::why says "<code> <param>", as the reader
// of OpenAI's bodies does.
DoorError openai_error(const Error& error);

// What clients of a door match on in its own words: no API key or a wrong one, and a `model` that
// is not there. Other errors, and AWS's protocols, stay as they are.
Error in_words_of(Protocol door, Error error, std::string_view model);

// The same as server-sent events, after which the stream ends: clients raise them as errors.
void append_anthropic_error(std::string& out, const Error& error, std::string_view request_id);
void append_openai_error(std::string& out, const Error& error);

}  // namespace tidegate::aws
