// Stage 7, execute: one try, at home or abroad. It takes a RowDestination, which only a row can
// make, so a Region outside the row cannot be passed.
#include "gateway/counted.hpp"
#include "gateway/pipeline.hpp"
#include "gateway/region.hpp"
#include "gateway/worker.hpp"
#include "peer/passage.hpp"
#include "peer/token.hpp"

namespace tidegate::gateway {
namespace {

audit::AttemptRecord attempt_record(const model::Attempt& attempt, const catalog::RegionId& region,
                                    routing::Reason reason, MonoTime arrived) {
  audit::AttemptRecord out;
  out.region = region.str();
  out.reason = routing::name_of(reason);
  out.outcome = attempt.ok() ? "success" : std::string(name_of(attempt.error->code));
  out.bytes_sent = attempt.bytes_sent;
  out.bytes_received = attempt.bytes_received;
  out.start_ms = millis(attempt.started - arrived);
  out.first_byte_ms =
      attempt.first_byte == MonoTime{} ? -1 : millis(attempt.first_byte - attempt.started);
  out.total_ms = millis(attempt.ended - attempt.started);
  out.model_name = attempt.model_name;
  if (attempt.error)
    out.error = attempt.error->why.empty() ? attempt.error->message : attempt.error->why;
  return out;
}

// Of the part of the row that the caller keeps to; none: the whole row. An older version of the row
// may lack some of them.
std::vector<std::string> names_of(const catalog::RowSubset* subset, const catalog::Row& row) {
  std::vector<std::string> out;
  if (!subset) return out;
  for (const catalog::RegionId& region : subset->regions()) {
    if (row.find(region)) out.push_back(region.str());
  }
  return out;
}

json::object facts_of(const peer::RoutingToken& token) {
  return {{"requestId", token.request_id},
          {"profile", token.profile},
          {"destination", token.destination},
          {"rowHash", to_hex(token.row_hash)}};
}

model::Attempt failed(Error error, MonoTime now) {
  model::Attempt attempt;
  attempt.error = std::move(error);
  attempt.started = attempt.ended = now;
  return attempt;
}

}  // namespace

Task<model::Attempt> Pipeline::execute(http::Exchange& exchange, Trail& trail) {
  const catalog::RegionId& destination = trail.decision->destination->region();
  http::Headers headers = answer_headers(trail, destination.str());
  model::Attempt attempt = destination == region_.config().region
                               ? co_await execute_here(exchange, trail, std::move(headers))
                               : co_await execute_abroad(exchange, trail, std::move(headers));
  audit::AttemptRecord& record = trail.attempt_records.emplace_back(
      attempt_record(attempt, destination, trail.decision->reason, trail.arrived));
  const Hop hop = std::exchange(trail.hop, {});
  record.token = hop.token;
  record.attestation = hop.attestation;
  if (hop.attestation) trail.attested.emplace_back(destination, hop.leaf);
  co_return attempt;
}

Task<model::Attempt> Pipeline::execute_here(http::Exchange& exchange, Trail& trail,
                                            http::Headers headers) {
  const model::ModelMap::Entry* entry = region_.models().find(trail.target->model_id);
  if (!entry || !entry->backend->try_take_slot()) {  // another worker was faster
    co_return failed({.code = ErrorCode::peer_capacity,
                      .retry = Retry::other_region,
                      .message = "no free slot",
                      .mend = {},
                      .why = {}},
                     worker_.loop().now());
  }
  model::Slot slot(entry->backend, [this] { region_.capacity_changed(); });
  headers.add("x-tidegate-model", entry->config.name);
  model::Work work{.format = trail.format,
                   .model_id = trail.target->model_id,
                   .body = trail.call->body,
                   .request_id = trail.request_id,
                   .traceparent = trail.traceparent,
                   .request = trail.request.get()};
  co_return co_await worker_.executor().execute(exchange, std::move(work), std::move(headers));
}

peer::RoutingToken Pipeline::make_token(const Trail& trail,
                                        const catalog::RegionId& destination) const {
  const Target& target = *trail.target;
  // Where the other Region's catalogue is older and has no common version, this one's is sent: its
  // refusal is the answer.
  const catalog::Row* known =
      worker_.row_known_to(destination, *target.row, *trail.snapshot->catalog);
  const catalog::Row& row = known ? *known : *target.row;
  return {
      .jti = make_uuid(worker_.rng()),
      .request_id = trail.request_id,
      .source = region_.config().region.str(),
      .destination = destination.str(),
      .profile = row.profile_id(),
      .profile_version = row.version(),
      .row_hash = row.digest(),
      .subset = names_of(target.subset.get(), row),
      .operation = std::string(trail.call->called),
      .model_id = target.model_id,
      .body_sha256 = trail.call->body_hash,
      .principal_hash = trail.principal->record().arn_hash,
      .expires_ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                        (worker_.loop().clock().wall() + limits::token_lifetime).time_since_epoch())
                        .count()};
}

