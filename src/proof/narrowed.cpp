#include "proof/narrowed.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "proof/layers.hpp"

namespace tidegate::proof {
namespace {

using catalog::RegionId;

class Walk {
 public:
  Walk(const std::shared_ptr<const catalog::Catalog>& catalog, const Oracle& oracle, Report& report)
      : catalog_(catalog),
        oracle_(oracle),
        report_(report),
        source_(catalog),
        doors_(catalog, limits::replay_entries) {}

  Narrowing run(const std::string& principal, const identity::NarrowedRow& wanted) {
    Narrowing out = begin(principal, wanted.profile,
                          Oracle::Names(wanted.regions.begin(), wanted.regions.end()));
    for (const auto& [name, row] : oracle_.in_force(wanted.profile).rows) {
      const RegionId source(name);
      auto target = source_.resolve(out.profile, source);
      auto subset =
          catalog_->profile(out.profile)
              ->row(source)
              ->narrow(std::vector<RegionId>(wanted.regions.begin(), wanted.regions.end()));
      const bool said_once = out.regions.size() == wanted.regions.size();
      if (!judge(out, source, subset.has_value(), said_once)) continue;
      if (target) target->subset = std::make_shared<const catalog::RowSubset>(*std::move(subset));
      ask_all(out, source, target, wanted.regions);
    }
    return out;
  }

  // `words` are of its tag, as the oracle reads them.
  Narrowing run(const api::ApplicationProfile& application, const std::vector<std::string>& words,
                const RegionId& source, const gateway::FindApplicationProfile& find) {
    Narrowing out =
        begin(api::application_profile_arn(source.str(), application.account, application.id),
              application.profile_id, Oracle::Names(words.begin(), words.end()));
    out.called = out.holder;
    const bool said_once = out.regions.size() == words.size();
    ask_served(out, source, source_.resolve(application, source, find), said_once, "its tag says");
    return out;
  }

  Narrowing run(const identity::PrincipalRecord& principal, const identity::NarrowedRow& wanted,
                const RegionId& source, const gateway::Snapshot& served) {
    Narrowing out = begin(principal.arn, wanted.profile,
                          Oracle::Names(wanted.regions.begin(), wanted.regions.end()));
    auto target = source_.resolve(out.profile, source);
    if (target) {
      if (auto narrowed = gateway::narrow(*target, principal, served); !narrowed)
        target = fail(std::move(narrowed).error());
    }
    const bool said_once = out.regions.size() == wanted.regions.size();
    ask_served(out, source, target, said_once, "the stored document says");
    return out;
  }

 private:
  // Of a running source, `target` being what it makes of a request: it must keep to what is said.
  void ask_served(Narrowing& out, const RegionId& source, const Result<gateway::Target>& target,
                  bool said_once, std::string_view who_says) {
    if (!judge(out, source, target.has_value(), said_once)) return;
    std::vector<std::string> believed;  // what the source would write into the token
    if (target->subset) {
      for (const RegionId& region : target->subset->regions()) believed.push_back(region.str());
    }
    const bool wider = believed.empty() || !std::ranges::includes(out.regions, believed);
    if (wider || believed.size() < out.regions.size()) {
      add(wider ? "subset_widens" : "layers_differ", out, source, "",
          fmt::format(
              "its source keeps to {}, and {} {}",
              believed.empty() ? "the whole row" : fmt::format("{}", fmt::join(believed, ", ")),
              who_says, fmt::join(out.regions, ", ")),
          {});
    }
    ask_all(out, source, target, believed);
  }

  static Narrowing begin(std::string holder, const std::string& profile, Oracle::Names regions) {
    return {.holder = std::move(holder),
            .profile = profile,
            .called = profile,
            .regions = std::move(regions),
            .sources = {},
            .refused = {}};
  }

  // Whether the source takes the part, which the oracle must have expected.
  bool judge(Narrowing& out, const RegionId& source, bool taken, bool said_once) {
    const Oracle::Names whole = oracle_.destinations(oracle_.in_force(out.profile), source.str());
    const bool inside =
        !out.regions.empty() && std::ranges::includes(whole, out.regions) && said_once;
    (taken ? out.sources : out.refused).insert(source.str());
    if (taken != inside) {
      add(inside ? "layers_differ" : "subset_widens", out, source, "",
          inside ? "its source refuses a part that is inside of the row"
                 : "its source takes a part that is not inside of the row",
          {});
    }
    return taken;
  }

  void ask_all(Narrowing& out, const RegionId& source, const Result<gateway::Target>& target,
               const std::vector<std::string>& part) {
    peer::RoutingToken token = best_token(out.profile, {}, catalog_->profile(out.profile));
    token.source = source.str();
    token.row_hash = catalog_->profile(out.profile)->row(source)->digest();
    token.subset = part;
    // The layers see no more of it than this, so what holds for one holds for all like it.
    const auto key = std::tuple(out.profile, source.str(), part, out.regions);
    if (const auto same = asked_.find(key); same != asked_.end()) {
      out.requests += same->second.requests;
      out.allowed += same->second.allowed;
      return;
    }
    const Counts before{out.requests, out.allowed};
    const std::size_t violations = report_.violations;
    const auto regions = catalog_->regions();
    for (std::size_t i = 0; i < regions.size(); ++i) ask(out, source, target, token, i);
    if (report_.violations == violations) {
      asked_.emplace(key, Counts{out.requests - before.requests, out.allowed - before.allowed});
    }
  }

