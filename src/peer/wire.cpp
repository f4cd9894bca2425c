// Reports and trailers. Both are read strictly by writing what was read once more and comparing.
#include "peer/wire.hpp"

#include <fmt/format.h>

#include "base/bytes.hpp"
#include "base/json.hpp"
#include "base/limits.hpp"
#include "peer/seal.hpp"

namespace tidegate::peer {
namespace {

constexpr std::string_view trailer_label = "tidegate trailer 1";

std::unexpected<Error> broken(std::string why) {
  return fail(Error{.code = ErrorCode::peer_unavailable,
                    .origin = Origin::peer,
                    .retry = Retry::other_region,
                    .message = "another Region's answer could not be understood",
                    .mend = {},
                    .why = std::move(why)});
}

void write_load(std::string& out, const ModelLoad& load) {
  ObjectWriter w(out);
  w.add("busy", std::uint64_t{load.busy});
  w.raw("ready", load.ready ? "true" : "false");
  w.add("slots", std::uint64_t{load.slots});
  w.add("waiting", std::uint64_t{load.waiting});
  w.end();
}

ModelLoad read_load(const json::object& o) {
  return {.ready = bool_of(o, "ready"),
          .slots = static_cast<std::uint32_t>(unsigned_of(o, "slots")),
          .busy = static_cast<std::uint32_t>(unsigned_of(o, "busy")),
          .waiting = static_cast<std::uint32_t>(unsigned_of(o, "waiting"))};
}

// Valid UTF-8 of at most `bytes_max` bytes: whole characters from its start, nothing where it is
// not UTF-8.
std::string_view clipped(std::string_view text, std::size_t bytes_max) {
  if (!is_valid_utf8(text)) return {};
  if (text.size() <= bytes_max) return text;
  while (bytes_max > 0 && (static_cast<unsigned char>(text[bytes_max]) & 0xc0) == 0x80) --bytes_max;
  return text.substr(0, bytes_max);
}

std::string encode(const Trailer& t) {
  std::string out;
  ObjectWriter w(out);
  w.add("answer", t.answer_sha256);
  w.add("cacheRead", t.cache_read_tokens);
  w.add("cacheWrite", t.cache_write_tokens);
  w.add("firstByteMs", t.first_byte_ms);
  w.add("in", t.input_tokens);
  w.add("message", clipped(t.error_message, limits::trailer_message_bytes_max));
  w.add("model", t.model_name);
  w.add("out", t.output_tokens);
  w.add("outcome", t.outcome);
  w.add("region", t.region);
  w.add("rid", t.request_id);
  w.add("row", t.row_hash);
  w.add("stop", t.stop_reason);
  w.add("totalMs", t.total_ms);
  w.end();
  return out;
}

}  // namespace

std::string Report::encode() const {
  std::string out;
  ObjectWriter w(out);
  w.raw("draining", draining ? "true" : "false");
  w.add("epoch", epoch);
  w.name("models");
  ObjectWriter list(out);
  for (const auto& [id, load] : models) {
    list.name(id);
    write_load(out, load);
  }
  list.end();
  w.add("operations", operations);
  w.add("protocol", std::int64_t{protocol});
  w.add("runningForReader", running_for_reader);
  w.add("sequence", sequence);
  w.end();
  out += '\n';
  return out;
}

Result<Report> Report::decode(std::string_view line) {
  if (line.size() > limits::report_bytes_max || !line.ends_with('\n'))
    return broken("a report of a wrong length");
  const auto document = json::parse(line.substr(0, line.size() - 1));
  if (!document || !document->is_object()) return broken("a report that is not a JSON object");
  const json::object& o = document->get_object();
  Report report;
  if (const std::int64_t protocol = integer_of(o, "protocol"); protocol != protocol_version) {
    return broken(fmt::format("a report of protocol {}, this is {}", protocol, protocol_version));
  }
  report.epoch = unsigned_of(o, "epoch");
  report.sequence = unsigned_of(o, "sequence");
  report.running_for_reader = unsigned_of(o, "runningForReader");
  report.draining = bool_of(o, "draining");
  report.operations = texts_of(o, "operations");
  if (const json::object* models = json::find_object(o, "models")) {
    for (const auto& model : *models) {
      if (!model.value().is_object()) return broken("a report with a model that is no object");
      report.models.emplace(model.key(), read_load(model.value().get_object()));
    }
  }
  if (report.encode() != line)
    return broken("a report with members that this version does not know");
  return report;
}

std::string Trailer::sign(std::string_view link_secret) const {
  return seal(trailer_label, peer::encode(*this), link_secret);
}

Result<Trailer> Trailer::open(std::string_view wire, std::string_view link_secret) {
  const auto text = unseal(trailer_label, wire, link_secret, limits::trailer_bytes_max);
  if (!text) return broken("a trailer that was not made for this link");
  const auto document = json::parse(*text);
  if (!document || !document->is_object()) return broken("a trailer that is not a JSON object");
  const json::object& o = document->get_object();
  Trailer t{.request_id = text_of(o, "rid"),
            .region = text_of(o, "region"),
            .outcome = text_of(o, "outcome"),
            .error_message = text_of(o, "message"),
            .model_name = text_of(o, "model"),
            .stop_reason = text_of(o, "stop"),
            .input_tokens = integer_of(o, "in"),
            .output_tokens = integer_of(o, "out"),
            .cache_read_tokens = integer_of(o, "cacheRead"),
            .cache_write_tokens = integer_of(o, "cacheWrite"),
            .first_byte_ms = integer_of(o, "firstByteMs"),
            .total_ms = integer_of(o, "totalMs"),
            .row_hash = text_of(o, "row"),
            .answer_sha256 = text_of(o, "answer")};
  if (peer::encode(t) != *text) return broken("a trailer that is not in its canonical form");
  return t;
}

}  // namespace tidegate::peer
