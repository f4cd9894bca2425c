// What a model server's failure means for the request: which error the client sees, and whether
// another Region may try. The rule behind the table: as long as the client has no byte, what is the
// server's trouble moves on; what is wrong with the request stays.
#pragma once

#include <string_view>

#include "base/error.hpp"

namespace tidegate::model {

enum class Phase : std::uint8_t {
  before_first_byte,  // nothing has gone to the client
  streaming,          // something has: no other try, an error goes inside the stream
};

enum class Cause : std::uint8_t { broken, late };

// The connection failed, broke, or was silent for too long. `error` is the client port's; a
// cancellation stays one.
Error transport_failure(const Error& error, Phase phase, Cause cause);

// The server answered another status than 200, or said so in an event of its stream. `body` is
// searched for what the server calls the error; its text goes nowhere, because servers quote
// prompts.
Error status_failure(int status, std::string_view body, Phase phase);

// The server answered 200 and then something that is not an answer.
Error answer_failure(Error error, Phase phase);

}  // namespace tidegate::model
