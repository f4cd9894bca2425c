#include "proof/narrowed.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

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
    Narrowing out{.principal = principal,
                  .profile = wanted.profile,
                  .regions = {wanted.regions.begin(), wanted.regions.end()},
                  .sources = {},
                  .refused = {}};
    for (const auto& [source, row] : oracle_.in_force(wanted.profile).rows) {
      walk_source(out, wanted, RegionId(source));
    }
    return out;
  }

 private:
  void walk_source(Narrowing& out, const identity::NarrowedRow& wanted, const RegionId& source) {
    const catalog::Row& row = *catalog_->profile(out.profile)->row(source);
    auto subset = row.narrow(std::vector<RegionId>(wanted.regions.begin(), wanted.regions.end()));
    const Oracle::Names whole = oracle_.destinations(oracle_.in_force(out.profile), source.str());
    const bool inside = !out.regions.empty() && std::ranges::includes(whole, out.regions) &&
                        out.regions.size() == wanted.regions.size();
    (subset ? out.sources : out.refused).insert(source.str());
    if (subset.has_value() != inside) {
      add(inside ? "layers_differ" : "subset_widens", out, source, "",
          inside ? "its source refuses a part that is inside of the row"
                 : "its source takes a part that is not inside of the row",
          {});
    }
    if (!subset) return;
    auto target = source_.resolve(out.profile, source);
    if (target) target->subset = std::make_shared<const catalog::RowSubset>(*std::move(subset));
    peer::RoutingToken token = best_token(out.profile, {}, catalog_->profile(out.profile));
    token.source = source.str();
    token.row_hash = row.hash();
    token.subset = wanted.regions;
    const auto regions = catalog_->regions();
    for (std::size_t i = 0; i < regions.size(); ++i) ask(out, source, target, token, i);
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
                 .profile = about.profile,
                 .model = oracle_.in_force(about.profile).model,
                 .source = source.str(),
                 .destination = std::move(region),
                 .says = fmt::format("{}: {}", about.principal, says),
                 .claims = std::move(claims)});
  }

  const std::shared_ptr<const catalog::Catalog>& catalog_;
  const Oracle& oracle_;
  Report& report_;
  SourceLayers source_;
  DestinationLayers doors_;
};

}  // namespace

Result<std::vector<Narrowing>> prove_narrowed(
    const std::shared_ptr<const catalog::Catalog>& catalog, const gateway::Documents& documents,
    Report& report) {
  std::vector<Narrowing> out;
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
      out.push_back(walk->run(principal.arn, narrowed));
    }
  }
  return out;
}

}  // namespace tidegate::proof
