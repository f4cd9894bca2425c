#include "audit/lookup.hpp"

#include <string.h>

#include <charconv>

#include "audit/document.hpp"
#include "audit/implied.hpp"
#include "audit/join.hpp"
#include "audit/newest_first.hpp"
#include "audit/opened_entries.hpp"
#include "base/bytes.hpp"
#include "base/limits.hpp"
#include "base/log.hpp"

namespace tidegate::audit {
namespace {

using Window = NewestFirst::Window;

constexpr std::string_view closed_mark = R"("t":"closed")";
constexpr std::string_view service_mark = R"("t":"service")";

// A search of the raw text before anything is parsed.
bool contains(std::string_view text, std::string_view pattern) {
  return pattern.empty() ||
         memmem(text.data(), text.size(), pattern.data(), pattern.size()) != nullptr;
}

std::string quoted(std::string_view text) {
  std::string out;
  json::append_quoted(out, text);
  return out;
}
std::string quoted_member(std::string_view name, std::string_view value) {
  return quoted(name) + ':' + quoted(value);
}
std::string inside_quotes(std::string_view text) {
  const std::string whole = quoted(text);
  return whole.substr(1, whole.size() - 2);
}

void unreadable(std::string_view id, std::string_view why) {
  log::error("audit_document_unreadable", {{"id", std::string(id)}, {"why", std::string(why)}});
}

std::optional<json::object> readable_document(const Frame& frame) {
  auto read = document(frame);
  if (read) return *std::move(read);
  unreadable(frame.id, read.error().message);
  return std::nullopt;
}

Error damaged(std::string why) {
  return {.code = ErrorCode::audit_unavailable,
          .origin = Origin::store,
          .retry = Retry::never,
          .message = "The record of this request is damaged.",
          .mend = "Check a copy of the audit folder with: tidegate audit verify FOLDER",
          .why = std::move(why)};
}

std::string_view text_at(const json::object& o, std::string_view member) {
  return json::find_string(o, member).value_or("");
}

std::string_view text_at(const json::object& o, std::string_view outer, std::string_view member) {
  const json::object* inner = json::find_object(o, outer);
  return inner ? text_at(*inner, member) : std::string_view{};
}

// LookupAttributes: each key, where it stands, what an entry must contain to be worth reading
// (empty: nothing special), and where the value stands in a document.
enum class In : std::uint8_t {
  line,   // the closed entry's own
  either  // or its opened entry
};
struct Attribute {
  std::string_view key;
  In in;
  std::string (*in_line)(std::string_view value);
  bool (*matches)(const json::object& document, std::string_view value);
};

bool any_resource(const json::object& document, std::string_view member, std::string_view value) {
  const json::array* resources = json::find_array(document, "resources");
  if (!resources) return false;
  for (const json::value& item : *resources) {
    const json::object* resource = item.if_object();
    const std::string_view text = resource ? text_at(*resource, member) : std::string_view{};
    if (text == value) return true;
    // An ARN is also found by the name at its end.
    if (member == "ARN" && text.ends_with(value) && text.size() > value.size() &&
        text[text.size() - value.size() - 1] == '/') {
      return true;
    }
  }
  return false;
}

constexpr Attribute attributes[] = {
    {"EventId", In::line, quoted,
     [](const json::object& d, std::string_view v) { return text_at(d, "eventID") == v; }},
    {"EventName", In::either, [](std::string_view v) { return quoted_member("eventName", v); },
     [](const json::object& d, std::string_view v) { return text_at(d, "eventName") == v; }},
    {"EventSource", In::either,
     [](std::string_view v) {
       return v == implied::event_source ? std::string() : quoted_member("eventSource", v);
     },
     [](const json::object& d, std::string_view v) { return text_at(d, "eventSource") == v; }},
    {"Username", In::either, inside_quotes,  // at the end of the principal's ARN
     [](const json::object& d, std::string_view v) {
       return text_at(d, "userIdentity", "userName") == v;
     }},
    {"AccessKeyId", In::either,  // of an API key, too: the end of "keyId" and "credentialId"
     [](std::string_view v) { return "Id\":" + quoted(v); },
     [](const json::object& d, std::string_view v) {
       return text_at(d, "userIdentity", "accessKeyId") == v ||
              text_at(d, "userIdentity", "credentialId") == v;
     }},
    {"ReadOnly", In::line,
     [](std::string_view v) { return std::string(v == "true" ? R"("readOnly":true)" : ""); },
     [](const json::object& d, std::string_view v) {
       return json::find_bool(d, "readOnly").value_or(false) == (v == "true");
     }},
    {"ResourceType", In::either, [](std::string_view) { return std::string(); },
     [](const json::object& d, std::string_view v) { return any_resource(d, "type", v); }},
    {"ResourceName", In::either,  // of an ARN, the line has the id at its end
     [](std::string_view v) { return inside_quotes(v.substr(v.rfind('/') + 1)); },
     [](const json::object& d, std::string_view v) {
       return text_at(d, "requestParameters", "modelId") == v || any_resource(d, "ARN", v);
     }},
};

struct Filter {
  std::string account_pattern, value_pattern;
  const Attribute* attribute = nullptr;

