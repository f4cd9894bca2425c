#include "cli/views.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/output.hpp"

namespace tidegate::cli {
namespace {

std::string text_of(const json::object& object, std::string_view name,
                    std::string_view otherwise = "-") {
  return std::string(json::find_string(object, name).value_or(otherwise));
}
std::int64_t number_of(const json::object& object, std::string_view name) {
  return json::find_int(object, name).value_or(0);
}

const json::object& object_of(const json::object& object, std::string_view name) {
  static const json::object none;
  const auto* found = json::find_object(object, name);
  return found ? *found : none;
}

// The objects of a list; whatever else is in it is passed over.
std::vector<const json::object*> objects_of(const json::object& object, std::string_view name) {
  std::vector<const json::object*> all;
  if (const auto* list = json::find_array(object, name)) {
    for (const auto& item : *list) {
      if (item.is_object()) all.push_back(&item.get_object());
    }
  }
  return all;
}

std::vector<std::string> texts_of(const json::object& object, std::string_view name) {
  std::vector<std::string> all;
  if (const auto* list = json::find_array(object, name)) {
    for (const auto& item : *list) {
      if (item.is_string()) all.emplace_back(item.get_string());
    }
  }
  return all;
}

// Zero is "not measured": a link that is not there has no round-trip time.
std::string measured_ms(const json::object& object, std::string_view name) {
  const double ms = json::find_number(object, name).value_or(0);
  return ms > 0 ? fmt::format("{:.1f} ms", ms) : "-";
}

// A record does not repeat those Regions of its row that the deployment does not run.
std::string candidates_table(const json::object& owner, std::vector<std::string> row,
                             const catalog::Catalog& catalog) {
  Table table({"REGION", "CITY", "VERDICT", "FREE", "RTT", "REPORT AGE", ""});
  for (const json::object* candidate : objects_of(owner, "considered")) {
    const std::string region = text_of(*candidate, "region");
    std::erase(row, region);
    const auto* info = catalog.region(catalog::RegionId(region));
    const std::string verdict = text_of(*candidate, "verdict");
    const bool deployed = verdict != "not_deployed";
    table.add({(verdict == "chosen" ? "> " : "  ") + region, info ? info->city : "-", verdict,
               deployed ? std::to_string(number_of(*candidate, "free")) : "-",
               measured_ms(*candidate, "rttMs"),
               number_of(*candidate, "reportAgeMs") > 0
                   ? fmt::format("{} ms", number_of(*candidate, "reportAgeMs"))
                   : "-",
               text_of(*candidate, "sentence", "")});
  }
  for (const std::string& region : row) {
    const auto* info = catalog.region(catalog::RegionId(region));
    table.add({"  " + region, info ? info->city : "-", "not_deployed", "-", "-", "-", ""});
  }
  return table.text("  ");
}

// The part of the row that the caller keeps to, where there is one.
std::string narrowed_line(const json::object& owner) {
  const auto regions = texts_of(owner, "narrowedTo");
  return regions.empty() ? std::string()
                         : fmt::format("  narrowed   to {}, by the caller's own choice\n",
                                       fmt::join(regions, ", "));
}

std::string decided_by(const json::object& check) {
  const std::string policy = text_of(check, "policy", "");
  return policy.empty() ? "no statement allows it"
                        : fmt::format("{} {}", policy, text_of(check, "statement", ""));
}

// Denied checks one a line; allowed ones are counted, in a record already.
std::string policy_lines(const json::object& owner) {
  if (const json::object& counted = object_of(owner, "policyChecks"); !counted.empty()) {
    const auto allowed = number_of(counted, "allowed");
    std::vector<std::string> by;
    for (const json::object* one : objects_of(counted, "by")) by.push_back(decided_by(*one));
    return fmt::format("  policy     {} of {} checks allow it, by {}\n", allowed, allowed,
                       fmt::join(by, ", "));
  }
  const auto checks = objects_of(owner, "policyChecks");
  if (checks.empty()) return {};
  std::string denied;
  std::size_t allowed = 0;
  for (const json::object* check : checks) {
    const bool good =
        json::find_bool(*check, "allowed").value_or(text_of(*check, "outcome") == "allowed");
    allowed += good ? 1 : 0;
    if (good) continue;
    denied +=
        fmt::format("    denied   {} (requested Region {}): {}\n", text_of(*check, "resource"),
                    text_of(*check, "requestedRegion"), decided_by(*check));
  }
  return fmt::format("  policy     {} of {} checks allow it{}\n{}", allowed, checks.size(),
                     allowed == checks.size() ? ", by " + decided_by(*checks.front()) : "", denied);
}

std::string links_of(const json::object& status) {
  std::vector<std::string> links;
  for (const json::object* peer : objects_of(status, "peers")) {
    const std::string link = text_of(*peer, "link");
    if (link == "none") continue;
    links.push_back(
        link == "up" ? fmt::format("{} {}", text_of(*peer, "region"), measured_ms(*peer, "rttMs"))
                     : fmt::format("{} DOWN", text_of(*peer, "region")));
  }
  return links.empty() ? "-" : fmt::format("{}", fmt::join(links, ", "));
}

// What operators have taken out of use, as this gateway sees it.
std::string restrictions_of(const RegionStatus& region, const catalog::Catalog& catalog) {
  static constexpr std::pair<std::string_view, std::string_view> done[] = {
      {"cordon", "cordoned"}, {"drain", "drained"}, {"exclude", "excluded"}};
  std::string out;
  for (const json::object* one : objects_of(region.status, "restrictions")) {
    const std::string kind = text_of(*one, "kind");
    const auto* word =
        std::ranges::find(done, kind, &std::pair<std::string_view, std::string_view>::first);
    out += fmt::format("~ {}: {} is {} since {}{}: {} (approved by {})\n", region.name,
                       with_city(text_of(*one, "region"), catalog),
                       word == std::end(done) ? std::string_view(kind) : word->second,
                       text_of(*one, "since"),
                       one->contains("expires") ? ", until " + text_of(*one, "expires") : "",
                       text_of(*one, "reason"), text_of(*one, "approver"));
  }
  return out;
}

std::string audit_of(const json::object& status) {
  const json::object& audit = object_of(status, "audit");
  if (!json::find_bool(audit, "writable").value_or(true))
    return "NOT WRITABLE: " + text_of(audit, "lastError");
  return fmt::format("{} entries, {} to sync", number_of(audit, "entries"),
                     number_of(audit, "unsynced"));
}

// What the destination signed of this attempt, or why nothing can be shown.
std::string attestation_of(const json::object& attempt) {
  const std::string state = text_of(attempt, "attestationState", "");
  if (state.empty()) return {};
  const std::string region = text_of(attempt, "region");
  if (state == "pending") {
    return fmt::format("    attestation  pending: the signature of {} follows within a moment\n",
                       region);
  }
  if (state != "attested") {
    return fmt::format("    attestation  MISSING: {} answered, and its signature never came\n",
                       region);
  }
  const json::object& proof = object_of(attempt, "attestationProof");
  const json::object& batch = object_of(proof, "batch");
  return fmt::format("    attestation  attested by {}: leaf {} of {} under root {}\n", region,
                     number_of(proof, "index") + 1, number_of(batch, "count"),
                     text_of(batch, "root").substr(0, 16));
}

std::string attempts_of(const json::object& facts) {
  std::string out;
  int number = 0;
  for (const json::object* attempt : objects_of(facts, "attempts")) {
    out += fmt::format("  attempt {}  {}  {}  {}  {} B out, {} B back, {} ms{}\n", ++number,
                       text_of(*attempt, "region"), text_of(*attempt, "outcome"),
                       text_of(*attempt, "reason"), number_of(*attempt, "bytesSent"),
                       number_of(*attempt, "bytesReceived"), number_of(*attempt, "totalMs"),
                       attempt->contains("error") ? ": " + text_of(*attempt, "error") : "");
    out += attestation_of(*attempt);
  }
  return out;
}

}  // namespace

std::string with_city(std::string_view region, const catalog::Catalog& catalog) {
  const auto* info = catalog.region(catalog::RegionId(std::string(region)));
  return info ? fmt::format("{} ({})", region, info->city) : std::string(region);
}

std::string adequacy_view(std::string_view who, const json::object& facts,
                          const catalog::Catalog& catalog) {
  std::string out;
  for (const json::object* end : objects_of(facts, "adequacyEnds")) {
    const std::int64_t days = number_of(*end, "daysLeft");
    const std::string review = text_of(*end, "review");
    out += fmt::format("! {}: the adequacy of {} {} {} ({}){}\n", who,
                       with_city(text_of(*end, "region"), catalog),
                       days < 0 ? "ended with" : "ends with", text_of(*end, "until"),
                       days < 0    ? fmt::format("{} days ago", -days)
                       : days == 0 ? std::string("today")
                                   : fmt::format("{} days left", days),
                       review.empty() ? "" : ", review " + review);
  }
  return out;
}

std::string_view reason_sentence(std::string_view reason) {
  static constexpr std::pair<std::string_view, std::string_view> sentences[] = {
      {"source_first", "the source has room, and comes first"},
      {"source_full", "the source has no room"},
      {"source_unhealthy", "the source's model servers do not answer"},
      {"source_draining", "the source takes no new work"},
      {"source_cordoned", "the source is cordoned from itself"},
      {"source_excluded", "the source is excluded"},
      {"source_not_in_row", "the row holds other Regions only"},
      {"source_narrowed_out", "the caller keeps to a part of the row that the source is not in"},
      {"source_no_model", "the source runs no back-end for this model"},
      {"retry", "an earlier attempt failed before its first byte"},
      {"no_capacity", "no Region of the row has room now: a request would wait"},
      {"withdrawn", "operators have taken out of use every Region that could serve it"},
      {"no_candidate", "no Region of the row could serve it"}};
  for (const auto& [word, sentence] : sentences) {
    if (word == reason) return sentence;
  }
  return reason;
}

std::string status_view(const std::vector<RegionStatus>& regions, const catalog::Catalog& catalog) {
  Table table({"REGION", "CITY", "STATE", "SLOTS", "WAITING", "IN FLIGHT", "PROCESS", "DOCUMENTS",
               "LINKS", "AUDIT"});
  std::string problems;
  for (const RegionStatus& region : regions) {
    const auto* info = catalog.region(catalog::RegionId(region.name));
    const std::string city = info ? info->city : "-";
    if (!region.problem.empty()) {
      table.add({region.name, city, "no answer"});
      problems += fmt::format("! {}: {}\n", region.name, region.problem);
      continue;
    }
    std::int64_t busy = 0, slots = 0;
    for (const json::object* backend : objects_of(region.status, "backends")) {
      busy += number_of(*backend, "busy");
      slots += number_of(*backend, "slots");
      if (!json::find_bool(*backend, "healthy").value_or(false)) {
        problems += fmt::format("! {}: the model server {} does not answer\n", region.name,
                                text_of(*backend, "name"));
      }
    }
    problems += restrictions_of(region, catalog);
    problems += adequacy_view(region.name, region.status, catalog);
    const std::int64_t process = number_of(region.status, "process");
    table.add({region.name, city, text_of(region.status, "status"),
               fmt::format("{}/{}", busy, slots),
               std::to_string(number_of(region.status, "waiting")),
               std::to_string(number_of(region.status, "inFlight")),
               process > 0 ? std::to_string(process) : "-",
               fmt::format("v{}", number_of(region.status, "documentsVersion")),
               links_of(region.status), audit_of(region.status)});
  }
  return table.text() + problems;
}

std::string route_view(const json::object& route, const catalog::Catalog& catalog) {
  const std::string reason = text_of(route, "reason");
  const auto destination = json::find_string(route, "destination");
  std::string out = fmt::format("{} from {}\n", text_of(route, "profile"),
                                with_city(text_of(route, "source"), catalog));
  out += destination
             ? fmt::format("would go to {}: {}: {}\n", with_city(*destination, catalog), reason,
                           reason_sentence(reason))
             : fmt::format("would go nowhere now: {}: {}\n", reason, reason_sentence(reason));
  out += fmt::format("\n{}", candidates_table(route, {}, catalog));
  const auto row = texts_of(route, "row");
  out += fmt::format("\n  row        {}version {}, {} Region{}, hash {}; never anywhere else\n",
                     route.contains("mode") ? text_of(route, "mode") + ", " : "",
                     number_of(route, "version"), row.size(), row.size() == 1 ? "" : "s",
                     text_of(route, "rowHash").substr(0, 16));
  out += narrowed_line(route);
  if (route.contains("lifecycle")) out += "  lifecycle  " + text_of(route, "lifecycle") + '\n';
  out += fmt::format(
      "  model      {}{}\n", text_of(route, "modelId"),
      route.contains("modelName") ? ", here really " + text_of(route, "modelName") : "");
  return out + policy_lines(route);
}

std::string explain_view(const json::object& record, const catalog::Catalog& catalog) {
  const json::object& facts = object_of(record, "tidegate");
  const json::object& additional = object_of(record, "additionalEventData");
  const json::object& usage = object_of(facts, "usage");
  const json::object& durations = object_of(facts, "durations");
  const json::object& decision = object_of(facts, "decision");
  const json::object& profile = object_of(facts, "profile");
  const auto row = texts_of(profile.empty() ? facts : profile, "row");
  const std::string inference = text_of(additional, "inferenceRegion");
  const std::string asked =
      text_of(profile, "id", text_of(object_of(record, "requestParameters"), "modelId"));

  std::string out = fmt::format(
      "{}  {}  {}  by {}\n  request    {}\n",
      text_of(facts, "arrivedAt", text_of(record, "eventTime")), text_of(record, "eventName"),
      asked, text_of(object_of(record, "userIdentity"), "arn"), text_of(record, "requestID"));
  const bool ran = inference != "none" && inference != "-" && inference != "unknown";
  out += fmt::format("  ran        {} -> {}   {} {}\n",
                     with_city(text_of(record, "awsRegion"), catalog),
                     ran ? with_city(inference, catalog) : "no model ran (" + inference + ")",
                     text_of(facts, "outcome"), number_of(facts, "httpStatus"));
  if (record.contains("errorCode")) {
    out += fmt::format("  error      {} {}: {}\n", text_of(record, "errorCode"),
                       text_of(facts, "tidegateCode", ""), text_of(record, "errorMessage", ""));
  }
  if (ran) {
    out +=
        fmt::format("  tokens     {} in, {} out; stop reason {}\n", number_of(usage, "inputTokens"),
                    number_of(usage, "outputTokens"), text_of(facts, "stopReason"));
    out += fmt::format("  model      {}, really {}\n", text_of(facts, "modelId"),
                       text_of(facts, "modelName"));
  }
  if (!durations.empty()) {
    const auto first = json::find_int(durations, "firstByteMs");
    out += fmt::format("  time       {} ms{}, waited {} ms for room\n",
                       number_of(durations, "totalMs"),
                       first ? fmt::format(", first byte after {} ms", *first) : "",
                       number_of(durations, "queueMs"));
  }
  if (!profile.empty()) {
    out += fmt::format("  row        {} version {}, {} Regions, hash {}\n", text_of(profile, "id"),
                       number_of(profile, "version"), row.size(),
                       text_of(profile, "rowHash").substr(0, 16));
    out += narrowed_line(profile);
  }
  if (!decision.empty()) {
    const std::string reason = text_of(decision, "reason");
    out += fmt::format("  why        {}: {}\n\n{}\n", reason, reason_sentence(reason),
                       candidates_table(decision, row, catalog));
  }
  out += attempts_of(facts) + policy_lines(facts);
  const auto sequence = json::find_int(facts, "sequence");
  return out + fmt::format("  record     {} in the log of {}{}\n", text_of(record, "eventID"),
                           text_of(record, "awsRegion"),
                           sequence ? fmt::format(", number {}", *sequence) : "");
}

}  // namespace tidegate::cli
