// One attempt abroad: the client's body goes to another Region over a live link, and what comes
// back, already in the client's wire format, goes on to the client.
//
// A unary answer is held whole until the peer's trailer has been verified. A stream passes on whole
// messages (of an event stream, or server-sent events) only, so that an error can always follow;
// the last one is kept back until the trailer. No trailer, or one that does not hold, means that
// the answer was interrupted.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/client.hpp"
#include "peer/wire.hpp"

namespace tidegate::peer {

// What is viewed must live until pass() has returned.
struct PassageRequest {
  std::string_view request_id;
  std::string token;  // sealed by TokenSigner::sign(), for this request and this channel
  std::string_view traceparent;
  std::string_view body;
  std::string_view region;  // the destination: the trailer must be its
  Sha256 row_hash{};        // of the token: the trailer must say the same
};

struct PassageResult {
  std::optional<Error> error;  // none: success, and the trailer holds
  Trailer trailer;             // as far as there was one
  // The trailer is about this request, this row, this Region and these bytes: it attests, also of
  // an answer that ended in an error.
  bool attested = false;
  std::int64_t bytes_sent = 0, bytes_received = 0;
  MonoTime started{}, first_byte{}, ended{};  // first_byte is zero if there was none
  // A unary answer, whole and not yet sent; for a stream, its last bytes, which go out with the end
  // marker. With an error the tail is empty: a caller that has begun its answer ends it with an
  // exception of its own.
  http::ResponseHead answer_head;
  std::string answer_tail;
};

// What becomes of it is told in `result`, whose answer_head has the headers that the gateway at
// home adds. Error.retry is other_region while the client has no byte and another try may help.
Task<void> pass(http::Exchange& exchange, std::shared_ptr<http::Channel> channel,
                PassageRequest request, PassageResult& result, Loop& loop);

}  // namespace tidegate::peer
