#include "admin/catalog_keeper.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "admin/proven_catalog.hpp"
#include "base/log.hpp"
#include "proof/prove.hpp"

namespace tidegate::admin {
namespace {

constexpr std::size_t signers_of_the_fence = 2;

std::unexpected<Error> breaks(std::string rule, std::string message, std::string mend) {
  return fail(Error{.code = ErrorCode::configuration,
                    .message = std::move(message),
                    .mend = std::move(mend),
                    .why = std::move(rule)});
}

std::string short_of(const std::string& sha256) {
  return sha256.substr(0, 16);
}

// What may not change without a new version, whoever signs.
Result<void> keeps_versions(const catalog::Catalog& before, const catalog::Catalog& now) {
  TRY(const auto was, proof::Oracle::read(before.document()));
  TRY(const auto is, proof::Oracle::read(now.document()));
  proof::Report report;
  proof::compare(was, is, report);
  if (report.holds()) return {};
  const proof::Violation& first = report.counterexamples.front();
  return breaks(
      "changed",
      fmt::format("the bundle changes what its version froze ({}): {}{}{}: {}", first.rule,
                  first.profile, first.source.empty() ? "" : " from ", first.source, first.says),
      "give it a new version, or take the change back; tidegate prove --against shows all");
}

Result<void> widens_what_was_accepted(const std::vector<catalog::Change>& changes,
                                      const std::vector<std::string>& accepted) {
  std::vector<std::string> missing;
  for (const catalog::Change& change : changes) {
    if (change.widens && std::ranges::find(accepted, change.accepted_as()) == accepted.end()) {
      missing.push_back("--accept-widening=" + change.accepted_as());
    }
  }
  if (missing.empty()) return {};
  return breaks("widens",
                fmt::format("the bundle lets requests run where they could not: {} to accept",
                            missing.size()),
                fmt::format("look at tidegate catalog diff, and if that is meant add {}",
                            fmt::join(missing, " ")));
}

}  // namespace

Result<gateway::CatalogInForce> CatalogKeeper::open(
    const std::string& first, std::shared_ptr<const catalog::Catalog> library) {
  const std::string digest = library->digest();
  in_force_ = {.catalog = std::move(library), .epoch = 0, .sha256 = digest};
  TRY(const auto stored, ports_.store.last_good());
  if (stored) {
    auto again = reopen(*stored);
    if (!again) return refused(std::move(again).error());
    in_force_ = *std::move(again);
    if (auto looked_at = could_have_been_in_force(first); !looked_at) {
      refused_at_start_.push_back(refused(std::move(looked_at).error()).error().why);
    }
    return in_force_;
  }
  if (!first.empty()) {
    CatalogOrder order{.text = first, .accepted = {}, .first = true};
    // Whoever names it in the configuration accepts what it has.
    if (const auto bundle = catalog::Bundle::parse(first)) {
      for (const auto& change : catalog::changes(*in_force_.catalog, *bundle->catalog())) {
        order.accepted.push_back(change.accepted_as());
      }
    }
    TRY(const Applied applied, apply(order, [](const auto&) { return Result<void>(); }));
    return applied.in_force;
  }
  TRY(in_force_.catalog,
      take_into_force(in_force_.catalog, region_, ports_.log, ports_.clock, ports_.rng));
  return in_force_;
}

// It was judged when it came; what is left to ask is whether it is still that one.
Result<gateway::CatalogInForce> CatalogKeeper::reopen(const gateway::StoredBundle& stored) {
  constexpr std::string_view mend =
      "restore the store from its backup, or trust a signer of the stored bundle again";
  auto bundle = catalog::Bundle::parse(stored.text);
  if (!bundle || bundle->sha256() != stored.sha256 || bundle->epoch() != stored.epoch) {
    return breaks("malformed",
                  fmt::format("the stored catalogue of epoch {} is not what was stored{}",
                              stored.epoch, bundle ? "" : ": " + bundle.error().message),
                  std::string(mend));
  }
  TRY(const auto names, bundle->verify(signers_));
  if (names.empty()) {
    return breaks("signatures",
                  fmt::format("nobody who is trusted has signed the stored catalogue of epoch {}",
                              stored.epoch),
                  std::string(mend));
  }
  gateway::CatalogInForce out{
      .catalog = bundle->catalog(), .epoch = bundle->epoch(), .sha256 = bundle->sha256()};
  TRY(out.catalog, take_into_force(out.catalog, region_, ports_.log, ports_.clock, ports_.rng));
  return out;
}

// The file of the configuration, which is not taken any more. An older one is what the first start
// began with, or what is left of it; a newer one waits for somebody to apply it.
Result<void> CatalogKeeper::could_have_been_in_force(const std::string& first) const {
  if (first.empty()) return {};
  constexpr std::string_view mend = "put the right file where catalog.bundle of tidegate.yaml says";
  auto bundle = catalog::Bundle::parse(first);
  if (!bundle) {
    return breaks("malformed", "the file of catalog.bundle: " + bundle.error().message,
                  std::string(mend));
  }
  const auto names = bundle->verify(signers_);
  // Signers are replaced: who signed an older one need not be trusted any more, as long as somebody
  // did, and those who are have signed the one in force.
  const bool outlived = bundle->epoch() < in_force_.epoch && !bundle->signatures().empty();
  if (!names || (names->empty() && !outlived)) {
    return breaks(
        "signatures",
        fmt::format("the file of catalog.bundle, epoch {}: {}", bundle->epoch(),
                    names ? "nobody who is trusted has signed it" : names.error().message),
        std::string(mend));
  }
  if (bundle->epoch() == in_force_.epoch && bundle->sha256() != in_force_.sha256) {
    return breaks(
        "fork",
        fmt::format("the file of catalog.bundle has epoch {} as {}, and {} is in force",
                    bundle->epoch(), short_of(bundle->sha256()), short_of(in_force_.sha256)),
        std::string(mend));
  }
  if (bundle->epoch() != in_force_.epoch) {
    log::info("catalogue_file_not_taken", {{"epoch", bundle->epoch()},
                                           {"in_force", in_force_.epoch},
                                           {"mend", "tidegate catalog apply, if it is newer"}});
  }
  return {};
}

Result<void> CatalogKeeper::follows(const catalog::Bundle& bundle,
                                    const CatalogOrder& order) const {
  const std::uint64_t epoch = in_force_.epoch;
  if (epoch == 0) {
    if (order.first || bundle.epoch() == 1) return {};
    return breaks(
        "gap",
        fmt::format("this gateway has no bundle yet, and this one is of epoch {}", bundle.epoch()),
        "apply epoch 1 and those after it in turn, or add --first to begin with this one");
  }
  if (bundle.epoch() <= epoch) {
    return breaks(
        "downgrade",
        fmt::format("epoch {} is in force, and the bundle is of epoch {}", epoch, bundle.epoch()),
        "draft a new bundle after the one in force; an old one never comes back");
  }
  if (bundle.epoch() != epoch + 1) {
    return breaks(
        "gap",
        fmt::format("epoch {} is in force, and the bundle is of epoch {}", epoch, bundle.epoch()),
        fmt::format("apply epoch {} first", epoch + 1));
  }
  if (bundle.previous() != in_force_.sha256) {
    return breaks("fork",
                  fmt::format("the bundle follows {}, and {} is in force",
                              short_of(bundle.previous()), short_of(in_force_.sha256)),
                  "draft it after the bundle in force: two people drafted at once");
  }
  return {};
}

Result<std::vector<std::string>> CatalogKeeper::signed_by(const catalog::Bundle& bundle,
                                                          std::size_t needed) const {
  if (signers_.empty()) {
    return breaks("no_signers", "this gateway trusts no signer of catalogues",
                  "set catalog.signers in tidegate.yaml, and start it again");
  }
  auto names = bundle.verify(signers_);
  if (!names) {
    names.error().why = "signatures";
    return names;
  }
  if (names->size() >= needed) return names;
  return breaks(
      "signatures",
      fmt::format("the bundle needs {} trusted signatures and has {}", needed, names->size()),
      needed == signers_of_the_fence
          ? "it changes the fence, so two of catalog.signers must sign it: tidegate catalog sign"
          : "one of catalog.signers must sign it: tidegate catalog sign");
}

Result<CatalogKeeper::Applied> CatalogKeeper::judge(const catalog::Bundle& bundle,
                                                    const CatalogOrder& order) const {
  TRY_VOID(follows(bundle, order));
  const bool is_first = in_force_.epoch == 0;
  Applied out{
      .in_force = {.catalog = bundle.catalog(), .epoch = bundle.epoch(), .sha256 = bundle.sha256()},
      .signers = {},
      .changes = catalog::changes(*in_force_.catalog, *bundle.catalog())};
  const bool fence =
      is_first || std::ranges::any_of(out.changes, [](const auto& change) { return change.fence; });
  TRY(out.signers, signed_by(bundle, fence ? signers_of_the_fence : 1));
  // A first one of a later epoch has rows of many epochs, which nothing here can tell apart.
  if (!is_first || bundle.epoch() == 1) {
    if (auto since = catalog::check_since(*in_force_.catalog, *bundle.catalog(), bundle.epoch());
        !since) {
      since.error().why = "since";
      return fail(std::move(since).error());
    }
  }
  TRY_VOID(keeps_versions(*in_force_.catalog, *bundle.catalog()));
  TRY_VOID(widens_what_was_accepted(out.changes, order.accepted));
  return out;
}

Result<CatalogKeeper::Applied> CatalogKeeper::take(const CatalogOrder& order,
                                                   const Publish& publish) {
  auto bundle = catalog::Bundle::parse(order.text);
  if (!bundle) {
    Error error = std::move(bundle).error();
    error.why = "malformed";
    if (error.mend.empty()) error.mend = "correct the content, then draft and sign it again";
    return fail(std::move(error));
  }
  if (in_force_.epoch == bundle->epoch() && in_force_.sha256 == bundle->sha256()) {
    return Applied{.in_force = in_force_, .signers = {}, .changes = {}};
  }
  TRY(Applied out, judge(*bundle, order));
  TRY_VOID(take_into_force(out.in_force.catalog, region_, ports_.log, ports_.clock, ports_.rng));
  if (auto fits = ports_.fits(out.in_force); !fits) {
    return breaks("documents",
                  "the documents of this gateway do not fit the bundle: " + fits.error().message,
                  "change those documents first (tidegate apply), or the bundle");
  }
  TRY_VOID(ports_.store.remember(
      {.epoch = out.in_force.epoch, .sha256 = out.in_force.sha256, .text = order.text}));
  TRY_VOID(publish(out.in_force));  // where it fails, the same file may be applied again
  in_force_ = out.in_force;
  return out;
}

Result<CatalogKeeper::Applied> CatalogKeeper::apply(const CatalogOrder& order,
                                                    const Publish& publish) {
  auto applied = take(order, publish);
  if (!applied) return refused(std::move(applied).error());
  log::info("catalogue_applied", {{"epoch", applied->in_force.epoch},
                                  {"sha256", applied->in_force.sha256},
                                  {"changes", applied->changes.size()}});
  json::array signers, changed;
  for (const std::string& name : applied->signers) signers.emplace_back(name);
  for (const auto& change : applied->changes) {
    if (changed.size() < 100) changed.emplace_back(change.what + " " + change.accepted_as());
  }
  TRY_VOID(ports_.log.append_service_event({.event_id = make_uuid(ports_.rng),
                                            .event_time = ports_.clock.wall(),
                                            .event_name = "CatalogApplied",
                                            .source_region = region_,
                                            .details = {{"epoch", applied->in_force.epoch},
                                                        {"sha256", applied->in_force.sha256},
                                                        {"signers", std::move(signers)},
                                                        {"changed", std::move(changed)}}}));
  return applied;
}

std::unexpected<Error> CatalogKeeper::refused(Error error) {
  log::error("catalogue_refused", {{"rule", error.why},
                                   {"what", error.message},
                                   {"mend", error.mend},
                                   {"in_force", in_force_.epoch}});
  if (error.why == "proof") return fail(std::move(error));  // recorded with its counterexamples
  const auto kept =
      ports_.log.append_service_event({.event_id = make_uuid(ports_.rng),
                                       .event_time = ports_.clock.wall(),
                                       .event_name = "CatalogRefused",
                                       .source_region = region_,
                                       .details = {{"rule", error.why},
                                                   {"what", error.message},
                                                   {"epochInForce", in_force_.epoch},
                                                   {"sha256InForce", in_force_.sha256}}});
  if (!kept) log::error("service_event_lost", {{"why", kept.error().message}});
  return fail(std::move(error));
}

Result<std::string> CatalogKeeper::stored() const {
  TRY(const auto last, ports_.store.last_good());
  return last ? last->text : std::string();
}

}  // namespace tidegate::admin
