// /health and /metrics on the public port: for load balancers and Prometheus. No credentials, no
// payload, no names of callers.
#include "gateway/pipeline.hpp"
#include "gateway/region.hpp"

namespace tidegate::gateway {

Task<bool> Pipeline::serve_operations(http::Exchange& exchange) {
  const http::RequestHead& head = exchange.head();
  const bool health = head.target == "/health";
  if (head.method != "GET" || (!health && head.target != "/metrics")) co_return false;
  http::ResponseHead answer;
  std::string body;
  if (health) {
    const bool can_serve = region_.can_serve();
    answer.status = can_serve ? 200 : 503;
    const auto& backends = region_.models().backends();
    const auto ready = std::ranges::count_if(backends, [](const auto& b) { return b->healthy(); });
    body = json::serialize(json::object{{"status", can_serve ? "ok" : "unavailable"},
                                        {"region", region_.config().region.str()},
                                        {"backends", backends.size()},
                                        {"backendsReady", ready},
                                        {"draining", region_.draining()},
                                        {"drained", region_.drained()},
                                        {"auditWritable", region_.log().health().writable}});
    answer.headers.add("content-type", "application/json");
  } else {
    body = region_.telemetry().text();
    answer.headers.add("content-type", "text/plain; version=0.0.4; charset=utf-8");
  }
  answer.headers.add("content-length", std::to_string(body.size()));
  if (co_await exchange.begin(std::move(answer))) co_await exchange.finish(std::move(body));
  co_return true;
}

}  // namespace tidegate::gateway