  static Result<Filter> of(const EventQuery& query) {
    Filter filter;
    filter.account_pattern = inside_quotes(query.account);  // its own member, or of the ARN
    if (query.attribute_key.empty()) return filter;
    const auto known = std::ranges::find(attributes, query.attribute_key, &Attribute::key);
    if (known == std::end(attributes) ||
        (known->key == "ReadOnly" && query.attribute_value != "true" &&
         query.attribute_value != "false")) {
      return fail(ErrorCode::invalid_lookup_attributes,
                  "Specify a valid lookup attribute key and value.");
    }
    filter.attribute = known;
    filter.value_pattern = known->in_line(query.attribute_value);
    return filter;
  }
  // Before the opened entry is looked for.
  bool may_match(std::string_view line) const {
    return !attribute || attribute->in == In::either || contains(line, value_pattern);
  }
  bool may_match(std::string_view line, std::string_view opened) const {
    return (contains(line, account_pattern) || contains(opened, account_pattern)) &&
           (contains(line, value_pattern) || contains(opened, value_pattern));
  }
  bool matches(const json::object& document, const EventQuery& query) const {
    return !query.account.empty() && text_at(document, "recipientAccountId") == query.account &&
           (!attribute || attribute->matches(document, query.attribute_value));
  }
};

// A token is good for the query that it came from, and for no other.
std::string query_mark(const EventQuery& query) {
  std::string text;
  for (const std::string& part : {query.account, query.attribute_key, query.attribute_value}) {
    json::append_quoted(text, part);
  }
  for (const auto& time : {query.start, query.end}) {
    text += time ? std::to_string(time->time_since_epoch().count()) : "-";
    text += '/';
  }
  return to_hex(sha256(text)).substr(0, 16);
}

std::string make_token(const EventQuery& query, const Place& place) {
  return to_base64url(fmt::format("{}:{}:{}", query_mark(query), place.offset, place.segment));
}

Result<std::optional<Place>> parse_token(const EventQuery& query) {
  if (query.next_token.empty()) return std::nullopt;
  const auto invalid = [] {
    return fail(ErrorCode::invalid_next_token,
                "Invalid NextToken, or it was used with other parameters than those it came from.");
  };
  const auto text = from_base64url(query.next_token);
  const std::string mark = query_mark(query) + ':';
  if (!text || !text->starts_with(mark)) return invalid();
  const char* const end = text->data() + text->size();
  Place place;
  const auto number = std::from_chars(text->data() + mark.size(), end, place.offset);
  if (number.ec != std::errc{} || number.ptr == end || *number.ptr != ':') return invalid();
  place.segment.assign(number.ptr + 1, end);
  if (!segment_start(place.segment)) return invalid();
  return place;
}

void add_sequence(json::object& document, std::optional<std::uint64_t> sequence) {
  json::value* tidegate = document.if_contains("tidegate");
  if (sequence && tidegate && tidegate->is_object()) {
    tidegate->get_object()["sequence"] = static_cast<std::int64_t>(*sequence);
  }
}

}  // namespace

Result<EventPage> lookup_events(Disk& disk, const std::vector<SegmentInfo>& segments,
                                const EventQuery& query, WallTime now) {
  if (query.max_results < 1 || query.max_results > limits::lookup_results_max) {
    return fail(ErrorCode::invalid_max_results, "MaxResults must be between 1 and 50.");
  }
  if (query.start && query.end && *query.start > *query.end) {
    return fail(ErrorCode::invalid_time_range, "StartTime is after EndTime.");
  }
  TRY(const Filter filter, Filter::of(query));
  TRY(const std::optional<Place> before, parse_token(query));
  const Window window = NewestFirst::window(query.start, query.end);
  NewestFirst lines(disk, segments, window, before);
  Sequences sequences(disk, segments);
  OpenedEntries opened(disk);
  EventPage page;
  for (;;) {
    TRY(const std::optional<Line> line, lines.next());
    if (!line) return page;
    const bool closed = contains(line->text, closed_mark) && filter.may_match(line->text);
    auto frame = closed ? recover_frame(line->text) : std::nullopt;
    if (frame && frame->kind == kind::closed && window.contains(frame->at)) {
      TRY(OpenedEntries::Whole whole, opened.whole(lines.segment(), *line, *frame));
      if (!whole.broken.empty()) unreadable(frame->id, whole.broken);
      frame = whole.frame;
      const bool worth_it = frame && filter.may_match(line->text, frame->opened);
      auto document = worth_it ? readable_document(*frame) : std::nullopt;
      if (document && filter.matches(*document, query)) {
        add_sequence(*document, sequences.of(lines.segment(), *line));
        TRY_VOID(
            join_batches(disk, segments, {lines.segment(), line->offset}, *frame, *document, now));
        page.records.push_back(std::move(*document));
      }
    }
    if (page.records.size() == query.max_results ||
        lines.scanned() + opened.bytes_read() > limits::lookup_scan_bytes_max) {
      page.next_token = make_token(query, {.segment = lines.segment(), .offset = line->offset});
      return page;
    }
  }
}

Result<std::optional<json::object>> find_request(Disk& disk,
                                                 const std::vector<SegmentInfo>& segments,
                                                 std::string_view request_id, WallTime now) {
  const std::string pattern = quoted_member("id", request_id);
  NewestFirst lines(disk, segments, {});
  Sequences sequences(disk, segments);
  OpenedEntries opened(disk);
  for (;;) {
    TRY(const std::optional<Line> line, lines.next());
    if (!line) return std::nullopt;
    if (!contains(line->text, pattern)) continue;
    auto frame = recover_frame(line->text);
    if (!frame || frame->id != request_id) continue;
    if (frame->kind != kind::opened && frame->kind != kind::closed) continue;
    TRY(const OpenedEntries::Whole whole, opened.whole(lines.segment(), *line, *frame));
    if (!whole.broken.empty()) return fail(damaged(whole.broken));
    if (!whole.frame) return std::nullopt;
    frame = whole.frame;
    auto document = readable_document(*frame);
    if (!document) return document;
    add_sequence(*document, sequences.of(lines.segment(), *line));
    TRY_VOID(join_batches(disk, segments, {lines.segment(), line->offset}, *frame, *document, now));
    return document;
  }
}

Result<std::vector<json::object>> newest_service_events(Disk& disk,
                                                        const std::vector<SegmentInfo>& segments,
                                                        std::optional<WallTime> start,
                                                        std::size_t max) {
  const Window window = NewestFirst::window(start, std::nullopt);
  NewestFirst lines(disk, segments, window);
  Sequences sequences(disk, segments);
  std::vector<json::object> out;
  while (out.size() < max) {
    TRY(const std::optional<Line> line, lines.next());
    if (!line || lines.scanned() > limits::lookup_scan_bytes_max) break;
    if (!contains(line->text, service_mark)) continue;
    const auto frame = recover_frame(line->text);
    if (!frame || frame->kind != kind::service || !window.contains(frame->at)) continue;
    auto document = readable_document(*frame);
    if (!document) continue;
    add_sequence(*document, sequences.of(lines.segment(), *line));
    out.push_back(std::move(*document));
  }
  return out;
}

}  // namespace tidegate::audit
