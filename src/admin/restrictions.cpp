// Cordon, drain and exclude a Region, and their undoing: each is on disk and in force before it is
// answered, and a service event each.
#include <fmt/format.h>

#include "admin/admin_api.hpp"
#include "admin/members.hpp"
#include "aws/sigv4.hpp"
#include "gateway/background.hpp"

namespace tidegate::admin {
namespace {

using gateway::Restriction;
using gateway::RestrictionKind;

constexpr std::string_view where = "restriction";

// A sentence or a name: printable text of a few words.
Result<std::string> words(const json::object& object, std::string_view name) {
  TRY(std::string text, text_member(object, name, where));
  const bool printable =
      std::ranges::none_of(text, [](unsigned char c) { return c < 0x20 || c == 0x7f; });
  if (text.size() > limits::restriction_text_bytes_max || !printable) {
    return wrong(where, fmt::format("\"{}\" must be one line of at most {} bytes", name,
                                    limits::restriction_text_bytes_max));
  }
  return text;
}

// Which one, who wants it and why.
Result<Restriction> read(const json::object& object, const gateway::Region& region) {
  Restriction out;
  TRY(std::string name, text_member(object, "region", where));
  out.region = catalog::RegionId(std::move(name));
  if (!region.snapshot()->catalog->region(out.region)) {
    return wrong(where, fmt::format("\"{}\" is not a Region of the catalogue", out.region.str()));
  }
  TRY(const std::string kind, text_member(object, "kind", where));
  const auto known = gateway::restriction_kind(kind);
  if (!known) return wrong(where, "\"kind\" must be cordon, drain or exclude");
  out.kind = *known;
  if (out.kind == RestrictionKind::drain && out.region != region.config().region) {
    return fail(ErrorCode::configuration,
                fmt::format("{} cannot drain {}: a Region is drained at its own gateway",
                            region.config().region.str(), out.region.str()),
                fmt::format("ask the gateway of {}, or cordon {} here", out.region.str(),
                            out.region.str()));
  }
  TRY(out.reason, words(object, "reason"));
  TRY(out.approver, words(object, "approver"));
  return out;
}

Result<std::optional<WallTime>> read_expiry(const json::object& object, WallTime now) {
  if (!json::find(object, "expires")) return std::nullopt;
  TRY(const std::string text, text_member(object, "expires", where));
  const auto time = aws::parse_iso8601(text);
  if (!time) return wrong(where, "\"expires\" must be like 2026-11-22T03:20:08Z");
  if (*time <= now || *time > now + limits::restriction_expires_max) {
    return wrong(where, fmt::format("\"expires\" is {}: it must be after now, and within {} days",
                                    text, limits::restriction_expires_max.count()));
  }
  return time;
}

}  // namespace

Task<Result<json::value>> AdminApi::restrict_region(http::Exchange& exchange) {
  CO_TRY(const json::value body, co_await json_body(exchange));
  if (!body.is_object()) co_return wrong(where, "must be an object");
  const json::object& object = body.get_object();
  CO_TRY_VOID(only_members(object, {"region", "kind", "reason", "approver", "expires"}, where));
  CO_TRY(Restriction wanted, read(object, region_));
  wanted.since = region_.clock().wall();
  CO_TRY(wanted.expires, read_expiry(object, wanted.since));
  CO_TRY_VOID(co_await offload(worker_.loop(), region_.background(),
                               [&] { return region_.restrictions().set(wanted); }));
  region_.restriction_began(wanted, worker_.rng());
  co_return json::value(gateway::to_json(wanted));
}

Task<Result<json::value>> AdminApi::lift_restriction(http::Exchange& exchange) {
  static constexpr std::array<const char*, 3> events{"RegionUncordoned", "RegionUndrained",
                                                     "RegionUnexcluded"};
  CO_TRY(const json::value body, co_await json_body(exchange));
  if (!body.is_object()) co_return wrong(where, "must be an object");
  const json::object& object = body.get_object();
  CO_TRY_VOID(only_members(object, {"region", "kind", "reason", "approver"}, where));
  CO_TRY(const Restriction wanted, read(object, region_));
  CO_TRY(const Restriction lifted, co_await offload(worker_.loop(), region_.background(), [&] {
           return region_.restrictions().lift(wanted.region, wanted.kind);
         }));
  region_.restriction_ended(lifted, events[static_cast<std::size_t>(wanted.kind)],
                            {{"reason", wanted.reason}, {"approver", wanted.approver}},
                            worker_.rng());
  co_return json::value(gateway::to_json(lifted));
}

}  // namespace tidegate::admin
