#include "gateway/peer_door.hpp"

#include <charconv>

#include "aws/errors.hpp"
#include "base/sabotage.hpp"
#include "gateway/counted.hpp"
#include "gateway/limits.hpp"
#include "gateway/region.hpp"
#include "gateway/trace.hpp"
#include "gateway/worker.hpp"
#include "peer/admission.hpp"

namespace tidegate::gateway {
namespace {

// The answer's headers and pieces, hashed on their way out for the trailer.
class PieceExchange final : public http::Exchange {
 public:
  explicit PieceExchange(http::Exchange& inner) : inner_(inner) {}
  const http::RequestHead& head() const override { return inner_.head(); }
  const http::ConnectionInfo& connection() const override { return inner_.connection(); }
  Task<Result<std::string>> next_body() override { return inner_.next_body(); }
  Task<Result<void>> begin(http::ResponseHead head) override {
    if (head.status != 200) co_return fail(ErrorCode::internal, "an executor began a refusal");
    CO_TRY_VOID(co_await inner_.begin({}));
    std::string piece;
    peer::append_headers(piece, head.headers);
    co_return co_await inner_.write(std::move(piece));
  }
  Task<Result<void>> write(std::string bytes) override {
    hasher_.update(bytes);
    std::string piece;
    peer::append_piece(piece, bytes);
    return inner_.write(std::move(piece));
  }
  Task<Result<void>> finish(std::string) override {  // the trailer is missing: answer() ends it
    co_return fail(ErrorCode::internal, "an executor ended an answer on a link");
  }
  bool begun() const override { return inner_.begun(); }
  Cancellation& cancellation() override { return inner_.cancellation(); }
  void abort() override { inner_.abort(); }
  Sha256 digest_with(std::string_view last) {
    hasher_.update(last);
    return hasher_.finish();
  }

