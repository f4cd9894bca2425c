#include "gateway/test_deployment.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tidegate::gateway {
namespace {

std::string chunk(std::string_view text) {
  return fmt::format(
      "data: {{\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{} "
      "\"}},\"finish_reason\":null}}]}}\n\n",
      text);
}

Task<void> follow(http::MemoryChannel& channel, http::RequestHead head, std::string body,
                  std::shared_ptr<Reply> reply, Cancellation* cancellation) {
  constexpr http::ClientTimeouts patient{.connect = 600s, .first_byte = 600s, .idle = 600s};
  auto sent = co_await channel.send(
      {.method = head.method, .target = head.target, .headers = head.headers, .body = body},
      patient, cancellation);
  if (!sent) {
    reply->error = sent.error();
    reply->done = true;
    co_return;
  }
  auto answer = co_await (*sent)->head();
  if (answer) {
    reply->status = answer->status;
    reply->headers = answer->headers;
    for (;;) {
      auto piece = co_await (*sent)->next_body();
      if (!piece) reply->error = piece.error();
      if (!piece || piece->empty()) break;
      reply->body += *piece;
    }
  } else {
    reply->error = answer.error();
  }
  reply->done = true;
}

}  // namespace

Task<void> ScriptedModel::serve(http::Exchange& exchange) {
  http::ResponseHead head;
  if (exchange.head().method == "GET") {  // /health
    head.headers.add("content-length", "2");
    if (co_await exchange.begin(head)) co_await exchange.finish("{}");
    co_return;
  }
  const std::string body = co_await [](http::Exchange& e) -> Task<std::string> {
    co_return (co_await e.next_body()).value_or("");
  }(exchange);
  bodies.push_back(body);
  if (co_await sleep_for(loop_, think, &exchange.cancellation()) == Wake::cancelled) {
    ++cancelled;
    exchange.abort();
    co_return;
  }
  if (fail_with_status != 0) {
    head.status = fail_with_status;
    if (co_await exchange.begin(head))
      co_await exchange.finish(R"({"error":{"message":"scripted"}})");
    co_return;
  }
  const bool stream = body.contains("\"stream\":true");
  const std::string usage =
      fmt::format("\"usage\":{{\"prompt_tokens\":7,\"completion_tokens\":{},\"total_tokens\":{}}}",
                  words, 7 + words);
  ++served;
  if (!stream) {
    const std::string text = fmt::format(
        R"({{"choices":[{{"index":0,"message":{{"role":"assistant","content":"hello from {}"}},"finish_reason":"stop"}}],{}}})",
        region_, usage);
    head.headers.add("content-type", "application/json");
    if (co_await exchange.begin(head)) co_await exchange.finish(text);
    co_return;
  }
  head.headers.add("content-type", "text/event-stream");
  if (!co_await exchange.begin(head)) co_return;
  for (int i = 0; i < words; ++i) {
    if (!co_await exchange.write(chunk(region_)) ||
        co_await sleep_for(loop_, pace, &exchange.cancellation()) == Wake::cancelled) {
      ++cancelled;
      exchange.abort();
      co_return;
    }
  }
  co_await exchange.finish(
      "data: {\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\ndata: "
      "{\"choices\":[]," +
      usage + "}\n\ndata: [DONE]\n\n");
}

