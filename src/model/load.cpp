#include "model/load.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "base/json.hpp"

namespace tidegate::model {
namespace {

enum class Gauge : std::uint8_t { running, waiting, cache };

struct Name {
  std::string_view name;
  Gauge gauge;
};
constexpr auto names = std::to_array<Name>({
    {"vllm:num_requests_running", Gauge::running},
    {"vllm:num_requests_waiting", Gauge::waiting},
    {"vllm:kv_cache_usage_perc", Gauge::cache},   // 0 to 1, whatever its name says
    {"vllm:gpu_cache_usage_perc", Gauge::cache},  // older
    {"sglang:num_running_reqs", Gauge::running},
    {"sglang:num_queue_reqs", Gauge::waiting},
    {"sglang:token_usage", Gauge::cache},
    {"llamacpp:requests_processing", Gauge::running},
    {"llamacpp:requests_deferred", Gauge::waiting},
    {"trtllm_num_requests_running", Gauge::running},
    {"trtllm_num_requests_waiting", Gauge::waiting},
    {"trtllm_kv_cache_utilization", Gauge::cache},
});

std::optional<double> parse_value(std::string_view text) {
  double out = 0;
  const auto end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, out);
  const bool ended = stopped == end || *stopped == ' ' || *stopped == '\t';  // a time may follow
  if (error != std::errc{} || !ended || !std::isfinite(out) || out < 0) return std::nullopt;
  return out;
}

// `name{label="a b}"} value`: labels may hold anything, in quotes.
std::string_view after_labels(std::string_view rest) {
  if (!rest.starts_with('{')) return rest;
  bool quoted = false;
  for (std::size_t i = 1; i < rest.size(); ++i) {
    if (quoted && rest[i] == '\\') {
      ++i;
    } else if (rest[i] == '"') {
      quoted = !quoted;
    } else if (rest[i] == '}' && !quoted) {
      return rest.substr(i + 1);
    }
  }
  return {};
}

void add(std::optional<std::uint32_t>& to, double value) {
  constexpr double most = 1'000'000;
  to = std::min(to.value_or(0) + static_cast<std::uint32_t>(std::min(value, most)), 1'000'000u);
}

}  // namespace

Load parse_metrics(std::string_view text) {
  Load out;
  while (!text.empty()) {
    const auto end = text.find('\n');
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
    const auto name_end = line.find_first_of("{ \t");
    if (line.starts_with('#') || name_end == std::string_view::npos) continue;
    const auto known = std::ranges::find(names, line.substr(0, name_end), &Name::name);
    if (known == names.end()) continue;
    std::string_view rest = after_labels(line.substr(name_end));
    rest.remove_prefix(std::min(rest.find_first_not_of(" \t"), rest.size()));
    if (rest.ends_with('\r')) rest.remove_suffix(1);
    const auto value = parse_value(rest);
    if (!value) continue;
    if (known->gauge == Gauge::running) add(out.running, *value);
    if (known->gauge == Gauge::waiting) add(out.waiting, *value);
    if (known->gauge == Gauge::cache) {
      out.cache_used = std::max(out.cache_used.value_or(0), std::min(*value, 1.0));
    }
  }
  return out;
}

Load parse_slots(std::string_view json_text) {
  const auto document = json::parse(json_text);
  const json::array* slots = document ? document->if_array() : nullptr;
  if (!slots) return {};
  std::uint32_t running = 0;
  for (const json::value& slot : *slots) {
    const json::object* members = slot.if_object();
    const auto busy = members ? json::find_bool(*members, "is_processing") : std::nullopt;
    if (!busy) return {};
    running += *busy ? 1 : 0;
  }
  return {.running = running, .waiting = {}, .cache_used = {}};
}

}  // namespace tidegate::model
