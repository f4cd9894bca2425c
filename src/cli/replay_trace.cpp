#include "cli/replay_trace.hpp"

#include <fmt/format.h>

#include <array>
#include <charconv>
#include <cmath>
#include <optional>

namespace tidegate::cli::replay {
namespace {

constexpr double context_share =
    0.75;  // the rest is for the chat template, and for tokens that are not words
constexpr std::size_t requests_max = 1'000'000;

// Takes a number off the front of `text`, and the separator behind it.
bool take_number(std::string_view& text, char separator, int& out) {
  const auto end = separator == '\0' ? text.size() : text.find(separator);
  if (end == std::string_view::npos) return false;
  const auto [stop, error] = std::from_chars(text.data(), text.data() + end, out);
  if (error != std::errc{} || stop != text.data() + end || out < 0) return false;
  text.remove_prefix(std::min(text.size(), end + 1));
  return true;
}

// "2023-11-16 18:15:46.6805900"; up to nine digits of a second.
std::optional<std::chrono::sys_time<Duration>> parse_stamp(std::string_view text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  const auto dot = text.find('.');
  std::string fraction(dot == std::string_view::npos ? "" : text.substr(dot + 1));
  text = text.substr(0, dot);
  if (!take_number(text, '-', year) || !take_number(text, '-', month) ||
      !take_number(text, ' ', day) || !take_number(text, ':', hour) ||
      !take_number(text, ':', minute) || !take_number(text, '\0', second) || fraction.size() > 9) {
    return std::nullopt;
  }
  fraction.resize(9, '0');
  std::string_view digits = fraction;
  int nanoseconds = 0;
  if (!take_number(digits, '\0', nanoseconds)) return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year),
                                         std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok() || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(hour) + std::chrono::minutes(minute) +
         std::chrono::seconds(second) + Duration(nanoseconds);
}

std::unexpected<Error> wrong(const std::string& file, std::size_t line, std::string what) {
  return fail({.code = ErrorCode::configuration,
               .message = fmt::format("{}:{}:1: {}", file, line, what),
               .mend = "use a trace like examples/traces/azure-conv-2023.csv",
               .why = "a trace has the columns TIMESTAMP,ContextTokens,GeneratedTokens, in the "
                      "order of arrival"});
}

}  // namespace

Result<std::vector<TraceRequest>> parse_trace(std::string_view csv, const std::string& file) {
  std::vector<TraceRequest> trace;
  std::optional<std::chrono::sys_time<Duration>> first;
  for (std::size_t line = 1; !csv.empty(); ++line) {
    std::string_view row = csv.substr(0, csv.find('\n'));
    csv.remove_prefix(std::min(csv.size(), row.size() + 1));
    if (row.ends_with('\r')) row.remove_suffix(1);
    if (row.empty()) continue;
    if (line == 1) {
      if (row != "TIMESTAMP,ContextTokens,GeneratedTokens")
        return wrong(file, line, "the head of the columns is another");
      continue;
    }
    const auto comma = row.find(',');
    const auto stamp = parse_stamp(row.substr(0, comma));
    std::string_view rest = comma == std::string_view::npos ? "" : row.substr(comma + 1);
    TraceRequest request;
    if (!stamp || !take_number(rest, ',', request.prompt_tokens) ||
        !take_number(rest, '\0', request.answer_tokens)) {
      return wrong(file, line, "this is not a request");
    }
    if (!first) first = stamp;
    request.at = *stamp - *first;
    if (!trace.empty() && request.at < trace.back().at)
      return wrong(file, line, "it arrives before the one above it");
    if (trace.size() == requests_max)
      return wrong(file, line, fmt::format("there are more than {} requests", requests_max));
    trace.push_back(request);
  }
  if (trace.size() < 2) return wrong(file, 1, "there are fewer than two requests");
  return trace;
}

double length_factor(const std::vector<TraceRequest>& trace, int context_tokens) {
  int largest = 1;
  for (const TraceRequest& request : trace)
    largest = std::max(largest, request.prompt_tokens + request.answer_tokens);
  return std::min(1.0, context_share * context_tokens / largest);
}

std::vector<Planned> plan(const std::vector<TraceRequest>& trace, double length_factor, double rate,
                          Duration length) {
  const auto count = static_cast<std::size_t>(std::max(1.0, std::round(rate * seconds(length))));
  const Duration lap = trace.back().at + trace.back().at / static_cast<std::int64_t>(trace.size());
  const auto scaled = [length_factor](int tokens) {
    return std::max(1, static_cast<int>(std::lround(tokens * length_factor)));
  };
  std::vector<Planned> planned;
  for (std::size_t i = 0; i < count; ++i) {
    const TraceRequest& request = trace[i % trace.size()];
    planned.push_back({request.at + lap * static_cast<std::int64_t>(i / trace.size()),
                       scaled(request.prompt_tokens), scaled(request.answer_tokens)});
  }
  // The arrival behind the last one would be the end.
  const double whole = seconds(planned.back().at) * (1 + 1.0 / static_cast<double>(count));
  const double stretch = whole > 0 ? seconds(length) / whole : 0;
  for (Planned& one : planned)
    one.at = Duration(static_cast<std::int64_t>(static_cast<double>(one.at.count()) * stretch));
  return planned;
}

std::string make_prompt(int tokens, Rng& rng) {
  static constexpr std::array<std::string_view, 48> words{
      "river",  "stone",  "light",  "house",   "green",  "water",  "paper",  "night",
      "table",  "garden", "music",  "letter",  "train",  "winter", "market", "glass",
      "summer", "road",   "window", "bread",   "horse",  "island", "mirror", "coffee",
      "cloud",  "street", "bridge", "song",    "forest", "clock",  "field",  "boat",
      "stair",  "harbor", "candle", "morning", "wall",   "bird",   "apple",  "chair",
      "sea",    "story",  "map",    "door",    "rain",   "hill",   "lamp",   "kitchen"};
  constexpr int number_tokens = 10;  // of the eight digits and the words around them
  std::string prompt = fmt::format("{:08d}: say something about", rng.below(100'000'000));
  for (int i = number_tokens; i < tokens; ++i) {
    prompt += ' ';
    prompt += words[rng.below(words.size())];
  }
  return prompt;
}

}  // namespace tidegate::cli::replay
