#include "proof/prove.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <set>

#include "proof/layers.hpp"

namespace tidegate::proof {
namespace {

using catalog::RegionId;

template <class T>
Result<void> without_value(const Result<T>& answer) {
  if (answer) return {};
  return fail(answer.error());
}

class Walk {
 public:
  Walk(const Subject& subject, const Oracle& oracle, Report& report)
      : subject_(subject),
        oracle_(oracle),
        report_(report),
        source_(subject.source),
        destination_(subject.destination, rows(oracle)) {
    for (const std::string& region : oracle.regions()) regions_.emplace_back(region);
  }

  void run() {
    check_readings("the source", *subject_.source);
    check_readings("the destination", *subject_.destination);
    if (!report_.holds()) return;  // they do not even speak of the same things
    report_.profiles = oracle_.profiles().size();
    report_.regions = regions_.size();
    for (const auto& [id, versions] : oracle_.profiles()) {
      for (const auto& [version, profile] : versions) walk_profile(profile);
    }
  }

 private:
  // One version of a profile, as the document and as each end has it (null: it has not).
  struct Subjects {
    const Oracle::Profile& profile;
    const catalog::Profile* at_source;
    const catalog::Profile* at_destination;
    bool in_force;
    peer::RoutingToken sent, received;
  };
  // What stays the same for all destinations of one source.
  struct Answers {
    Result<gateway::Target> target;
    Result<peer::NamedRow> signer, admission;
    bool without_grant = false;                     // let in without the operator's grant
    const std::vector<bool>* placements = nullptr;  // of the target, by Region; null without one
  };

  static std::size_t rows(const Oracle& oracle) {
    std::size_t count = 0;
    for (const auto& [id, versions] : oracle.profiles()) {
      for (const auto& [version, profile] : versions) count += profile.rows.size();
    }
    return count;
  }