 private:
  http::Exchange& inner_;
  Sha256Hasher hasher_;
};

// Another Region may have the memory for the body.
Error no_memory_here() {
  return {.code = ErrorCode::peer_capacity,
          .retry = Retry::other_region,
          .message = "too many request bodies are held here",
          .mend = {},
          .why = {}};
}

}  // namespace

Task<void> PeerDoor::serve(http::Exchange& exchange) {
  // TLS has verified the chain under the trust bundle of the Region that the certificate names; a
  // Region that is not configured here has none. What is left is to be sure, in this Region's own
  // words.
  const auto identity = identity_of(exchange.connection().peer_uri);
  if (!identity || !region_.is_peer(identity->region)) {
    co_return co_await refuse_peer(exchange, "unknown_peer", {});
  }
  const http::RequestHead& head = exchange.head();
  if (head.method == "GET" && head.target == peer::reports_path) {
    co_await report(exchange, *identity);
  } else if (head.method == "POST" && head.target == peer::tokens_path) {
    co_await tokens(exchange, *identity);
  } else if (head.method == "POST" && head.target == peer::execute_path) {
    co_await execute(exchange, *identity);
  } else {
    co_await refuse(exchange,
                    {.code = ErrorCode::unknown_operation,
                     .message = "no such path on a peer link",
                     .mend = {},
                     .why = {}},
                    "");
  }
}

// Null where the name is none. Most requests come over the link that the one before came over.
std::shared_ptr<const peer::RegionIdentity> PeerDoor::identity_of(std::string_view uri) {
  if (!last_identity_ || uri != last_uri_) {
    const auto read = peer::RegionIdentity::parse(uri, region_.config().operator_domain);
    last_identity_ = read ? std::make_shared<const peer::RegionIdentity>(*read) : nullptr;
    last_uri_ = uri;
  }
  return last_identity_;
}

peer::Report PeerDoor::make_report(const peer::RegionIdentity& peer, std::uint64_t sequence) const {
  peer::Report report;
  report.epoch = region_.epoch();
  report.sequence = sequence;
  report.running_for_reader =
      region_.counters(peer.region)->running_here.load(std::memory_order_relaxed);
  report.draining = region_.draining();
  report.drained = region_.drained();
  report.catalog_epoch = worker_.snapshot()->catalog_epoch;
  for (const auto& [model_id, entry] : region_.models().entries()) {
    report.models[model_id] = {.ready = entry.backend->healthy(),
                               .slots = entry.backend->config().slots,
                               .busy = entry.backend->busy(),
                               .waiting = region_.waiting().load(std::memory_order_relaxed)};
  }
  report.operations = api::offered_operations();
  return report;
}

// Whether the other Region says that its catalogue is newer: in a rolling update it may have rows
// that this one does not know yet, which is no reason for an alarm.
bool PeerDoor::is_ahead(const http::RequestHead& head) const {
  const auto text = head.headers.get(peer::catalog_epoch_header);
  std::uint64_t epoch = 0;
  return text &&
         std::from_chars(text->data(), text->data() + text->size(), epoch).ec == std::errc() &&
         epoch > worker_.snapshot()->catalog_epoch;
}

Task<void> PeerDoor::report(http::Exchange& exchange, const peer::RegionIdentity& peer) {
  if (!region_.may_call_here(*worker_.snapshot()->catalog, peer.region)) {
    if (is_ahead(exchange.head())) {
      Error error{.code = ErrorCode::peer_unavailable,
                  .message = "this Region's catalogue is older and has no row in common yet",
                  .mend = {},
                  .why = {}};
      co_return co_await refuse(exchange, std::move(error), "");
    }
    co_return co_await refuse_peer(exchange, "no_shared_row", {{"peer", peer.region.str()}});
  }
  http::ResponseHead head;
  head.headers.add("content-type", "application/x-ndjson");
  if (!co_await exchange.begin(std::move(head))) co_return;
  Attestations::Cursor told;
  for (std::uint64_t sequence = 1; !exchange.cancellation().requested(); ++sequence) {
    const peer::Report now = make_report(peer, sequence);
    const bool last = now.draining && now.running_for_reader == 0;
    const auto when = last ? Attestations::When::now : Attestations::When::due;
    if (!co_await exchange.write(now.encode() +
                                 region_.attestations().lines(peer.region, told, when))) {
      break;
    }
    if (last) {  // all has been said, and this link need not hold up the drain
      co_await exchange.finish({});
      co_return;
    }
    if (co_await sleep_for(worker_.loop(), limits::report_interval, &exchange.cancellation()) ==
        Wake::cancelled)
      break;
  }
  exchange.abort();
}

Task<void> PeerDoor::tokens(http::Exchange& exchange, const peer::RegionIdentity& peer) {
  BodyLease lease(region_.body_bytes());
  auto body = co_await read_body(exchange, lease, {}, limits::token_batch_bytes_max);
  if (!body) {
    if (body.error().code == ErrorCode::body_too_large)
      region_.attestation_refused(peer.region, body.error(), worker_.rng());
    co_return co_await refuse(exchange, body.error(), "");
  }
  std::string_view rest = *body;
  if (std::ranges::count(rest, '\n') > 2) {  // an endorsement and a batch: each costs a signature
    co_return co_await refuse(exchange,
                              {.code = ErrorCode::validation,
                               .message = "more than an endorsement and a batch",
                               .mend = {},
                               .why = {}},
                              "");
  }
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('\n'), rest.size());
    const auto taken =
        region_.attestations().accept(peer.region, attest::Of::tokens, rest.substr(0, end));
    if (!taken) {
      region_.attestation_refused(peer.region, taken.error(), worker_.rng());
      Error told = taken.error();
      told.code = ErrorCode::fence_refused;  // once more would change nothing
      co_return co_await refuse(exchange, std::move(told), "");
    }
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  http::ResponseHead head;
  head.headers.add("content-length", "0");
  if (co_await exchange.begin(std::move(head))) co_await exchange.finish({});
}

