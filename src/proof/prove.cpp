#include "proof/prove.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "proof/layers.hpp"

namespace tidegate::proof {
namespace {

using catalog::RegionId;

class Walk {
 public:
  Walk(const Subject& subject, const Oracle& oracle, Report& report)
      : subject_(subject),
        oracle_(oracle),
        report_(report),
        source_(subject.source),
        destination_(subject.destination) {
    for (const std::string& region : oracle.regions()) regions_.emplace_back(region);
  }

  void run() {
    check_readings("the source", *subject_.source);
    check_readings("the destination", *subject_.destination);
    if (!report_.holds()) return;  // they do not even speak of the same things
    report_.profiles = oracle_.profiles().size();
    report_.regions = regions_.size();
    for (const auto& [id, profile] : oracle_.profiles()) {
      for (const RegionId& source : regions_) walk_row(id, source);
    }
  }

 private:
  // What stays the same for all destinations of a profile and source.
  struct Question {
    const std::string& profile;
    const RegionId& source;
    const Result<gateway::Target>& target;
    peer::RoutingToken sent, received;  // by the source's and by the destination's catalogue
  };

  // The code knows exactly the profiles and Regions that the document has.
  void check_readings(std::string_view end, const catalog::Catalog& catalog) {
    Oracle::Names profiles, regions, known;
    for (const auto& [id, profile] : catalog.profiles()) profiles.insert(id);
    for (const auto& [id, profile] : oracle_.profiles()) known.insert(id);
    for (const auto& region : catalog.regions()) regions.insert(region.id.str());
    if (profiles == known && regions == oracle_.regions()) return;
    report_.add(
        {.rule = "readings_differ",
         .profile = {},
         .model = {},
         .source = {},
         .destination = {},
         .says = fmt::format("{} knows {} profiles and {} Regions, the document has {} and {}, "
                             "or others",
                             end, profiles.size(), regions.size(), known.size(),
                             oracle_.regions().size())});
  }

  void walk_row(const std::string& profile, const RegionId& source) {
    const auto target = source_.resolve(profile, source);
    if (oracle_.profiles().at(profile).rows.contains(source.str())) {
      check_hash(profile, source, "the source", target ? target->row : nullptr);
      check_hash(profile, source, "the destination",
                 subject_.destination->profile(profile)->row(source));
    }
    Question question{.profile = profile,
                      .source = source,
                      .target = target,
                      .sent = best_token(*subject_.source, profile, source),
                      .received = best_token(*subject_.destination, profile, source)};
    for (const RegionId& destination : regions_) {
      ++report_.triples;
      question.sent.destination = question.received.destination = destination.str();
      ask(question, destination);
    }
  }

  void check_hash(const std::string& profile, const RegionId& source, std::string_view end,
                  const catalog::Row* row) {
    const std::string expected = oracle_.row_hash(profile, source.str());
    if (row && row->hash() == expected) return;
    Violation found = about("row_hash", profile, source, source);
    found.destination.clear();
    found.says = fmt::format("{} has {} for the row, the document's is {}", end,
                             row ? row->hash() : "nothing", expected);
    report_.add(std::move(found));
  }

  void ask(Question& question, const RegionId& destination) {
    const auto& [profile, source, target, sent, received] = question;
    const std::string refusal = oracle_.refusal(profile, source.str(), destination.str());
    const bool allowed = refusal.empty();
    if (allowed) ++report_.allowed;
    const bool home = source == destination;

    const Result<void> routed =
        target ? source_.place(*target, destination) : Result<void>(fail(target.error()));
    const Result<void> may_leave = source_.sign(sent);
    const Result<void> admitted = destination_.admit(question.received);
    // At home nothing is sent: no token is ever made for it.
    const bool agree = routed.has_value() == allowed &&
                       may_leave.has_value() == (allowed && !home) &&
                       admitted.has_value() == allowed;
    if (!agree) {
      Violation found =
          about(allowed ? "layers_differ" : "outside_fence", profile, source, destination);
      found.claims = {claim("router", routed),
                      claim("signer", may_leave),
                      claim("admission", admitted),
                      {"oracle", allowed, refusal}};
      found.says = allowed
                       ? "the fence allows it and a layer does not, or one makes a token for home"
                       : "a layer lets it out of the fence";
      report_.add(std::move(found));
    }
    if (allowed && oracle_.needs_grant(profile) &&
        destination_.admit_without_grant(question.received)) {
      Violation found = about("not_granted", profile, source, destination);
      found.says = "it has no boundary, and is let in without the operator's grant";
      report_.add(std::move(found));
    }
  }

