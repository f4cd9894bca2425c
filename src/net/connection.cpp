#include "net/connection.hpp"

#include <fmt/format.h>

namespace tidegate::net {

MalformedAnswer malformed_answer(const ConnectionOptions& options, const Error& error,
                                 std::string_view target) {
  if (options.malformed) return options.malformed(error, target);
  MalformedAnswer answer;
  switch (error.code) {
    case ErrorCode::request_timeout:
      answer.head.status = 408;
      break;
    case ErrorCode::body_too_large:
      answer.head.status = 413;
      break;
    case ErrorCode::headers_too_large:
      answer.head.status = 431;
      break;
    case ErrorCode::internal:
      answer.head.status = 500;
      break;
    default:
      answer.head.status = 400;
  }
  answer.head.headers.add("content-type", "text/plain");
  answer.body = error.message + "\n";
  return answer;
}

Duration body_patience(Duration idle_max, std::uint64_t received) {
  return idle_max + std::chrono::milliseconds(received * 1000 / limits::body_rate_min);
}

std::string_view http_date(WallTime now) {
  thread_local std::chrono::sys_seconds cached{};
  thread_local std::string text;
  const auto second = std::chrono::floor<std::chrono::seconds>(now);
  if (second == cached && !text.empty()) return text;
  cached = second;
  const auto day = std::chrono::floor<std::chrono::days>(second);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(second - day);
  static constexpr const char* weekdays[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr const char* months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                           "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  text = fmt::format("{}, {:02} {} {:04} {:02}:{:02}:{:02} GMT",
                     weekdays[std::chrono::weekday(day).c_encoding()],
                     static_cast<unsigned>(date.day()),
                     months[static_cast<unsigned>(date.month()) - 1], static_cast<int>(date.year()),
                     time.hours().count(), time.minutes().count(), time.seconds().count());
  return text;
}

}  // namespace tidegate::net