Task<Result<peer::RequestFront>> PeerDoor::read_front(http::Exchange& exchange, BodyLease& lease,
                                                      std::string& begun) {
  for (;;) {
    CO_TRY(std::string piece, co_await exchange.next_body());
    if (piece.empty()) co_return fail(peer::no_token());
    if (!lease.grow(piece.size())) co_return fail(no_memory_here());
    if (begun.empty()) {
      begun = std::move(piece);
    } else {
      begun += piece;
    }
    CO_TRY(const auto front, peer::RequestFront::read(begun));
    if (front) co_return *front;
  }
}

Task<Result<void>> PeerDoor::admit(http::Exchange& exchange, const peer::RegionIdentity& peer,
                                   BodyLease& lease, Admitted& admitted) {
  std::string begun;
  CO_TRY(const peer::RequestFront front, co_await read_front(exchange, lease, begun));
  CO_TRY(admitted.opened, peer::open_token(front.token, exchange.connection().link_key));
  admitted.traceparent = front.traceparent;
  if (!is_traceparent(admitted.traceparent)) {
    co_return fail({.code = ErrorCode::fence_refused,
                    .message = "no traceparent of version 00 follows the routing token",
                    .mend = {},
                    .why = "malformed"});
  }
  const peer::RoutingToken& token = admitted.opened.token;
  begun.erase(0, front.size());
  auto whole = co_await read_body(exchange, lease, std::move(begun));
  if (!whole && whole.error().code == ErrorCode::overloaded) co_return fail(no_memory_here());
  CO_TRY(admitted.body, std::move(whole));
  const Sha256 body_hash = sha256(admitted.body);
  const auto snapshot = worker_.snapshot();
  CO_TRY_VOID(snapshot->admission->admit({.peer_region = peer.region.str(),
                                          .token = token,
                                          .body_hash = body_hash,
                                          .now = worker_.loop().clock().wall()}));
  // The row once more, of the Region that TLS has proved and not of the one that the token names:
  // what runs here has a row in this Region's catalogue, whoever admitted it.
  if (!sabotage::off(sabotage::Layer::row) &&
      !region_.row_to_here(*snapshot->catalog, token.profile, token.profile_version, peer.region)) {
    co_return fail({.code = ErrorCode::fence_refused,
                    .message = "no row of this Region's catalogue brings the request here",
                    .mend = {},
                    .why = "no_row_to_here"});
  }
  region_.attestations().expect(attest::Of::tokens, peer.region, admitted.opened.leaf,
                                token.request_id);
  co_return Result<void>{};
}

Task<void> PeerDoor::execute(http::Exchange& exchange, const peer::RegionIdentity& peer) {
  BodyLease lease(region_.body_bytes());
  Admitted admitted;
  if (const auto done = co_await admit(exchange, peer, lease, admitted); !done) {
    if (done.error().code == ErrorCode::fence_refused) {
      region_.geofence_violation(Region::Side::destination, done.error().why,
                                 {{"peer", peer.region.str()}}, worker_.rng());
    }
    co_await refuse(exchange, done.error(), "");
    co_return;
  }
  const peer::RoutingToken* const token = &admitted.opened.token;
  co_await worker_.loop().step_end();
  const auto format = chat::find_format(token->operation, token->model_id);
  if (!format) {
    co_await refuse(exchange, format.error(), token->request_id);
    co_return;
  }
  // Hop limit one: it runs here or is handed back.
  const model::ModelMap::Entry* entry = region_.models().find(token->model_id);
  const bool can_run =
      entry && entry->backend->healthy() && !region_.draining() && !region_.drained();
  if (!can_run || !entry->backend->try_take_slot()) {
    co_await refuse(exchange,
                    {.code = ErrorCode::peer_capacity,
                     .retry = Retry::other_region,
                     .message = "no room here",
                     .mend = {},
                     .why = {}},
                    token->request_id);
    co_return;
  }
  model::Slot slot(entry->backend, [this] { region_.capacity_changed(); });
  Counted running(region_.counters(peer.region)->running_here);
  http::Headers headers;
  headers.add("x-tidegate-model", entry->config.name);
  model::Work work{.format = *format,
                   .model_id = token->model_id,
                   .body = admitted.body,
                   .request_id = token->request_id,
                   .traceparent = admitted.traceparent};
  PieceExchange pieces(exchange);
  model::Attempt attempt =
      co_await worker_.executor().execute(pieces, std::move(work), std::move(headers));
  slot.release();
  co_await worker_.loop().step_end();
  const Sha256 digest = pieces.digest_with(attempt.answer_tail);
  co_await answer(exchange, peer, admitted.opened, attempt, digest);
}

