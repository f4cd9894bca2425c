#include "audit/segment.hpp"

#include "audit/json_writer.hpp"
#include "aws/sigv4.hpp"

namespace tidegate::audit {
namespace {

constexpr std::string_view prefix = "audit-";
constexpr std::string_view suffix = "Z.jsonl";

}  // namespace

std::string segment_name(WallTime start) {
  const auto second = std::chrono::floor<std::chrono::seconds>(start);
  const std::string date = aws::amz_date(second);  // "20260608T091502Z"
  return fmt::format("{}{}{:06}{}", prefix, std::string_view(date).substr(0, date.size() - 1),
                     (start - second).count(), suffix);
}

std::optional<WallTime> segment_start(std::string_view name) {
  if (!name.starts_with(prefix) || !name.ends_with(suffix)) return std::nullopt;
  name.remove_prefix(prefix.size());
  name.remove_suffix(suffix.size());
  if (name.size() != 21) return std::nullopt;  // 15 of the date, 6 of the microseconds
  auto start = aws::parse_amz_date(std::string(name.substr(0, 15)) + "Z");
  if (!start) return std::nullopt;
  std::int64_t micros = 0;
  for (const char c : name.substr(15)) {
    if (c < '0' || c > '9') return std::nullopt;
    micros = micros * 10 + (c - '0');
  }
  return *start + std::chrono::microseconds(micros);
}

std::string segment_line(WallTime now, std::string_view region, std::string_view previous_segment) {
  Buffer out;
  begin_frame(out, kind::segment, now, "");
  ObjectWriter body(out);
  body.number(R"("formatVersion":)", segment_format_version);
  body.text(R"("region":)", region);
  body.text_if(R"("previousSegment":)", previous_segment);
  body.end();
  end_frame(out, 0);
  return std::string(out.view());
}

std::string seal_line(WallTime now, const TimeRange& range) {
  Buffer out;
  begin_frame(out, kind::seal, now, "");
  ObjectWriter body(out);
  if (!range.empty()) {
    body.number(R"("firstEventAt":)", range.first);
    body.number(R"("lastEventAt":)", range.last);
  }
  body.end();
  end_frame(out, 0);
  return std::string(out.view());
}

TimeRange parse_seal(const json::object& body) {
  TimeRange range;
  if (const auto first = json::find_int(body, "firstEventAt")) range.add(*first);
  if (const auto last = json::find_int(body, "lastEventAt")) range.add(*last);
  return range;
}

}  // namespace tidegate::audit
