// Stage 1, receive: which operation, and the whole body. The headers are checked first (form,
// scope, clock, a known key), so that strangers cannot make us hold bodies.
#include "chat/family_formats.hpp"
#include "gateway/pipeline.hpp"
#include "gateway/region.hpp"
#include "gateway/worker.hpp"

namespace tidegate::gateway {
std::string_view Call::format_name() const {
  std::string_view name = operation().name;
  constexpr std::string_view twin = "Stream";
  if (operation().model_is_in_body() && name.ends_with(twin)) name.remove_suffix(twin.size());
  return name;
}

Task<Result<Call>> Pipeline::receive(http::Exchange& exchange, Trail& trail) {
  if (region_.draining()) {
    co_return fail(ErrorCode::draining, "The service is shutting down.",
                   "Try again; another gateway will answer.");
  }
  CO_TRY(api::HeadMatch head, api::match_head(exchange.head()));
  trail.protocol = head.protocol;
  Call call{.match = std::move(head.match),
            .protocol = head.protocol,
            .claim = {},
            .body = {},
            .body_hash = {}};
  CO_TRY(call.claim, worker_.authenticator().check_head(exchange.head(), head.signing_name,
                                                        trail.snapshot->keys, trail.arrived_wall));
  for (;;) {
    CO_TRY(std::string piece, co_await exchange.next_body());
    if (piece.empty()) break;
    if (!trail.lease->grow(piece.size())) {
      co_return fail(ErrorCode::overloaded, "The service is holding too many request bodies.",
                     "Try again shortly.");
    }
    if (call.body.empty()) {
      call.body = std::move(piece);
    } else {
      call.body += piece;
    }
  }
  call.body_hash = sha256(call.body);
  if (head.operation_is_in_body) {
    CO_TRY(call.match, api::match_query(call.body));
  }
  co_return call;
}

Result<void> name_model(Call& call) {
  if (call.operation().model_is_in_body()) {
    TRY(call.model_reference, chat::model_in_body(call.body, call.protocol));
  } else if (call.operation().is_invocation()) {
    call.model_reference = call.match.path_parameters.begin()->second;
  }
  return {};
}

}  // namespace tidegate::gateway
