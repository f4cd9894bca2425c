#include "cli/output.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "aws/errors.hpp"

namespace tidegate::cli {
namespace {

// Characters, not bytes: UTF-8 continuation bytes take no room.
std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xc0) != 0x80; }));
}

bool in_colour(int fd) {
  const char* no_color = std::getenv("NO_COLOR");
  return is_terminal(fd) && (no_color == nullptr || *no_color == '\0');
}

}  // namespace

Exit exit_of(const Error& error) {
  switch (error.code) {
    case ErrorCode::missing_authentication:
    case ErrorCode::incomplete_signature:
    case ErrorCode::invalid_signature:
    case ErrorCode::unrecognized_client:
    case ErrorCode::expired_token:
    case ErrorCode::invalid_api_key:
      return Exit::unidentified;
    case ErrorCode::access_denied:
    case ErrorCode::fence_refused:
      return Exit::refused;
    case ErrorCode::peer_unavailable:
    case ErrorCode::model_unavailable:
      return Exit::unreachable;
    case ErrorCode::cancelled:
      return Exit::usage;
    default:
      return Exit::failed;
  }
}

std::string described(const Error& error) {
  const bool colour = in_colour(STDERR_FILENO);
  std::string text =
      fmt::format("{}error[{}]{}: {}\n", colour ? "\033[31m" : "",
                  aws::row_of(error.code).tidegate_code, colour ? "\033[0m" : "", error.message);
  if (!error.why.empty()) text += fmt::format("  why:  {}\n", error.why);
  if (!error.mend.empty()) text += fmt::format("  mend: {}\n", error.mend);
  return text;
}

Exit report(const Error& error) {
  std::fflush(stdout);
  fmt::print(stderr, "{}", described(error));
  return exit_of(error);
}

void print(std::string_view text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
}

void note(std::string_view text) {
  std::fflush(stdout);
  fmt::print(stderr, "{}\n", text);
}

bool is_terminal(int fd) {
  return ::isatty(fd) == 1;
}

std::string Table::text(std::string_view indent) const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string out;
  for (const auto& row : rows_) {
    out += indent;
    for (std::size_t i = 0; i < row.size(); ++i) {
      out += row[i];
      if (i + 1 < row.size()) out.append(widths[i] - width_of(row[i]) + 2, ' ');
    }
    while (out.ends_with(' ')) out.pop_back();
    out += '\n';
  }
  return out;
}

std::string line(const json::value& value) {
  return json::serialize(value) + "\n";
}

std::string short_duration(double seconds) {
  if (seconds < 0.00995) return fmt::format("{:.1f} ms", seconds * 1e3);
  if (seconds < 0.9995) return fmt::format("{:.0f} ms", seconds * 1e3);
  if (seconds < 120) return fmt::format("{:.1f} s", seconds);
  if (seconds < 7200) return fmt::format("{:.0f} min", seconds / 60);
  if (seconds < 172'800) return fmt::format("{:.0f} h", seconds / 3600);
  return fmt::format("{:.0f} d", seconds / 86'400);
}

}  // namespace tidegate::cli
