// The life of one request. Read this file first.
#include "gateway/pipeline.hpp"

#include "aws/door_errors.hpp"
#include "gateway/region.hpp"
#include "gateway/resolve.hpp"
#include "gateway/trace.hpp"
#include "gateway/worker.hpp"

namespace tidegate::gateway {

Pipeline::Pipeline(Region& region, Worker& worker)
    : region_(region), worker_(worker), journal_(worker.loop(), region.log()) {}

Task<void> Pipeline::serve(http::Exchange& exchange) {
  if (co_await serve_operations(exchange)) co_return;
  Trail trail;
  trail.request_id = make_uuid(worker_.rng());
  trail.arrived = worker_.loop().now();
  trail.arrived_wall = worker_.loop().clock().wall();
  trail.snapshot = worker_.snapshot();
  trail.lease.emplace(region_.body_bytes());
  trail.traceparent =
      continue_trace(exchange.head().headers.get("traceparent").value_or(""), worker_.rng());

  Result<Answer> outcome = co_await run(exchange, trail);
  co_await worker_.loop().step_end();
  // Always, before the last byte leaves: success, refusal, client gone. What cannot be recorded is
  // not answered.
  if (auto recorded = co_await record(exchange, trail, outcome); !recorded)
    outcome = fail(recorded.error());

  if (!outcome && outcome.error().code == ErrorCode::cancelled) {
    exchange.abort();
  } else if (exchange.begun()) {
    std::string last;
    if (outcome) {
      last = std::move(outcome->bytes);
    } else {
      trail.format->append_error(last, outcome.error());
    }
    co_await exchange.finish(std::move(last));
  } else {
    Answer answer = outcome ? *std::move(outcome) : error_answer(outcome.error(), trail);
    answer.head.headers.set("content-length", std::to_string(answer.bytes.size()));
    if (co_await exchange.begin(std::move(answer.head)))
      co_await exchange.finish(std::move(answer.bytes));
  }
}

Task<Result<Answer>> Pipeline::run(http::Exchange& exchange, Trail& trail) {
  CO_TRY(trail.call, co_await receive(exchange, trail));  // which operation; the whole body
  co_await worker_.loop().step_end();
  CO_TRY(trail.principal, identify(*trail.call, exchange, *trail.snapshot));  // who
  CO_TRY_VOID(name_model(*trail.call));
  if (!trail.call->operation().is_invocation()) co_return co_await control(exchange, trail);
  co_await worker_.loop().step_end();
  CO_TRY(trail.target, resolve(trail.call->model_reference, trail.principal->account(),
                               *trail.snapshot));  // which Regions: no other from here on
  CO_TRY_VOID(narrow(*trail.target, trail.principal->record(), *trail.snapshot));
  CO_TRY(trail.format, chat::find_format(trail.call->called, trail.target->model_id));
  CO_TRY(trail.request,
         worker_.executor().check(*trail.format, trail.target->model_id, trail.call->body,
                                  trail.request_id));  // a body that no Region could run
  // A door's stream is asked for in the body, and is another action for policies.
  if (trail.request->streams())
    trail.call->match.operation = &api::streamed(trail.call->operation());
  co_await worker_.loop().step_end();
  CO_TRY(trail.permit, authorize(trail));       // may they
  CO_TRY(auto admitted, admit(*trail.permit));  // is there room for one more
  trail.admitted.emplace(std::move(admitted));
  CO_TRY(const auto opened, co_await open_record(exchange, trail));  // before a byte leaves
  trail.opened = opened.at;
  co_await worker_.loop().step_end();
  const MonoTime deadline = worker_.loop().now() + region_.config().capacity_wait;
  for (int left = limits::attempts_max;;) {
    CO_TRY(trail.decision, co_await route(exchange, trail, deadline));  // where, with the reasons
    model::Attempt& attempt = trail.attempts.emplace_back(co_await execute(exchange, trail));
    if (attempt.ok())
      co_return Answer{std::move(attempt.answer_head), std::move(attempt.answer_tail)};
    const bool full =
        attempt.error->code == ErrorCode::peer_capacity;  // handed back at once: not a failure
    if (!full) --left;
    const bool again = attempt.error->retry != Retry::never && !exchange.begun() && left > 0 &&
                       trail.attempts.size() < limits::attempts_recorded_max &&
                       !exchange.cancellation().requested();
    if (!again) co_return fail(full ? capacity_error() : *attempt.error);
  }
}

Error capacity_error() {
  return {
      .code = ErrorCode::capacity,
      .message = "Bedrock is unable to process your request.",
      .mend =
          "No Region of the profile's row has room now; try again after the time in Retry-After.",
      .why = {}};
}

Answer Pipeline::error_answer(const Error& error, const Trail& trail) const {
  const std::string_view model = trail.call ? trail.call->model_reference : std::string_view{};
  auto made = aws::error_answer(aws::in_words_of(trail.protocol, error, model), trail.protocol,
                                trail.request_id, limits::retry_hint);
  Answer answer{std::move(made.head), std::move(made.body)};
  if (trail.target) {
    if (const auto* entry = region_.models().find(trail.target->model_id)) {
      answer.head.headers.add("x-tidegate-model", entry->config.name);
    }
  }
  answer.head.headers.add("x-tidegate-inference-region", "none");
  return answer;
}

http::Headers Pipeline::answer_headers(const Trail& trail,
                                       std::string_view inference_region) const {
  http::Headers headers;
  headers.add("x-amzn-requestid", trail.request_id);
  headers.add("x-tidegate-inference-region", inference_region);
  if (trail.decision) {
    headers.add("x-tidegate-route-reason", routing::name_of(trail.decision->reason));
  }
  if (trail.target && trail.target->legacy) {
    headers.add("x-tidegate-lifecycle", api::lifecycle_sentence(*trail.target->legacy));
  }
  return headers;
}

}  // namespace tidegate::gateway