TestDeployment::TestDeployment(Options options) {
  std::uint64_t seed = 1;
  for (const std::string& name : options.regions) {
    auto made = std::make_unique<TestRegion>();
    made->files = std::make_shared<audit::MemoryFiles>();
    made->log = *audit::Log::open(std::make_unique<audit::MemoryDisk>(made->files), loop.clock(),
                                  {.region = name,
                                   .durability = options.durability,
                                   .retention_days = 400,
                                   .segment_bytes_max = limits::segment_bytes_max});
    Documents documents;
    documents.policies = {{"demo", options.policy}};
    documents.principals = {{demo_arn,
                             "111122223333",
                             "AIDADEMO",
                             {"demo"},
                             options.global_profiles == GlobalProfiles::on}};
    documents.keys = {{demo_key.key_id, demo_key.secret, demo_arn, true}};
    documents.api_keys = {{.key_id = identity::api_key_id(sha256(demo_api_key)),
                           .name = "demo",
                           .digest = sha256(demo_api_key),
                           .principal_arn = demo_arn,
                           .created = loop.clock().wall(),
                           .expires = loop.clock().wall() + std::chrono::minutes(2)}};
    made->documents.apply(documents).value();
    made->model = std::make_unique<ScriptedModel>(loop, name);

    RegionConfig config;
    config.region = catalog::RegionId(name);
    config.operator_domain = "test.internal";
    const bool without_global =
        std::ranges::find(options.without_global, name) != options.without_global.end();
    config.global_profiles = without_global ? GlobalProfiles::off : options.global_profiles;
    config.durability = options.durability;
    config.backends = {{.name = "llama",
                        .host = "127.0.0.1",
                        .port = 1,
                        .base_path = {},
                        .api_key = {},
                        .slots = options.slots}};
    for (const std::string& model : options.models) {
      config.models.push_back({.model_id = model,
                               .backend = "llama",
                               .served_as = "tiny",
                               .name = "tiny-test-model",
                               .additional_fields = {}});
    }
    for (const std::string& other : options.regions) {
      if (other != name)
        config.peers.push_back({.region = catalog::RegionId(other),
                                .host = "127.0.0.1",
                                .port = 1,
                                .trust_bundle = {}});
    }
    SeededRng key_rng(1'000 + seed);
    made->identity = std::make_unique<peer::testing::FixedIdentity>(
        name, config.operator_domain, key_rng, loop.clock().wall(), bundles);
    made->region = *Region::create(config, {.catalog = options.catalog},
                                   {loop.clock(), *made->log, made->background, made->documents,
                                    made->profiles, made->restrictions, *made->identity},
                                   seed);
    ScriptedModel* model = made->model.get();
    for (int i = 0; i < options.workers; ++i) {
      TestRegion::Part part;
      part.rng = std::make_unique<SeededRng>(seed++);
      part.links = std::make_unique<MemoryLinks>();
      part.worker = std::make_unique<Worker>(
          *made->region,
          WorkerPorts{loop, *part.rng, *part.links,
                      [this, model](const model::BackendConfig&) -> std::unique_ptr<http::Client> {
                        return std::make_unique<http::MemoryChannel>(
                            loop, *model, http::ConnectionInfo{}, http::ConnectionInfo{},
                            std::chrono::microseconds(100));
                      }},
          i);
      made->workers.push_back(std::move(part));
    }
    regions.emplace(name, std::move(made));
  }
  for (auto& [name, region] : regions) {
    for (auto& part : region->workers) part.worker->start();
  }
  connect_all();
  loop.run_for(1500ms);  // health checks and the first reports
}

TestDeployment::~TestDeployment() {
  for (auto& [name, region] : regions) {
    for (auto& part : region->workers) {
      part.worker->stop();
      for (const auto& peer : part.links->connected()) part.links->cut(peer);
    }
  }
  loop.run_for(30s);
}

void TestDeployment::connect_all() {
  for (auto& [name, region] : regions) {
    for (const auto& peer : region->region->destinations_to_dial()) {
      for (std::size_t i = 0; i < region->workers.size(); ++i) {
        TestRegion& other = *regions.at(peer.region.str());
        const std::string secret =
            to_base64(view(sha256(name + peer.region.str() + std::to_string(i)))).substr(0, 32);
        http::ConnectionInfo server_view{.remote_address = "10.0.0.1",
                                         .tls_version = "TLSv1.3",
                                         .tls_cipher = {},
                                         .peer_uri = "spiffe://" + name + ".test.internal/gw/1",
                                         .link_key = HmacKey(secret)};
        http::ConnectionInfo client_view = server_view;
        client_view.peer_uri = "spiffe://" + peer.region.str() + ".test.internal/gw/1";
        auto& handler = other.workers[i % other.workers.size()].worker->peer_handler();
        region->workers[i].links->connect(
            peer.region,
            std::make_shared<http::MemoryChannel>(loop, handler, server_view, client_view, 10ms));
      }
    }
  }
}

void TestDeployment::kill_gateway(const std::string& name) {
  at(name).alive = false;
  for (auto& [other, region] : regions) {
    for (auto& part : region->workers) part.links->cut(catalog::RegionId(name));
  }
}

std::shared_ptr<Reply> TestDeployment::send(const std::string& region, std::string method,
                                            std::string target, std::string body,
                                            std::string service, aws::Credentials key, int worker,
                                            http::Headers headers) {
  auto reply = std::make_shared<Reply>();
  http::RequestHead head;
  head.method = std::move(method);
  head.target = std::move(target);
  head.headers = std::move(headers);
  head.headers.add("host", region + ".test");
  if (!head.headers.get("authorization") && !head.headers.get("x-api-key"))
    aws::sign(head, body, key, region, service, loop.clock().wall());
  http::ConnectionInfo view{
      .remote_address = "192.0.2.7", .tls_version = {}, .tls_cipher = {}, .peer_uri = {}};
  auto channel = std::make_shared<http::MemoryChannel>(
      loop, at(region).workers[static_cast<std::size_t>(worker)].worker->public_handler(), view,
      view, 1ms);
  auto cancellation = std::make_unique<Cancellation>();
  spawn([](std::shared_ptr<http::MemoryChannel> c, http::RequestHead h, std::string b,
           std::shared_ptr<Reply> r, Cancellation* hang_up) -> Task<void> {
    co_await follow(*c, std::move(h), std::move(b), std::move(r), hang_up);
  }(channel, std::move(head), std::move(body), reply, cancellation.get()));
  hang_ups_[reply.get()] = std::move(cancellation);
  return reply;
}

std::shared_ptr<Reply> TestDeployment::converse(const std::string& region, std::string model,
                                                int worker, std::string text, bool stream) {
  for (std::size_t at = 0; (at = model.find(':', at)) != std::string::npos; at += 3)
    model.replace(at, 1, "%3A");
  return send(
      region, "POST", "/model/" + model + (stream ? "/converse-stream" : "/converse"),
      fmt::format(R"({{"messages":[{{"role":"user","content":[{{"text":"{}"}}]}}]}})", text),
      "bedrock", demo_key, worker);
}

bool TestDeployment::run_until_done(const std::vector<std::shared_ptr<Reply>>& replies,
                                    Duration limit) {
  return loop.run_while_not(
      [&] { return std::ranges::all_of(replies, [](const auto& r) { return r->done; }); }, limit);
}

void TestDeployment::hang_up(const std::shared_ptr<Reply>& reply) {
  hang_ups_.at(reply.get())->request();
}

std::vector<json::object> TestDeployment::records(const std::string& region) {
  std::vector<json::object> out;
  audit::EventQuery query;
  query.account = "111122223333";
  at(region).log->tick();
  do {
    auto page = at(region).log->lookup(query);
    if (!page) break;
    for (auto& record : page->records) out.push_back(std::move(record));
    query.next_token = page->next_token;
  } while (!query.next_token.empty());
  return out;
}

std::vector<json::object> TestDeployment::service_events(const std::string& region) {
  return at(region).log->service_events(std::nullopt, 1000).value();
}

}  // namespace tidegate::gateway
