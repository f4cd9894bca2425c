// Which catalogue is in force here, and what may take its place: a bundle that follows the last
// one, is signed by those who must sign it, changes no row under its version, widens nothing that
// was not accepted by name, and is proven. Whatever is not leaves the last good bundle in force and
// raises an alarm: a line of the log, a metric and a CatalogRefused service event.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "audit/log.hpp"
#include "base/rng.hpp"
#include "catalog/bundle.hpp"
#include "catalog/changes.hpp"
#include "gateway/bundle_store.hpp"
#include "gateway/snapshot.hpp"

namespace tidegate::admin {

struct CatalogOrder {
  std::string text;                   // the bundle's file
  std::vector<std::string> accepted;  // Change::accepted_as() of what may widen
  bool first = false;                 // where there is none yet, one of any epoch will do
};

class CatalogKeeper {
 public:
  struct Ports {
    gateway::BundleStore& store;
    audit::Log& log;
    const Clock& clock;
    Rng& rng;
    // Whether what is stored here (narrowed rows of principals) still fits a catalogue, asked
    // before the catalogue is kept: a gateway whose own documents do not fit would not start again.
    std::function<Result<void>(const gateway::CatalogInForce&)> fits =
        [](const gateway::CatalogInForce&) { return Result<void>(); };
  };
  CatalogKeeper(std::string region, std::vector<catalog::Signer> signers, Ports ports)
      : region_(std::move(region)), signers_(std::move(signers)), ports_(std::move(ports)) {}

  // At the start: the last good bundle if there is one, else `first` (a bundle's file) if it is not
  // empty, else `library`. Proven, and recorded. Where there is a last good bundle, a `first` that
  // could never have been it is refused all the same: somebody has put another file in its place.
  // Errors: configuration, store_unavailable, audit_unavailable: a gateway that cannot be sure of
  // its catalogue does not serve.
  Result<gateway::CatalogInForce> open(
      const std::string& first,
      std::shared_ptr<const catalog::Catalog> library = catalog::Catalog::built_in());

  // The rules by which open() refused a file and kept the last good bundle: counted by the caller,
  // because nothing can count before there is a catalogue.
  const std::vector<std::string>& refused_at_start() const { return refused_at_start_; }

  using Publish = std::function<Result<void>(gateway::CatalogInForce)>;
  struct Applied {
    gateway::CatalogInForce in_force;
    std::vector<std::string> signers;
    std::vector<catalog::Change> changes;  // empty where it was in force already
  };
  // Not on a worker's thread: a large bundle takes seconds, and the store blocks. Errors: those of
  // open(); `why` is the rule: malformed, no_signers, downgrade, gap, fork, signatures, since,
  // changed, widens, proof, documents.
  Result<Applied> apply(const CatalogOrder& order, const Publish& publish);

  // The last good bundle's file; empty while the built-in library is in force.
  Result<std::string> stored() const;

 private:
  Result<void> follows(const catalog::Bundle& bundle, const CatalogOrder& order) const;
  Result<std::vector<std::string>> signed_by(const catalog::Bundle& bundle,
                                             std::size_t needed) const;
  Result<Applied> judge(const catalog::Bundle& bundle, const CatalogOrder& order) const;
  Result<gateway::CatalogInForce> reopen(const gateway::StoredBundle& stored);
  Result<void> could_have_been_in_force(const std::string& first) const;
  Result<Applied> take(const CatalogOrder& order, const Publish& publish);
  std::unexpected<Error> refused(Error error);

  std::string region_;
  std::vector<catalog::Signer> signers_;
  Ports ports_;
  gateway::CatalogInForce in_force_;
  std::vector<std::string> refused_at_start_;
};

}  // namespace tidegate::admin
