// Rotation: new certificates, and a new authority in two steps. A step that was interrupted is
// mended by doing it again.
#include <fmt/format.h>

#include "base/limits.hpp"
#include "cli/pki.hpp"
#include "cli/pki_make.hpp"

namespace tidegate::cli::pki {
namespace {

// Of the two that ca.pem may hold.
struct Bundle {
  std::vector<Certificate> certificates;
  PrivateKey next_key;  // null where no authority is announced
  X509* first() const { return certificates.front().get(); }
  X509* second() const { return certificates.size() > 1 ? certificates[1].get() : nullptr; }
  bool is_next(X509* one) const {
    return next_key && one && X509_check_private_key(one, next_key.get()) == 1;
  }
};

Result<Bundle> read_bundle(const Paths& paths, const std::string& region) {
  Bundle bundle;
  TRY(bundle.certificates, read_certificates(paths.region_ca(region)));
  const auto next = paths.region_ca_next_key(region);
  if (std::filesystem::exists(next)) {
    TRY(bundle.next_key, read_key(next));
  }
  ERR_clear_error();
  return bundle;
}

Result<void> save_bundle(const Paths& paths, const std::string& region,
                         std::initializer_list<X509*> certificates) {
  return save_certificates(std::span(certificates.begin(), certificates.size()),
                           paths.region_ca(region));
}

Result<std::vector<Outcome>> announce(const Paths& paths, const std::string& region, WallTime now) {
  TRY(const Authority present,
      read_authority(paths.region_ca(region), paths.region_ca_key(region)));
  TRY(const std::string trust_domain, trust_domain_of(present, paths.region_ca(region), region));
  const std::string operator_domain = trust_domain.substr(region.size() + 1);
  TRY(const Authority next, make_region_authority(region, operator_domain, now));
  TRY_VOID(save_key(next.key, paths.region_ca_next_key(region)));
  TRY_VOID(save_bundle(paths, region, {present.certificate.get(), next.certificate.get()}));
  return std::vector<Outcome>{{paths.region_ca_next_key(region), Made::created},
                              {paths.region_ca(region), Made::replaced}};
}

// The announced authority takes over. Its key stays in ca-next.key until everything else is done.
Result<std::vector<Outcome>> switch_over(const Paths& paths, const Bundle& bundle,
                                         const std::string& region) {
  const bool done_before = bundle.is_next(bundle.first());
  X509* const next = done_before ? bundle.first() : bundle.second();
  X509* const old = done_before ? bundle.second() : bundle.first();
  TRY_VOID(old ? save_bundle(paths, region, {next, old}) : save_bundle(paths, region, {next}));
  TRY_VOID(save_key(bundle.next_key, paths.region_ca_key(region)));
  std::error_code error;
  std::filesystem::remove(paths.region_ca_next_key(region), error);
  return std::vector<Outcome>{{paths.region_ca(region), Made::replaced},
                              {paths.region_ca_key(region), Made::replaced}};
}

// "DNS:a", "IP:10.0.0.1" of the present certificate of the public port.
std::vector<std::string> present_names(const Paths& paths, const IssueRequest& request) {
  std::vector<std::string> names;
  const auto facts = read(paths.api(request.region, request.node));
  if (!facts) return IssueRequest{}.names;  // there is none: what a first one is made for
  for (const std::string& name : facts->front().names)
    names.push_back(name.substr(name.find(':') + 1));
  return names;
}

Result<std::vector<Outcome>> issue_anew(const Paths& paths, IssueRequest request, WallTime now) {
  if (request.names.empty()) request.names = present_names(paths, request);
  TRY(auto outcomes, issue(paths, request, now));
  return outcomes;
}

}  // namespace

Result<std::vector<Outcome>> rotate(const Paths& paths, const IssueRequest& request, WallTime now) {
  TRY(const Bundle bundle, read_bundle(paths, request.region));
  std::vector<Outcome> outcomes;
  if (bundle.second() && !bundle.is_next(bundle.second())) {
    TRY_VOID(read_authority(paths.region_ca(request.region), paths.region_ca_key(request.region)));
    TRY_VOID(save_bundle(paths, request.region, {bundle.first()}));
    outcomes.push_back({paths.region_ca(request.region), Made::replaced});
  }
  TRY(auto issued, issue_anew(paths, request, now));
  outcomes.insert(outcomes.end(), issued.begin(), issued.end());
  return outcomes;
}

Result<AuthorityRotation> rotate_authority(const Paths& paths, const IssueRequest& request,
                                           WallTime now) {
  TRY(const Bundle bundle, read_bundle(paths, request.region));
  if (!bundle.is_next(bundle.first()) && !bundle.is_next(bundle.second())) {
    TRY(auto outcomes, announce(paths, request.region, now));
    return AuthorityRotation{AuthorityStep::announced, std::move(outcomes)};
  }
  TRY(auto outcomes, switch_over(paths, bundle, request.region));
  TRY(auto issued, issue_anew(paths, request, now));
  outcomes.insert(outcomes.end(), issued.begin(), issued.end());
  return AuthorityRotation{AuthorityStep::switched, std::move(outcomes)};
}

}  // namespace tidegate::cli::pki