Task<void> PeerDoor::answer(http::Exchange& exchange, const peer::RegionIdentity& peer,
                            const peer::OpenedToken& opened, model::Attempt& attempt,
                            const Sha256& digest) {
  const peer::RoutingToken& token = opened.token;
  if (!attempt.ok() && !exchange.begun()) {
    co_await refuse(exchange, *attempt.error, token.request_id);
    co_return;
  }
  peer::Trailer trailer;
  trailer.request_id = token.request_id;
  trailer.region = region_.config().region.str();
  trailer.outcome = attempt.ok() ? "success" : std::string(name_of(attempt.error->code));
  if (attempt.error) trailer.error_message = attempt.error->message;
  trailer.model_name = std::move(attempt.model_name);
  trailer.stop_reason = std::move(attempt.stop_reason);
  trailer.input_tokens = attempt.usage.input_tokens;
  trailer.output_tokens = attempt.usage.output_tokens;
  trailer.cache_read_tokens = attempt.usage.cache_read_tokens;
  trailer.cache_write_tokens = attempt.usage.cache_write_tokens;
  trailer.first_byte_ms =
      attempt.first_byte == MonoTime{} ? -1 : millis(attempt.first_byte - attempt.started);
  trailer.total_ms = millis(attempt.ended - attempt.started);
  trailer.row_hash = token.row_hash;
  trailer.answer_sha256 = digest;
  trailer.at_ms = std::chrono::floor<std::chrono::milliseconds>(
                      worker_.loop().clock().wall().time_since_epoch())
                      .count();
  region_.attestations().made(
      attest::Of::attestations, peer.region,
      peer::attestation_of(token, opened.leaf, digest, trailer.outcome, trailer.at_ms).leaf());
  const std::string sealed = trailer.sign(exchange.connection().link_key.value());
  std::string last;
  last.reserve(peer::answer_bytes_max(attempt.answer_head.headers, attempt.answer_tail, sealed));
  if (!exchange.begun()) {
    if (!co_await exchange.begin({})) co_return;
    peer::append_headers(last, attempt.answer_head.headers);
  }
  peer::append_piece(last, attempt.answer_tail);
  peer::append_end(last, sealed);
  co_await exchange.finish(std::move(last));
}

Task<void> PeerDoor::refuse_peer(http::Exchange& exchange, std::string rule, json::object facts) {
  region_.geofence_violation(Region::Side::destination, rule, std::move(facts), worker_.rng());
  Error error{.code = ErrorCode::fence_refused,
              .message = "this Region is no peer of that one",
              .mend = {},
              .why = std::move(rule)};
  co_await refuse(exchange, std::move(error), "");
}

Task<void> PeerDoor::refuse(http::Exchange& exchange, Error error, std::string request_id) {
  if (error.code == ErrorCode::cancelled) {
    exchange.abort();
    co_return;
  }
  auto made = aws::error_answer(error, aws::Protocol::rest_json, request_id, limits::retry_hint);
  made.head.headers.add(std::string(peer::error_header), std::string(name_of(error.code)));
  if (!error.why.empty()) made.head.headers.add(peer::why_header, error.why);
  if (co_await exchange.begin(std::move(made.head))) co_await exchange.finish(std::move(made.body));
}

}  // namespace tidegate::gateway