  Violation about(std::string rule, const std::string& profile, const RegionId& source,
                  const RegionId& destination) const {
    return {.rule = std::move(rule),
            .profile = profile,
            .model = oracle_.profiles().at(profile).model,
            .source = source.str(),
            .destination = destination.str(),
            .says = {}};
  }

  const Subject& subject_;
  const Oracle& oracle_;
  Report& report_;
  SourceLayers source_;
  DestinationLayers destination_;
  std::vector<RegionId> regions_;
};

void compare_profile(const std::string& id, const Oracle& before, const Oracle& now,
                     Report& report) {
  const Oracle::Profile& was = before.profiles().at(id);
  const Oracle::Profile& is = now.profiles().at(id);
  Violation found{.rule = "version_lower",
                  .profile = id,
                  .model = is.model,
                  .source = {},
                  .destination = {},
                  .says = fmt::format("version {} follows version {}", is.version, was.version)};
  if (is.version < was.version) report.add(found);
  if (is.version != was.version) return;
  found.rule = "row_changed";
  if (is.model != was.model) {
    found.says = fmt::format("version {} was for the model {}", is.version, was.model);
    report.add(found);
  }
  for (const auto& [source, row] : is.rows) {
    if (!was.rows.contains(source)) continue;  // a new source row changes no other
    const Oracle::Names old_names = before.destinations(id, source);
    const Oracle::Names new_names = now.destinations(id, source);
    if (old_names == new_names) continue;
    found.source = source;
    found.says = fmt::format("version {} had the destinations {}, and now has {}", is.version,
                             fmt::join(old_names, ", "), fmt::join(new_names, ", "));
    report.add(found);
  }
}

}  // namespace

Claim claim(std::string layer, const Result<void>& answer) {
  if (answer) return {std::move(layer), true, {}};
  const Error& error = answer.error();
  return {std::move(layer), false,
          error.mend.empty() ? error.message : error.message + " " + error.mend};
}

void Report::add(Violation violation) {
  if (++violations <= counterexamples_max) counterexamples.push_back(std::move(violation));
}

Result<Report> prove(const Subject& subject, const Clock& clock) {
  const MonoTime began = clock.mono();
  TRY(const Oracle oracle, Oracle::read(subject.document));
  Report report;
  report.bundle_sha256 = to_hex(sha256(subject.document));
  Walk(subject, oracle, report).run();
  report.took = clock.mono() - began;
  return report;
}

Result<Report> prove(const std::shared_ptr<const catalog::Catalog>& catalog, const Clock& clock) {
  return prove({.source = catalog, .destination = catalog, .document = catalog->document()}, clock);
}

void compare(const Oracle& before, const Oracle& now, Report& report) {
  for (const auto& [id, profile] : now.profiles()) {
    if (before.profiles().contains(id)) compare_profile(id, before, now, report);
  }
  for (const auto& [id, geography] : now.geographies()) {
    const auto was = before.geographies().find(id);
    if (was == before.geographies().end()) continue;
    const bool lower = geography.version < was->second.version;
    const bool changed =
        geography.version == was->second.version && geography.regions != was->second.regions;
    if (!lower && !changed) continue;
    report.add(
        {.rule = lower ? "version_lower" : "geography_changed",
         .profile = {},
         .model = {},
         .source = {},
         .destination = {},
         .says = fmt::format("the geography {} was version {}: {}; and now is version {}: {}", id,
                             was->second.version, fmt::join(was->second.regions, ", "),
                             geography.version, fmt::join(geography.regions, ", "))});
  }
}

}  // namespace tidegate::proof
