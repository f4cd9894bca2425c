// The three spellings of a moment that AWS's protocols use. All are UTC; parsing is strict, because
// a signature's date that two readers could read differently is not a date.
#include <fmt/format.h>

#include <array>
#include <charconv>

#include "aws/sigv4.hpp"

namespace tidegate::aws {
namespace {

struct Civil {
  int year, hour, minute, second, millis;
  unsigned month, day;
};

Civil civil(WallTime t) {
  const auto day = std::chrono::floor<std::chrono::days>(t);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss time(std::chrono::floor<std::chrono::milliseconds>(t - day));
  return {.year = static_cast<int>(date.year()),
          .hour = static_cast<int>(time.hours().count()),
          .minute = static_cast<int>(time.minutes().count()),
          .second = static_cast<int>(time.seconds().count()),
          .millis = static_cast<int>(time.subseconds().count()),
          .month = static_cast<unsigned>(date.month()),
          .day = static_cast<unsigned>(date.day())};
}

// Takes exactly `digits` decimal digits.
std::optional<int> take_number(std::string_view& text, std::size_t digits) {
  if (text.size() < digits) return std::nullopt;
  int value = 0;
  for (const char c : text.substr(0, digits)) {
    if (c < '0' || c > '9') return std::nullopt;
    value = value * 10 + (c - '0');
  }
  text.remove_prefix(digits);
  return value;
}

bool take(std::string_view& text, char c) {
  if (text.empty() || text.front() != c) return false;
  text.remove_prefix(1);
  return true;
}

std::optional<WallTime> from_civil(const std::array<int, 6>& f) {
  const std::chrono::year_month_day date(std::chrono::year(f[0]),
                                         std::chrono::month(static_cast<unsigned>(f[1])),
                                         std::chrono::day(static_cast<unsigned>(f[2])));
  if (!date.ok() || f[3] > 23 || f[4] > 59 || f[5] > 59) return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(f[3]) + std::chrono::minutes(f[4]) +
         std::chrono::seconds(f[5]);
}

// `separators` stand after year, month, day, hour and minute; '\0' is none.
std::optional<WallTime> take_moment(std::string_view& text, const char (&separators)[6]) {
  std::array<int, 6> fields;
  for (std::size_t i = 0; i < fields.size(); ++i) {
    const auto number = take_number(text, i == 0 ? 4 : 2);
    if (!number) return std::nullopt;
    fields[i] = *number;
    if (i < 5 && separators[i] != '\0' && !take(text, separators[i])) return std::nullopt;
  }
  return from_civil(fields);
}

}  // namespace

std::string amz_date(WallTime t) {
  const Civil c = civil(t);
  return fmt::format("{:04}{:02}{:02}T{:02}{:02}{:02}Z", c.year, c.month, c.day, c.hour, c.minute,
                     c.second);
}

std::optional<WallTime> parse_amz_date(std::string_view text) {
  const auto t = take_moment(text, {'\0', '\0', 'T', '\0', '\0'});
  return text == "Z" ? t : std::nullopt;
}

std::string iso8601(WallTime t) {
  const Civil c = civil(t);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", c.year, c.month, c.day, c.hour,
                     c.minute, c.second);
}

std::string iso8601_millis(WallTime t) {
  const Civil c = civil(t);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:03}Z", c.year, c.month, c.day, c.hour,
                     c.minute, c.second, c.millis);
}

std::optional<WallTime> parse_iso8601(std::string_view text) {
  auto t = take_moment(text, {'-', '-', 'T', ':', ':'});
  if (!t) return std::nullopt;
  if (take(text, '.')) {
    int scale = 100'000;  // of a microsecond; digits beyond are read and dropped
    std::size_t digits = 0;
    for (; !text.empty() && text.front() >= '0' && text.front() <= '9'; ++digits, scale /= 10) {
      *t += std::chrono::microseconds((text.front() - '0') * scale);
      text.remove_prefix(1);
    }
    if (digits == 0 || digits > 9) return std::nullopt;
  }
  return text == "Z" ? t : std::nullopt;
}

}  // namespace tidegate::aws