  // The code knows exactly the profiles and Regions that the document has.
  void check_readings(std::string_view end, const catalog::Catalog& catalog) {
    std::set<std::pair<std::string, std::int64_t>> profiles, known;
    Oracle::Names regions;
    for (const auto& [id, profile] : catalog.profiles()) profiles.emplace(id, profile.version);
    for (const auto& [id, before] : catalog.earlier()) {
      for (const auto& profile : before) profiles.emplace(id, profile.version);
    }
    for (const auto& [id, versions] : oracle_.profiles()) {
      for (const auto& [version, profile] : versions) known.emplace(id, version);
    }
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

  void walk_profile(const Oracle::Profile& profile) {
    const auto version = static_cast<std::uint32_t>(profile.version);
    const auto* at_source = subject_.source->profile(profile.id, version);
    const auto* at_destination = subject_.destination->profile(profile.id, version);
    Subjects subjects{.profile = profile,
                      .at_source = at_source,
                      .at_destination = at_destination,
                      .in_force = &oracle_.in_force(profile.id) == &profile,
                      .sent = best_token(profile.id, profile.model, at_source),
                      .received = best_token(profile.id, profile.model, at_destination)};
    for (const RegionId& source : regions_) walk_row(subjects, source);
  }

  static const catalog::Row* row_at(const catalog::Profile* profile, const RegionId& source) {
    return profile ? profile->row(source) : nullptr;
  }

  void walk_row(Subjects& subjects, const RegionId& source) {
    const Oracle::Profile& profile = subjects.profile;
    const catalog::Row* sent = row_at(subjects.at_source, source);
    const catalog::Row* received = row_at(subjects.at_destination, source);
    subjects.sent.source = subjects.received.source = source.str();
    subjects.sent.row_hash = sent ? sent->digest() : subjects.sent.body_sha256;
    subjects.received.row_hash = received ? received->digest() : subjects.received.body_sha256;
    // What is not in force is admitted from Regions that have nothing newer; nothing is routed by
    // it.
    Answers answers{
        .target = subjects.in_force
                      ? source_.resolve(profile.id, source)
                      : Result<gateway::Target>(fail(ErrorCode::fence_refused, "not in force")),
        .signer = source_.signer().row_of(subjects.sent),
        .admission = destination_.door(0).row_of(subjects.received),
        .without_grant = destination_.door_without_grant().row_of(subjects.received).has_value()};
    report_.triples += regions_.size();
    if (profile.rows.contains(source.str())) {
      check_hashes(subjects, source, answers.target ? answers.target->row : sent, received);
    } else if (!answers.target && !answers.signer && !answers.admission) {
      return;  // no row, and each layer says so without asking where to
    }
    if (answers.target) answers.placements = &source_.placements(*answers.target);
    const std::vector<bool> allowed = allowed_of(profile, source);
    report_.allowed += static_cast<std::size_t>(std::ranges::count(allowed, true));
    for (std::size_t i = 0; i < regions_.size(); ++i) {
      ask(subjects, answers, source, i, allowed[i]);
    }
    ask_whole(subjects, answers, source, allowed);
  }

  // What the oracle allows, by Region.
  std::vector<bool> allowed_of(const Oracle::Profile& profile, const RegionId& source) const {
    const Oracle::Names names = oracle_.allowed(profile, source.str());
    auto next = names.begin();
    std::vector<bool> out;
    for (const RegionId& region : regions_) {  // both are sorted by name
      out.push_back(next != names.end() && *next == region.str());
      if (out.back()) ++next;
    }
    return out;
  }

  void check_hashes(const Subjects& subjects, const RegionId& source, const catalog::Row* sent,
                    const catalog::Row* received) {
    const std::string expected = oracle_.row_hash(subjects.profile, source.str());
    const auto check = [&](std::string_view end, const catalog::Row* row) {
      if (row && row->hash() == expected) return;
      Violation found = about("row_hash", subjects.profile, source, source);
      found.destination.clear();
      found.says = fmt::format("{} has {} for the row, the document's is {}", end,
                               row ? row->hash() : "nothing", expected);
      report_.add(std::move(found));
    };
    check("the source", sent);
    check("the destination", received);
  }

  Result<void> signs(const Subjects& subjects, const Answers& answers) const {
    if (!answers.signer) return fail(answers.signer.error());
    return source_.signer().check_destination(*answers.signer, subjects.sent);
  }
  Result<void> admits(const Subjects& subjects, const Answers& answers, std::size_t region) const {
    if (!answers.admission) return fail(answers.admission.error());
    return destination_.door(region).check_destination(*answers.admission, subjects.received);
  }

  void ask(Subjects& subjects, const Answers& answers, const RegionId& source, std::size_t region,
           bool allowed) {
    const RegionId& destination = regions_[region];
    const bool home = source == destination;
    subjects.sent.destination = subjects.received.destination = destination.str();
    const bool routed = answers.placements && (*answers.placements)[region];
    const bool may_leave = signs(subjects, answers).has_value();
    const bool admitted = admits(subjects, answers, region).has_value();
    // At home nothing is sent: no token is ever made for it.
    const bool agree = routed == (allowed && subjects.in_force) &&
                       may_leave == (allowed && !home) && admitted == allowed;
    if (!agree) differ(subjects, answers, source, region, allowed);
    if (allowed && answers.without_grant && oracle_.needs_grant(subjects.profile)) {
      Violation found = about("not_granted", subjects.profile, source, destination);
      found.says = "it has no boundary, and is let in without the operator's grant";
      report_.add(std::move(found));
    }
  }

  void differ(const Subjects& subjects, const Answers& answers, const RegionId& source,
              std::size_t region, bool allowed) {
    const RegionId& destination = regions_[region];
    Violation found =
        about(allowed ? "layers_differ" : "outside_fence", subjects.profile, source, destination);
    found.claims = {
        claim("router", answers.target ? source_.place(*answers.target, destination)
                                       : without_value(answers.target)),
        claim("signer", signs(subjects, answers)),
        claim("admission", admits(subjects, answers, region)),
        {"oracle", allowed, oracle_.refusal(subjects.profile, source.str(), destination.str())}};
    found.says = allowed ? "the fence allows it and a layer does not, or one makes a token for home"
                         : "a layer lets it out of the fence";
    report_.add(std::move(found));
  }

  // The layers were asked part by part, which is quick. Once for each row, and once for a Region
  // outside it, they are asked as a request asks them, MAC and replay table included.
  void ask_whole(Subjects& subjects, const Answers& answers, const RegionId& source,
                 const std::vector<bool>& allowed) {
    bool inside = false, outside = false;
    for (std::size_t i = 0; i < regions_.size() && !(inside && outside); ++i) {
      bool& done = allowed[i] ? inside : outside;
      if (done || regions_[i] == source) continue;
      done = true;
      subjects.sent.destination = subjects.received.destination = regions_[i].str();
      const Result<void> signed_whole = source_.sign(subjects.sent);
      const Result<void> admitted_whole = destination_.admit(i, subjects.received);
      if (signed_whole.has_value() == signs(subjects, answers).has_value() &&
          admitted_whole.has_value() == admits(subjects, answers, i).has_value()) {
        continue;
      }
      Violation found = about("layers_differ", subjects.profile, source, regions_[i]);
      found.claims = {claim("signer", signed_whole), claim("admission", admitted_whole)};
      found.says = "a layer as a whole does not say what its parts say";
      report_.add(std::move(found));
    }
  }

  static Violation about(std::string rule, const Oracle::Profile& profile, const RegionId& source,
                         const RegionId& destination) {
    return {.rule = std::move(rule),
            .profile = profile.id,
            .model = profile.model,
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

// A version that both have is the same, but for rows of new sources.
void compare_version(const Oracle::Profile& was, const Oracle& before, const Oracle::Profile& is,
                     const Oracle& now, Report& report) {
  Violation found{.rule = "row_changed",
                  .profile = is.id,
                  .model = is.model,
                  .source = {},
                  .destination = {},
                  .says = {}};
  const auto same = [&](std::string_view what, const std::string& old_text,
                        const std::string& new_text) {
    if (old_text == new_text) return;
    found.says = fmt::format("version {} had the {} {}, and now has {}", is.version, what, old_text,
                             new_text);
    report.add(found);
  };
  same("model", was.model, is.model);
  same("geography", was.geography, is.geography);
  same("scope", was.scope, is.scope);
  for (const auto& [source, row] : was.rows) {
    found.source = source;
    if (!is.rows.contains(source)) {
      found.says = fmt::format("version {} had a row for {}, and now has none", is.version, source);
      report.add(found);
      continue;
    }
    same("destinations", fmt::format("{}", fmt::join(before.destinations(was, source), ", ")),
         fmt::format("{}", fmt::join(now.destinations(is, source), ", ")));
  }
}

void compare_profile(const std::string& id, const Oracle::Versions& was, const Oracle::Versions& is,
                     const Oracle& before, const Oracle& now, Report& report) {
  const std::int64_t newest = was.rbegin()->first;
  Violation found{.rule = "version_lower",
                  .profile = id,
                  .model = is.rbegin()->second.model,
                  .source = {},
                  .destination = {},
                  .says = fmt::format("version {} follows version {}", is.rbegin()->first, newest)};
  if (is.rbegin()->first < newest) report.add(found);
  for (const auto& [version, profile] : is) {
    if (const auto same = was.find(version); same != was.end()) {
      compare_version(same->second, before, profile, now, report);
    } else if (version < newest) {
      found.says = fmt::format("version {} comes after version {} did", version, newest);
      report.add(found);
    }
  }
}

// What is gone stays gone: otherwise its name could come back with another meaning.
void compare_revoked(const Oracle& before, const Oracle& now, Report& report) {
  const auto add = [&](std::string rule, const std::string& id, std::string says) {
    report.add({.rule = std::move(rule),
                .profile = id,
                .model = {},
                .source = {},
                .destination = {},
                .says = std::move(says)});
  };
  for (const auto& [id, version] : before.revoked()) {
    const auto found = now.revoked().find(id);
    if (found == now.revoked().end() || found->second < version) {
      add("revocation_lifted", id, fmt::format("its versions up to {} were revoked", version));
    }
  }
  for (const auto& [id, versions] : before.profiles()) {
    const std::int64_t newest = versions.rbegin()->first;
    const auto found = now.revoked().find(id);
    if (!now.profiles().contains(id) && (found == now.revoked().end() || found->second < newest)) {
      add("gone_not_revoked", id,
          fmt::format("it is not there any more, and its version {} is not revoked", newest));
    }
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
  for (const auto& [id, versions] : now.profiles()) {
    const auto was = before.profiles().find(id);
    if (was != before.profiles().end()) {
      compare_profile(id, was->second, versions, before, now, report);
    }
  }
  compare_revoked(before, now, report);
  for (const auto& [id, was] : before.geographies()) {
    const auto found = now.geographies().find(id);
    const bool gone = found == now.geographies().end();
    const bool lower = !gone && found->second.version < was.version;
    const bool changed =
        !gone && found->second.version == was.version && found->second.regions != was.regions;
    if (!gone && !lower && !changed) continue;
    const std::string old_text =
        fmt::format("version {}: {}", was.version, fmt::join(was.regions, ", "));
    report.add({.rule = lower ? "version_lower" : "geography_changed",
                .profile = {},
                .model = {},
                .source = {},
                .destination = {},
                .says = gone ? fmt::format("the geography {} was {}; and now is not", id, old_text)
                             : fmt::format("the geography {} was {}; and now is version {}: {}", id,
                                           old_text, found->second.version,
                                           fmt::join(found->second.regions, ", "))});
  }
}

}  // namespace tidegate::proof