Task<model::Attempt> Pipeline::execute_abroad(http::Exchange& exchange, Trail& trail,
                                              http::Headers headers) {
  const catalog::RegionId destination = trail.decision->destination->region();
  const MonoTime now = worker_.loop().now();
  auto channel = worker_.links().channel(destination);
  if (!channel) {
    co_return failed({.code = ErrorCode::peer_unavailable,
                      .origin = Origin::peer,
                      .retry = Retry::other_region,
                      .message = "Bedrock is unable to process your request.",
                      .mend = {},
                      .why = "the link is down"},
                     now);
  }
  Counted sent(region_.counters(destination)->sent);  // only peers are ever dialled
  co_await worker_.loop().step_end();                 // the next decision counts this one already
  const peer::RoutingToken token = make_token(trail, destination);
  // The signer reads the catalogue for itself; without its token no byte of the body leaves.
  auto signed_token =
      peer::TokenSigner(trail.snapshot->catalog).sign(token, channel->connection().link_key);
  if (!signed_token) {
    region_.geofence_violation(Region::Side::source_signer, signed_token.error().why,
                               facts_of(token), worker_.rng());
    co_return failed(std::move(signed_token).error(), now);
  }
  trail.hop.token = signed_token->leaf;
  region_.attestations().made(attest::Of::tokens, destination, *trail.hop.token);
  peer::PassageResult passed;
  passed.answer_head.headers = std::move(headers);
  co_await peer::pass(exchange, std::move(channel),
                      {.request_id = trail.request_id,
                       .token = std::move(signed_token->bytes),
                       .traceparent = trail.traceparent,
                       .body = trail.call->body,
                       .region = destination.str(),
                       .row_hash = token.row_hash},
                      passed, worker_.loop());
  if (passed.error && passed.error->code == ErrorCode::fence_refused) {
    region_.geofence_violation(Region::Side::source, passed.error->why, facts_of(token),
                               worker_.rng());
  }
  if (passed.attested && !is_of_now(passed.trailer.at_ms, worker_.loop().clock().wall())) {
    passed.attested = false;
    region_.attestation_refused(
        destination,
        {.code = ErrorCode::peer_unavailable,
         .message = "the time of an answer is not of now: compare the clocks",
         .mend = {},
         .why = {}},
        worker_.rng());
  }
  if (passed.attested) {
    const bool same_row = token.row_hash == trail.target->row->digest();
    trail.hop.attestation = {.answer = passed.trailer.answer_sha256,
                             .row_hash = same_row ? std::string() : to_hex(token.row_hash),
                             .outcome = passed.trailer.outcome,
                             .at_ms = passed.trailer.at_ms};
    trail.hop.leaf = peer::attestation_of(token, *trail.hop.token, trail.hop.attestation->answer,
                                          passed.trailer.outcome, passed.trailer.at_ms)
                         .leaf();
  }
  model::Attempt attempt;
  attempt.error = std::move(passed.error);
  attempt.model_name = std::move(passed.trailer.model_name);
  attempt.stop_reason = std::move(passed.trailer.stop_reason);
  attempt.usage = {passed.trailer.input_tokens, passed.trailer.output_tokens,
                   passed.trailer.cache_read_tokens, passed.trailer.cache_write_tokens};
  attempt.bytes_sent = passed.bytes_sent;
  attempt.bytes_received = passed.bytes_received;
  attempt.started = passed.started;
  attempt.first_byte = passed.first_byte;
  attempt.ended = passed.ended;
  attempt.answer_head = std::move(passed.answer_head);
  attempt.answer_tail = std::move(passed.answer_tail);
  co_return attempt;
}

}  // namespace tidegate::gateway
