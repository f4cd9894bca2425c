// Run it here: translate, ask, translate back. A stream's head leaves with its first token and not
// before, so that until then another Region can still take the request.
#include <fmt/format.h>

#include "base/limits.hpp"
#include "base/log.hpp"
#include "chat/openai.hpp"
#include "model/backend.hpp"
#include "model/failure.hpp"

namespace tidegate::model {
namespace {

using ClientExchangePtr = std::unique_ptr<http::ClientExchange>;

http::ClientRequest chat_request(const BackendConfig& backend, const Work& work,
                                 std::string_view body) {
  http::ClientRequest out{
      .method = "POST",
      .target = backend.base_path + "/v1/chat/completions",
      .headers = {{"content-type", "application/json"},
                  {"accept", work.operation == Operation::converse_stream ? "text/event-stream"
                                                                          : "application/json"}},
      .body = body};
  if (!backend.api_key.empty()) out.headers.add("authorization", "Bearer " + backend.api_key);
  if (!work.traceparent.empty()) out.headers.add("traceparent", work.traceparent);
  return out;
}

http::ClientTimeouts timeouts_of(Operation operation) {
  return {.connect = limits::backend_connect_timeout,
          .first_byte = operation == Operation::converse_stream ? limits::backend_first_byte_timeout
                                                                : limits::backend_answer_timeout,
          .idle = limits::backend_idle_timeout};
}

// The whole body, or as much of it as `max` allows; `whole` says which.
struct Body {
  std::string bytes;
  bool whole = true;
};
Task<Result<Body>> read_body(http::ClientExchange& answer, std::size_t max) {
  Body out;
  for (;;) {
    CO_TRY(const std::string piece, co_await answer.next_body());
    if (piece.empty()) co_return out;
    if (out.bytes.size() + piece.size() > max) {
      out.whole = false;
      co_return out;
    }
    out.bytes += piece;
  }
}

void learn(BackendState& backend, Health health, std::string_view why) {
  const bool healthy = health == Health::up;
  if (backend.healthy() == healthy) return;
  backend.set_health(health);
  log::write(healthy ? log::Level::info : log::Level::warn, "backend_health",
             {{"backend", backend.config().name}, {"healthy", healthy}, {"why", why}});
}

http::Headers with_content_type(std::string type, const http::Headers& rest) {
  http::Headers out{{"content-type", std::move(type)}};
  for (const http::Header& header : rest) out.add(header.name, header.value);
  return out;
}

Error stream_failure(const chat::OpenAiStreamReader& reader, const Error& error, Phase phase) {
  if (reader.error_event().empty()) return answer_failure(error, phase);
  return status_failure(error.upstream_status ? error.upstream_status : 500, reader.error_event(),
                        phase);
}

Error not_here(std::string_view model_id) {
  return {.code = ErrorCode::model_unavailable,
          .origin = Origin::self,
          .retry = Retry::other_region,
          .message = "Bedrock is unable to process your request.",
          .mend = {},
          .why = fmt::format("the model {} does not run in this Region", model_id)};
}

}  // namespace

LocalExecutor::LocalExecutor(Loop& loop, std::shared_ptr<const ModelMap> models,
                             ClientFactory factory)
    : loop_(loop), models_(std::move(models)) {
  for (const auto& backend : models_->backends()) {
    clients_.emplace(backend->config().name, factory(backend->config()));
  }
}

Result<chat::Conversation> LocalExecutor::check(Operation, std::string_view model_id,
                                                std::string_view body) const {
  const ModelMap::Entry* entry = models_->find(model_id);
  if (!entry) return chat::parse_converse(body, {.pass_all = true});
  TRY(auto conversation, chat::parse_converse(body, entry->config.additional_fields));
  TRY_VOID(chat::check_openai(conversation));
  return conversation;
}

Task<Attempt> LocalExecutor::execute(http::Exchange& exchange, Work work,
                                     http::Headers extra_headers) {
  Attempt attempt;
  attempt.started = loop_.now();
  auto outcome = co_await run(exchange, work, std::move(extra_headers), attempt);
  if (!outcome) {
    attempt.error = std::move(outcome).error();
    attempt.answer_head = {};
    attempt.answer_tail.clear();
  }
  attempt.ended = loop_.now();
  co_return attempt;
}

Task<Result<void>> LocalExecutor::run(http::Exchange& exchange, const Work& work,
                                      http::Headers extra_headers, Attempt& attempt) {
  const ModelMap::Entry* entry = models_->find(work.model_id);
  if (!entry) co_return fail(not_here(work.model_id));
  attempt.model_name = entry->config.name;
  chat::Conversation parsed;
  if (!work.conversation) {
    CO_TRY(parsed, check(work.operation, work.model_id, work.body));
  }
  const chat::Conversation& conversation = work.conversation ? *work.conversation : parsed;
  const bool streams = work.operation == Operation::converse_stream;
  CO_TRY(const std::string body,
         chat::openai_request(conversation, entry->config.served_as,
                              streams ? chat::Streaming::yes : chat::Streaming::no));
  CO_TRY(const ClientExchangePtr answer, co_await ask(exchange, *entry, work, body, attempt));
  if (!streams) {
    co_return co_await answer_whole(*answer, conversation, std::move(extra_headers), attempt);
  }
  co_return co_await answer_stream(exchange, *answer, conversation, std::move(extra_headers),
                                   attempt);
}

// Gives the answer once its head is there and says 200.
Task<Result<ClientExchangePtr>> LocalExecutor::ask(http::Exchange& exchange,
                                                   const ModelMap::Entry& entry, const Work& work,
                                                   std::string_view body, Attempt& attempt) {
  BackendState& backend = *entry.backend;
  http::Client& client = *clients_.at(backend.config().name);
  const http::ClientTimeouts timeouts = timeouts_of(work.operation);
  for (bool again = true;;) {
    const MonoTime asked = loop_.now();
    auto sent = co_await client.send(chat_request(backend.config(), work, body), timeouts,
                                     &exchange.cancellation());
    auto head = sent ? co_await (*sent)->head() : std::unexpected(sent.error());
    if (head) {
      attempt.bytes_sent = static_cast<std::int64_t>(body.size());
      if (head->status == 200) co_return *std::move(sent);
      auto said = co_await read_body(**sent, limits::backend_error_bytes_max);
      co_return fail(
          status_failure(head->status, said ? said->bytes : "", Phase::before_first_byte));
    }
    const Duration waited = loop_.now() - asked;
    // A kept connection may have been closed while the request was leaving: that costs one more
    // try, not an error.
    const bool unsent = head.error().retry == Retry::same_region && waited < timeouts.connect;
    if (unsent && std::exchange(again, false) && !exchange.cancellation().requested()) continue;
    Error failure = transport_failure(head.error(), Phase::before_first_byte,
                                      waited >= timeouts.first_byte ? Cause::late : Cause::broken);
    // The next decision should not wait for the next probe to learn this.
    if (failure.code == ErrorCode::model_unavailable) learn(backend, Health::down, failure.why);
    co_return fail(std::move(failure));
  }
}

Task<Result<void>> LocalExecutor::answer_whole(http::ClientExchange& answer,
                                               const chat::Conversation& conversation,
                                               http::Headers extra_headers, Attempt& attempt) {
  attempt.first_byte = loop_.now();
  auto body = co_await read_body(answer, limits::backend_answer_bytes_max);
  if (!body) {
    co_return fail(transport_failure(body.error(), Phase::before_first_byte, Cause::broken));
  }
  auto completion = chat::parse_openai_answer(body->bytes);
  if (!completion) {
    co_return fail(answer_failure(std::move(completion).error(), Phase::before_first_byte));
  }
  completion->stop_reason =
      chat::refine(completion->stop_reason, completion->usage, conversation.sampling.max_tokens);
  attempt.usage = completion->usage;
  attempt.stop_reason = name_of(completion->stop_reason);
  attempt.answer_tail =
      chat::converse_answer(*completion, loop_.now() - attempt.started, conversation.echo);
  attempt.bytes_received = static_cast<std::int64_t>(attempt.answer_tail.size());
  attempt.answer_head.headers = with_content_type("application/json", extra_headers);
  attempt.answer_head.headers.set("content-length", std::to_string(attempt.answer_tail.size()));
  co_return Result<void>{};
}

Task<Result<void>> LocalExecutor::answer_stream(http::Exchange& exchange,
                                                http::ClientExchange& answer,
                                                const chat::Conversation& conversation,
                                                http::Headers extra_headers, Attempt& attempt) {
  chat::OpenAiStreamReader reader;
  chat::ConverseStreamWriter writer;
  std::vector<chat::Delta> deltas;
  std::optional<chat::StopReason> stop;
  const auto phase = [&] { return exchange.begun() ? Phase::streaming : Phase::before_first_byte; };
  for (bool open = true; open;) {
    auto piece = co_await answer.next_body();
    // After [DONE] only the end of the body is missing; a server that cuts there has answered all
    // the same.
    if (!piece && !reader.done()) {
      co_return fail(transport_failure(piece.error(), phase(), Cause::broken));
    }
    open = piece && !piece->empty();
    deltas.clear();
    const auto taken = open ? reader.feed(*piece, deltas) : reader.finish(deltas);
    std::string out;
    for (const chat::Delta& delta : deltas) {
      if (const auto* end = std::get_if<chat::Stop>(&delta)) {
        stop = end->reason;  // kept back: it leaves after the record
      } else {
        writer.write(out, delta);
      }
    }
    attempt.usage = writer.usage();
    if (!out.empty()) {
      CO_TRY_VOID(co_await pass_on(exchange, std::move(out), extra_headers, attempt));
    }
    if (!taken) co_return fail(stream_failure(reader, taken.error(), phase()));
  }
  if (!exchange.begun()) CO_TRY_VOID(co_await pass_on(exchange, {}, extra_headers, attempt));
  const chat::StopReason reason = chat::refine(stop.value_or(chat::StopReason::end_turn),
                                               attempt.usage, conversation.sampling.max_tokens);
  attempt.stop_reason = name_of(reason);
  writer.write(attempt.answer_tail, chat::Stop{reason});
  writer.finish(attempt.answer_tail, loop_.now() - attempt.started, conversation.echo);
  attempt.bytes_received += static_cast<std::int64_t>(attempt.answer_tail.size());
  co_return Result<void>{};
}

// Bytes of a stream, its head before the first of them.
Task<Result<void>> LocalExecutor::pass_on(http::Exchange& exchange, std::string bytes,
                                          const http::Headers& extra_headers, Attempt& attempt) {
  if (!exchange.begun()) {
    attempt.first_byte = loop_.now();
    CO_TRY_VOID(co_await exchange.begin(
        {200, with_content_type("application/vnd.amazon.eventstream", extra_headers)}));
  }
  if (bytes.empty()) co_return Result<void>{};
  attempt.bytes_received += static_cast<std::int64_t>(bytes.size());
  co_return co_await exchange.write(std::move(bytes));
}

Task<void> LocalExecutor::probe() {
  // All at once: a back-end that is dead must not delay the news of the others.
  std::size_t left = models_->backends().size();
  if (left == 0) co_return;
  Event all_done(loop_);
  for (const auto& backend : models_->backends()) spawn(probe_one(*backend, left, all_done));
  co_await all_done.wait();
}

Task<void> LocalExecutor::probe_one(BackendState& backend, std::size_t& left, Event& all_done) {
  constexpr http::ClientTimeouts timeouts{.connect = limits::backend_probe_timeout,
                                          .first_byte = limits::backend_probe_timeout,
                                          .idle = limits::backend_probe_timeout};
  http::ClientRequest request{.method = "GET",
                              .target = backend.config().base_path + "/health",
                              .headers = {{"accept", "application/json"}},
                              .body = {}};
  if (!backend.config().api_key.empty()) {
    request.headers.add("authorization", "Bearer " + backend.config().api_key);
  }
  auto sent =
      co_await clients_.at(backend.config().name)->send(std::move(request), timeouts, nullptr);
  auto head = sent ? co_await (*sent)->head() : std::unexpected(sent.error());
  if (head) {
    co_await read_body(**sent,
                       limits::backend_error_bytes_max);  // so that the connection can be kept
    // A server that has no such page (Ollama) is there all the same; one that loads its model says
    // 503.
    learn(backend, head->status < 500 ? Health::up : Health::down,
          fmt::format("HTTP {}", head->status));
  } else {
    learn(backend, Health::down, head.error().message);
  }
  if (--left == 0) all_done.set();
}

}  // namespace tidegate::model
