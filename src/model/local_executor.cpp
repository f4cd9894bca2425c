// Run it here: translate, ask, translate back. A stream's head leaves with its first token and not
// before, so that until then another Region can still take the request.
#include <fmt/format.h>

#include "base/limits.hpp"
#include "base/log.hpp"
#include "chat/tool_inputs.hpp"
#include "model/executor.hpp"
#include "model/failure.hpp"
#include "model/load.hpp"

namespace tidegate::model {
namespace {

using ClientExchangePtr = std::unique_ptr<http::ClientExchange>;

http::ClientTimeouts timeouts_of(chat::Streaming streaming) {
  return {.connect = limits::backend_connect_timeout,
          .first_byte = streaming == chat::Streaming::yes ? limits::backend_first_byte_timeout
                                                          : limits::backend_answer_timeout,
          .idle = limits::backend_idle_timeout};
}

// The request as it leaves, whole and let in.
BackendRequest prepared(const BackendState& backend, BackendRequest request, WallTime now,
                        std::string_view traceparent = {}) {
  request.target.insert(0, backend.config().base_path);
  if (!traceparent.empty()) request.headers.add("traceparent", traceparent);
  backend.adapter().authorize(request, now);
  return request;
}

http::ClientRequest borrowed(const BackendRequest& request) {
  return {.method = request.method,
          .target = request.target,
          .headers = request.headers,
          .body = request.body};
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

Error stream_failure(const chat::StreamReader& reader, const Error& error, Phase phase) {
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

// Lengths of padding must not repeat from request to request.
std::uint64_t padding_seed(std::string_view request_id) {
  return std::hash<std::string_view>{}(request_id);
}

const chat::Conversation* conversation_in(const chat::Order& order) {
  if (const auto* count = std::get_if<chat::CountRequest>(&order)) return &count->conversation;
  return std::get_if<chat::Conversation>(&order);
}

}  // namespace

// One request on its way, for the steps that it takes here.
struct LocalExecutor::Run {
  http::Exchange& exchange;
  const Work& work;
  const chat::Request& request;
  const ModelMap::Entry& entry;
  http::Headers extra_headers;
  Attempt& attempt;

  const BackendAdapter& adapter() const { return entry.backend->adapter(); }
};

// An answer of status 200, and the request that it must not outlive.
struct LocalExecutor::Reply {
  std::unique_ptr<BackendRequest> request;
  ClientExchangePtr answer;
};

LocalExecutor::LocalExecutor(Loop& loop, std::shared_ptr<const ModelMap> models,
                             ClientFactory factory)
    : loop_(loop), models_(std::move(models)) {
  for (const auto& backend : models_->backends()) {
    clients_.emplace(backend->config().name, factory(backend->config()));
  }
}

Result<std::unique_ptr<const chat::Request>> LocalExecutor::check(
    const chat::Format& format, std::string_view model_id, std::string_view body,
    std::string_view request_id) const {
  static const chat::AdditionalFields everything{.pass_all = true};
  const ModelMap::Entry* entry = models_->find(model_id);
  TRY(auto request,
      format.parse(body, {.model_id = model_id,
                          .fields = entry ? entry->config.additional_fields : everything,
                          .request_id = request_id,
                          .padding_seed = padding_seed(request_id),
                          .unix_seconds = std::chrono::floor<std::chrono::seconds>(
                                              loop_.clock().wall().time_since_epoch())
                                              .count()}));
  if (const auto* conversation = entry ? conversation_in(request->order()) : nullptr) {
    TRY_VOID(entry->backend->adapter().check(*conversation));
  }
  return request;
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
  std::unique_ptr<const chat::Request> parsed;
  if (!work.request) {
    CO_TRY(parsed, check(*work.format, work.model_id, work.body, work.request_id));
  }
  Run run{.exchange = exchange,
          .work = work,
          .request = work.request ? *work.request : *parsed,
          .entry = *entry,
          .extra_headers = std::move(extra_headers),
          .attempt = attempt};
  const chat::Order& order = run.request.order();
  if (const auto* conversation = std::get_if<chat::Conversation>(&order)) {
    co_return co_await converse(run, *conversation);
  }
  if (const auto* request = std::get_if<chat::EmbeddingRequest>(&order)) {
    co_return co_await embed(run, *request);
  }
  co_return co_await count(run, std::get<chat::CountRequest>(order).conversation);
}

Task<Result<void>> LocalExecutor::converse(Run& run, const chat::Conversation& conversation) {
  const auto streaming = run.request.streams() ? chat::Streaming::yes : chat::Streaming::no;
  CO_TRY(BackendRequest request, run.adapter().ask(conversation, run.entry.config, streaming));
  if (run.request.streams()) {
    CO_TRY(const Reply reply, co_await ask(run, std::move(request), streaming));
    co_return co_await answer_stream(run, *reply.answer, conversation);
  }
  co_await loop_.step_end();
  CO_TRY(const std::string body, co_await ask_whole(run, std::move(request)));
  co_await loop_.step_end();
  auto completion = run.adapter().read(body, conversation);
  if (!completion) {
    co_return fail(answer_failure(std::move(completion).error(), Phase::before_first_byte));
  }
  completion->stop_reason =
      chat::refine(completion->stop_reason, completion->usage, conversation.sampling.max_tokens);
  run.attempt.usage = completion->usage;
  run.attempt.stop_reason = name_of(completion->stop_reason);
  answer_whole(run, *std::move(completion));
  co_return Result<void>{};
}

Task<Result<void>> LocalExecutor::embed(Run& run, const chat::EmbeddingRequest& request) {
  CO_TRY(BackendRequest asked, run.adapter().ask(request, run.entry.config));
  CO_TRY(const std::string body, co_await ask_whole(run, std::move(asked)));
  auto embeddings = run.adapter().read(body, request);
  if (!embeddings) {
    co_return fail(answer_failure(std::move(embeddings).error(), Phase::before_first_byte));
  }
  run.attempt.usage.input_tokens = embeddings->input_tokens;
  answer_whole(run, *std::move(embeddings));
  co_return Result<void>{};
}

// Whatever a server answers to a question about tokens, its counting knows what it means.
Task<Result<void>> LocalExecutor::count(Run& run, const chat::Conversation& conversation) {
  const auto counting = run.adapter().count(conversation, run.entry.config);
  if (!counting) {
    co_return cannot("The provided model doesn't support counting tokens.",
                     "The model server that runs it has no way to count them.");
  }
  for (;;) {
    const BackendRequest request =
        prepared(*run.entry.backend, counting->next(), loop_.clock().wall(), run.work.traceparent);
    auto sent = co_await clients_.at(run.entry.backend->config().name)
                    ->send(borrowed(request), timeouts_of(chat::Streaming::no),
                           &run.exchange.cancellation());
    auto head = sent ? co_await (*sent)->head() : std::unexpected(sent.error());
    auto body = head ? co_await read_body(**sent, limits::backend_answer_bytes_max)
                     : std::unexpected(head.error());
    if (!body) {
      co_return fail(transport_failure(body.error(), Phase::before_first_byte, Cause::broken));
    }
    run.attempt.bytes_sent += static_cast<std::int64_t>(request.body.size());
    run.attempt.first_byte = loop_.now();
    CO_TRY(const auto tokens, counting->take(head->status, body->bytes));
    if (!tokens) continue;
    answer_whole(run, *tokens);
    co_return Result<void>{};
  }
}

// Gives the answer once its head is there and says 200.
Task<Result<LocalExecutor::Reply>> LocalExecutor::ask(Run& run, BackendRequest request,
                                                      chat::Streaming streaming) {
  BackendState& backend = *run.entry.backend;
  http::Client& client = *clients_.at(backend.config().name);
  const http::ClientTimeouts timeouts = timeouts_of(streaming);
  Cancellation& cancellation = run.exchange.cancellation();
  Reply reply{.request = std::make_unique<BackendRequest>(prepared(
                  backend, std::move(request), loop_.clock().wall(), run.work.traceparent)),
              .answer = nullptr};
  for (bool again = true;;) {
    const MonoTime asked = loop_.now();
    auto sent = co_await client.send(borrowed(*reply.request), timeouts, &cancellation);
    auto head = sent ? co_await (*sent)->head() : std::unexpected(sent.error());
    if (head) {
      run.attempt.bytes_sent = static_cast<std::int64_t>(reply.request->body.size());
      reply.answer = *std::move(sent);
      if (head->status == 200) co_return reply;
      auto said = co_await read_body(*reply.answer, limits::backend_error_bytes_max);
      co_return fail(
          status_failure(head->status, said ? said->bytes : "", Phase::before_first_byte));
    }
    const Duration waited = loop_.now() - asked;
    // A kept connection may have been closed while the request was leaving: that costs one more
    // try, not an error.
    const bool unsent = head.error().retry == Retry::same_region && waited < timeouts.connect;
    if (unsent && std::exchange(again, false) && !cancellation.requested()) continue;
    Error failure = transport_failure(head.error(), Phase::before_first_byte,
                                      waited >= timeouts.first_byte ? Cause::late : Cause::broken);
    // The next decision should not wait for the next probe to learn this.
    if (failure.code == ErrorCode::model_unavailable) learn(backend, Health::down, failure.why);
    co_return fail(std::move(failure));
  }
}

Task<Result<std::string>> LocalExecutor::ask_whole(Run& run, BackendRequest request) {
  CO_TRY(const Reply reply, co_await ask(run, std::move(request), chat::Streaming::no));
  run.attempt.first_byte = loop_.now();
  auto body = co_await read_body(*reply.answer, limits::backend_answer_bytes_max);
  if (!body) {
    co_return fail(transport_failure(body.error(), Phase::before_first_byte, Cause::broken));
  }
  co_return std::move(body->bytes);
}

void LocalExecutor::answer_whole(Run& run, const chat::Outcome& outcome) {
  Attempt& attempt = run.attempt;
  chat::WholeAnswer answer =
      run.request.answer(outcome, {.latency = loop_.now() - attempt.started,
                                   .first_byte = attempt.first_byte - attempt.started});
  attempt.answer_tail = std::move(answer.body);
  attempt.bytes_received = static_cast<std::int64_t>(attempt.answer_tail.size());
  http::Headers& headers = attempt.answer_head.headers;
  headers = std::move(run.extra_headers);
  headers.add("content-type", run.work.format->content_type());
  for (const http::Header& header : answer.headers) headers.add(header.name, header.value);
}

Task<Result<void>> LocalExecutor::answer_stream(Run& run, http::ClientExchange& answer,
                                                const chat::Conversation& conversation) {
  Attempt& attempt = run.attempt;
  const auto reader = run.adapter().reader(conversation, run.work.request_id);
  const auto writer = run.request.stream();
  std::vector<chat::Delta> deltas;
  chat::Stop stop{chat::StopReason::end_turn};
  chat::ToolInputs tool_inputs;
  const auto phase = [&] {
    return run.exchange.begun() ? Phase::streaming : Phase::before_first_byte;
  };
  for (bool open = true; open;) {
    auto piece = co_await answer.next_body();
    // When all was said only the end of the body is missing; a server that cuts there has answered
    // all the same.
    if (!piece && !reader->done()) {
      co_return fail(transport_failure(piece.error(), phase(), Cause::broken));
    }
    open = piece && !piece->empty();
    deltas.clear();
    const auto taken = open ? reader->feed(*piece, deltas) : reader->finish(deltas);
    std::string out;
    for (chat::Delta& delta : deltas) {
      if (auto* end = std::get_if<chat::Stop>(&delta)) {
        stop = std::move(*end);  // kept back: it leaves after the record
        continue;
      }
      if (const auto* usage = std::get_if<chat::Usage>(&delta)) attempt.usage = *usage;
      tool_inputs.see(delta);
      writer->write(out, delta);
    }
    if (!out.empty()) CO_TRY_VOID(co_await pass_on(run, std::move(out)));
    if (!taken) co_return fail(stream_failure(*reader, taken.error(), phase()));
  }
  if (!run.exchange.begun()) CO_TRY_VOID(co_await pass_on(run, {}));
  stop.reason = tool_inputs.reason(
      chat::refine(stop.reason, attempt.usage, conversation.sampling.max_tokens));
  attempt.stop_reason = name_of(stop.reason);
  writer->write(attempt.answer_tail, std::move(stop));
  writer->finish(attempt.answer_tail, {.latency = loop_.now() - attempt.started,
                                       .first_byte = attempt.first_byte - attempt.started});
  attempt.bytes_received += static_cast<std::int64_t>(attempt.answer_tail.size());
  co_return Result<void>{};
}

// Bytes of a stream, its head before the first of them.
Task<Result<void>> LocalExecutor::pass_on(Run& run, std::string bytes) {
  if (!run.exchange.begun()) {
    run.attempt.first_byte = loop_.now();
    http::Headers headers = std::move(run.extra_headers);
    headers.add("content-type", run.work.format->stream_content_type());
    for (const http::Header& header : run.work.format->stream_headers()) {
      headers.add(header.name, header.value);
    }
    CO_TRY_VOID(co_await run.exchange.begin({200, std::move(headers)}));
  }
  if (bytes.empty()) co_return Result<void>{};
  run.attempt.bytes_received += static_cast<std::int64_t>(bytes.size());
  co_return co_await run.exchange.write(std::move(bytes));
}

Task<void> LocalExecutor::probe() {
  // All at once: a back-end that is dead must not delay the news of the others.
  std::size_t left = models_->backends().size();
  if (left == 0) co_return;
  Event all_done(loop_);
  for (const auto& backend : models_->backends()) spawn(probe_one(*backend, left, all_done));
  co_await all_done.wait();
}

// What a GET gave; status 0 is no answer.
struct LocalExecutor::Page {
  int status = 0;
  std::string body;
  std::string why;
};

Task<LocalExecutor::Page> LocalExecutor::get(BackendState& backend, std::string_view path) {
  constexpr http::ClientTimeouts timeouts{.connect = limits::backend_probe_timeout,
                                          .first_byte = limits::backend_probe_timeout,
                                          .idle = limits::backend_probe_timeout};
  const BackendRequest request = prepared(
      backend,
      {.method = "GET", .target = std::string(path), .headers = {{"accept", "*/*"}}, .body = {}},
      loop_.clock().wall());
  auto sent =
      co_await clients_.at(backend.config().name)->send(borrowed(request), timeouts, nullptr);
  auto head = sent ? co_await (*sent)->head() : std::unexpected(sent.error());
  if (!head) co_return Page{0, {}, head.error().message};
  // Read to its end, so that the connection can be kept.
  auto body = co_await read_body(**sent, limits::backend_probe_bytes_max);
  co_return Page{head->status, body ? std::move(body->bytes) : "", {}};
}

Task<void> LocalExecutor::probe_one(BackendState& backend, std::size_t& left, Event& all_done) {
  const Page page = co_await get(backend, backend.adapter().health_path());
  if (page.status != 0) {
    // A server that has no such page (Ollama) is there all the same; one that loads its model says
    // 503.
    learn(backend, page.status < 500 ? Health::up : Health::down,
          fmt::format("HTTP {}", page.status));
    co_await probe_load(backend);
  } else {
    learn(backend, Health::down, page.why);
    backend.set_load({});
  }
  if (--left == 0) all_done.set();
}

// Where a page is missing the next one is tried, once: what a server does not tell is unknown for
// as long as it is up.
Task<void> LocalExecutor::probe_load(BackendState& backend) {
  const auto paths = backend.adapter().load_paths();
  std::size_t& at = load_path_[&backend];
  if (!backend.healthy()) at = 0;
  while (backend.healthy() && at < paths.size()) {
    const Page page = co_await get(backend, paths[at]);
    if (page.status == 200) {
      backend.set_load(page.body.starts_with('[') ? parse_slots(page.body)
                                                  : parse_metrics(page.body));
      co_return;
    }
    if (page.status == 0 || page.status >= 500) break;  // not now, perhaps the next time
    ++at;
  }
  backend.set_load({});
}

}  // namespace tidegate::model
