// Stage 1, receive: which operation, and the whole body. The headers are checked first (form,
// scope, clock, a known key), so that strangers cannot make us hold bodies.
#include <fmt/format.h>

#include "chat/family_formats.hpp"
#include "gateway/pipeline.hpp"
#include "gateway/region.hpp"
#include "gateway/worker.hpp"

namespace tidegate::gateway {
namespace {

// As in AWS, API keys are credentials of Bedrock only.
identity::ApiKeyHeaders api_key_headers(const api::HeadMatch& head) {
  using enum identity::ApiKeyHeaders;
  if (head.signing_name != "bedrock") return none;
  return head.protocol == aws::Protocol::anthropic ? bearer_or_x_api_key : bearer;
}

// Nothing here decompresses: a small body that becomes a huge one has no place to do so.
Result<void> check_encoding(const http::RequestHead& head) {
  const auto encoding = head.headers.get("content-encoding");
  if (!encoding || encoding->empty() || iequals_ascii(*encoding, "identity")) return {};
  return fail(ErrorCode::validation, "A request body with a content-encoding is not supported.",
              "Send it as it is, without compression.");
}

}  // namespace

Task<Result<std::string>> read_body(http::Exchange& exchange, BodyLease& lease, std::string begun,
                                    std::size_t max) {
  std::string body = std::move(begun);
  for (;;) {
    CO_TRY(std::string piece, co_await exchange.next_body());
    if (body.size() + piece.size() > max) {
      co_return fail(ErrorCode::body_too_large,
                     fmt::format("The request body has more than {} bytes.", max));
    }
    if (piece.empty()) co_return body;
    if (!lease.grow(piece.size())) {
      co_return fail(ErrorCode::overloaded, "The service is holding too many request bodies.",
                     "Try again shortly.");
    }
    if (body.empty()) {
      body = std::move(piece);
    } else {
      body += piece;
    }
  }
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
  co_await worker_.loop().step_end();
  CO_TRY(call.claim, worker_.authenticator().check_head(exchange.head(), head.signing_name,
                                                        trail.snapshot->keys, trail.arrived_wall,
                                                        api_key_headers(head)));
  CO_TRY_VOID(check_encoding(exchange.head()));
  CO_TRY(call.body, co_await read_body(exchange, *trail.lease));
  call.body_hash = sha256(call.body);
  if (head.operation_is_in_body) {
    CO_TRY(call.match, api::match_query(call.body));
  }
  co_return call;
}

Result<void> name_model(Call& call) {
  call.called = call.operation().name;
  if (call.operation().model_is_in_body()) {
    TRY(call.model_reference, chat::model_in_body(call.body, call.protocol));
  } else if (call.operation().is_invocation()) {
    call.model_reference = call.match.path_parameters.begin()->second;
  }
  return {};
}

}  // namespace tidegate::gateway
