#include "base/log.hpp"

#include <fmt/format.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include "base/json.hpp"

namespace tidegate::log {
namespace {

Format format_ = Format::text;
std::string region_;

spdlog::level::level_enum to_spdlog(Level level) {
  switch (level) {
    case Level::debug:
      return spdlog::level::debug;
    case Level::info:
      return spdlog::level::info;
    case Level::warn:
      return spdlog::level::warn;
    case Level::error:
      return spdlog::level::err;
  }
  return spdlog::level::info;
}

spdlog::logger& logger() {
  static const auto instance = [] {
    auto made = spdlog::stderr_logger_mt("tidegate");
    made->set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");
    return made;
  }();
  return *instance;
}

void append_value(std::string& out, const Field::Value& value) {
  std::visit(
      [&](const auto& v) {
        using V = std::decay_t<decltype(v)>;
        if constexpr (std::is_same_v<V, std::string_view>) {
          json::append_quoted(out, v);
        } else {
          fmt::format_to(std::back_inserter(out), "{}", v);
        }
      },
      value);
}

}  // namespace

void configure(Level level, Format format, std::string_view region) {
  format_ = format;
  region_ = region;
  logger().set_level(to_spdlog(level));
  logger().flush_on(spdlog::level::info);
  if (format == Format::json) logger().set_pattern("%v");
}

void write(Level level, std::string_view event, std::initializer_list<Field> fields) {
  if (!logger().should_log(to_spdlog(level))) return;
  std::string line;
  if (format_ == Format::json) {
    const auto now =
        std::chrono::system_clock::now();  // lint: allow wall clock (log lines are not decisions)
    fmt::format_to(std::back_inserter(line), R"({{"time":{:.3f},"level":"{}","event":)",
                   std::chrono::duration<double>(now.time_since_epoch()).count(),
                   spdlog::level::to_string_view(to_spdlog(level)));
    json::append_quoted(line, event);
    line += R"(,"region":)";
    json::append_quoted(line, region_);
    for (const Field& field : fields) {
      line += ',';
      json::append_quoted(line, field.name);
      line += ':';
      append_value(line, field.value);
    }
    line += '}';
  } else {
    fmt::format_to(std::back_inserter(line), "{} {}", region_.empty() ? "-" : region_, event);
    for (const Field& field : fields) {
      line += ' ';
      line += field.name;
      line += '=';
      append_value(line, field.value);
    }
  }
  logger().log(to_spdlog(level), "{}", line);
}

}  // namespace tidegate::log