  void ask(Narrowing& out, const RegionId& source, const Result<gateway::Target>& target,
           peer::RoutingToken& token, std::size_t place) {
    const std::string& region = catalog_->regions()[place].id.str();
    ++out.requests;
    const std::string refusal = oracle_.refusal(out.profile, source.str(), region);
    const bool allowed = refusal.empty() && out.regions.contains(region);
    if (allowed) ++out.allowed;
    token.destination = region;
    const Result<void> routed =
        target ? source_.place(*target, RegionId(region)) : Result<void>(fail(target.error()));
    const Result<void> may_leave = source_.sign(token);
    const Result<void> admitted = doors_.admit(place, token);
    const bool home = source.str() == region;
    if (routed.has_value() == allowed && may_leave.has_value() == (allowed && !home) &&
        admitted.has_value() == allowed)
      return;
    add(allowed ? "layers_differ" : "outside_subset", out, source, region,
        allowed ? "it is in the caller's part of the row, and a layer does not allow it"
                : "a layer lets it leave the caller's part of the row",
        {claim("router", routed),
         claim("signer", may_leave),
         claim("admission", admitted),
         {"oracle", allowed,
          allowed            ? std::string()
          : !refusal.empty() ? refusal
                             : fmt::format("it is not among {}", fmt::join(out.regions, ", "))}});
  }

  void add(std::string rule, const Narrowing& about, const RegionId& source, std::string region,
           std::string_view says, std::vector<Claim> claims) {
    report_.add({.rule = std::move(rule),
                 .profile = about.called,
                 .model = oracle_.in_force(about.profile).model,
                 .source = source.str(),
                 .destination = std::move(region),
                 .says = fmt::format("{}: {}", about.holder, says),
                 .claims = std::move(claims)});
  }

  struct Counts {
    std::size_t requests = 0, allowed = 0;
  };
  using Asked = std::tuple<std::string, std::string, std::vector<std::string>, Oracle::Names>;

  std::map<Asked, Counts> asked_;  // profile, source, what the source believes, what was said
  const std::shared_ptr<const catalog::Catalog>& catalog_;
  const Oracle& oracle_;
  Report& report_;
  SourceLayers source_;
  DestinationLayers doors_;
};

// The words of a tag, by the oracle's own reading: it must not be the gateway's.
std::optional<std::vector<std::string>> tag_words(const api::ApplicationProfile& application) {
  for (const api::Tag& tag : application.tags) {
    if (tag.key != "tidegate:regions") continue;
    std::vector<std::string> words(1);
    for (const char c : tag.value) {
      if (c != ' ') {
        words.back() += c;
      } else if (!words.back().empty()) {
        words.emplace_back();
      }
    }
    if (words.back().empty()) words.pop_back();
    return words;
  }
  return std::nullopt;
}

// Every part of a row that a principal of the documents keeps to.
template <class Visit>
Result<void> each_part(const std::shared_ptr<const catalog::Catalog>& catalog,
                       const gateway::Documents& documents, Report& report, Visit visit) {
  std::optional<Oracle> oracle;
  std::optional<Walk> walk;
  for (const auto& principal : documents.principals) {
    for (const auto& narrowed : principal.narrowed_rows) {
      if (!walk) {
        TRY(oracle, Oracle::read(catalog->document()));
        walk.emplace(catalog, *oracle, report);
      }
      if (!oracle->profiles().contains(narrowed.profile)) {
        return fail(ErrorCode::configuration,
                    fmt::format("{} narrows \"{}\", which is not a profile", principal.arn,
                                narrowed.profile),
                    "name a profile of the catalogue");
      }
      visit(*walk, *oracle, principal, narrowed);
    }
  }
  return {};
}

}  // namespace

Result<std::vector<Narrowing>> prove_narrowed(
    const std::shared_ptr<const catalog::Catalog>& catalog, const gateway::Documents& documents,
    Report& report) {
  std::vector<Narrowing> out;
  TRY_VOID(each_part(catalog, documents, report,
                     [&](Walk& walk, const Oracle&, const auto& principal, const auto& narrowed) {
                       out.push_back(walk.run(principal.arn, narrowed));
                     }));
  return out;
}

Result<std::vector<Narrowing>> prove_narrowed(const gateway::Documents& stored,
                                              const gateway::Snapshot& served,
                                              const catalog::RegionId& source, Report& report) {
  std::vector<Narrowing> out;
  TRY_VOID(
      each_part(served.catalog, stored, report,
                [&](Walk& walk, const Oracle& oracle, const auto& principal, const auto& narrowed) {
                  // What cannot be called from here is narrowed elsewhere.
                  if (oracle.in_force(narrowed.profile).rows.contains(source.str()))
                    out.push_back(walk.run(principal, narrowed, source, served));
                }));
  return out;
}

Result<std::vector<Narrowing>> prove_narrowed(
    const std::shared_ptr<const catalog::Catalog>& catalog,
    const std::vector<api::ApplicationProfile>& stored, const catalog::RegionId& source,
    const gateway::FindApplicationProfile& find, Report& report) {
  std::vector<Narrowing> out;
  std::optional<Oracle> oracle;
  std::optional<Walk> walk;
  for (const api::ApplicationProfile& application : stored) {
    const auto words = tag_words(application);
    if (!words) continue;
    if (!walk) {
      TRY(oracle, Oracle::read(catalog->document()));
      walk.emplace(catalog, *oracle, report);
    }
    // A copy of a model runs at home and nowhere else, and so does one of a profile that is gone.
    if (!oracle->profiles().contains(application.profile_id)) continue;
    if (!oracle->in_force(application.profile_id).rows.contains(source.str())) continue;
    out.push_back(walk->run(application, *words, source, find));
  }
  return out;
}

}  // namespace tidegate::proof
